//! The files of a scored slide beside its result: pictures, heatmaps, gallery, regions, cells, case.

use pantrk_core::cell::{CellTable, ExcludedReason};
use pantrk_core::heatmap::heatmaps;
use pantrk_core::overview::OVERVIEW_MPP;
use pantrk_core::pipeline::{SlideAnalysis, telling_fields};
use pantrk_space::{LevelSize, RegionReader as _, RgbBuffer, SlidePoint};
use pantrk_store::{CellColumns, CellShape, CellsGeoJson, ColorMap, Heatmap, Overlay, RunFolder};
use pantrk_triage::Case;

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs;

use super::{Job, Prepared};

pub(super) fn write_pictures(
    job: &Job<'_>,
    prepared: &Prepared,
    analysis: &SlideAnalysis,
    folder: &RunFolder,
    thumbnail: &RgbBuffer,
) -> Result<(), Failure> {
    let size: LevelSize = prepared.slide.size();
    let cells = &analysis.cells;
    pantrk_store::write_thumbnail(&folder.path().join("thumbnail.png"), thumbnail)
        .or_exit(Exit::SomeFailed)?;
    let grades: Vec<u8> = (0..cells.len()).map(|i| cells.grade_any(i)).collect();
    let tumour = tumour_column(cells);
    let overlay = Overlay {
        thumbnail,
        slide: size,
        mpp: prepared.mpp,
        x_px: &cells.x_px,
        y_px: &cells.y_px,
        grades: &grades,
        tumour: &tumour,
        regions: &prepared.drawn,
    };
    pantrk_store::write_overlay(&folder.path().join("overlay.png"), &overlay)
        .or_exit(Exit::SomeFailed)?;
    if job.options.skip_heatmaps || cells.is_empty() {
        return Ok(());
    }
    let maps = heatmaps(cells, size, prepared.mpp);
    let quality = quality_maps(analysis);
    let drawn: Vec<Heatmap<'_>> = maps
        .iter()
        .map(|map| Heatmap {
            metric: map.metric,
            title: map.title,
            unit: map.unit,
            colormap: if map.metric == "tumour_cell_density" {
                ColorMap::VIRIDIS
            } else {
                ColorMap::DAB
            },
            range: Some(map.range),
            columns: map.width as u32,
            rows: map.height as u32,
            values: &map.values,
            origin_um: [0.0, 0.0],
            cell_um: map.um_per_pixel,
        })
        .chain(quality.iter().map(|map| Heatmap {
            metric: &map.name,
            title: &map.title,
            unit: "",
            colormap: ColorMap::VIRIDIS,
            range: Some([0.0, 1.0]),
            columns: map.columns,
            rows: map.rows,
            values: &map.values,
            origin_um: [0.0, 0.0],
            cell_um: map.cell_um,
        }))
        .collect();
    pantrk_store::write_heatmaps(folder.path(), &drawn).or_exit(Exit::SomeFailed)?;
    Ok(())
}

/// The fields that tell most, so that the report can be made again without the slide.
pub(super) fn write_gallery(
    job: &Job<'_>,
    prepared: &Prepared,
    analysis: &SlideAnalysis,
    folder: &RunFolder,
) -> Result<(), Failure> {
    let fields = telling_fields(
        &prepared.slide,
        prepared.mpp,
        job.engine.segmenter.as_ref(),
        analysis,
        inputs::thresholds(job.options.thresholds),
    )
    .or_exit(Exit::NothingRead)?;
    pantrk_store::write_gallery(folder.path(), &fields).or_exit(Exit::SomeFailed)?;
    Ok(())
}

/// The longest side of a map of what a quality check left out, cells.
const QUALITY_SIDE: u32 = 1200;

/// What a quality check left out: the share of the tissue in each cell, nothing on glass.
struct QualityMap {
    name: String,
    title: String,
    columns: u32,
    rows: u32,
    cell_um: f64,
    values: Vec<f32>,
}

/// One for each quality check that marked something; a cell is an overview pixel, and on large slides a square of several.
fn quality_maps(analysis: &SlideAnalysis) -> Vec<QualityMap> {
    let tissue = &analysis.tissue;
    let step = tissue
        .width()
        .max(tissue.height())
        .div_ceil(QUALITY_SIDE)
        .max(1);
    let (columns, rows) = (
        tissue.width().div_ceil(step),
        tissue.height().div_ceil(step),
    );
    let maps = analysis.quality_maps.marked.iter();
    maps.filter(|(_, mask)| mask.count() > 0)
        .map(|(name, mask)| {
            let share = |column: u32, row: u32| {
                let (mut marked, mut all) = (0_u32, 0_u32);
                for y in row * step..(row + 1) * step {
                    for x in column * step..(column + 1) * step {
                        let is_marked = mask.get(x, y);
                        marked += u32::from(is_marked);
                        all += u32::from(is_marked || tissue.get(x, y));
                    }
                }
                if all > 0 {
                    marked as f32 / all as f32
                } else {
                    f32::NAN
                }
            };
            let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
            QualityMap {
                name: format!("quality_{}", name.replace('-', "_")),
                title: format!("Left out: {}", name.replace('-', " ")),
                columns,
                rows,
                cell_um: OVERVIEW_MPP * f64::from(step),
                values: places.map(|(column, row)| share(column, row)).collect(),
            }
        })
        .collect()
}

fn tumour_column(cells: &CellTable) -> Vec<bool> {
    (0..cells.len()).map(|i| cells.is_tumour(i)).collect()
}

/// The regions as they were given, so that they can be looked at and changed beside the result.
pub(super) fn write_regions(
    job: &Job<'_>,
    prepared: &Prepared,
    folder: &RunFolder,
) -> Result<(), Failure> {
    if prepared.region_facts.is_some() {
        // Proposed ones can be mended like drawn ones.
        let text = pantrk_store::regions_geojson(&prepared.drawn).to_string();
        folder
            .write("regions.geojson", format!("{text}\n").as_bytes())
            .or_exit(Exit::SomeFailed)?;
        return Ok(());
    }
    if let Some(text) = job.options.drawn() {
        folder
            .write("regions.geojson", text.as_bytes())
            .or_exit(Exit::SomeFailed)?;
    } else if let Some(regions) = &job.options.regions {
        let copy = folder.path().join("regions.geojson");
        std::fs::copy(regions, &copy).map_err(|e| {
            Failure::new(
                Exit::SomeFailed,
                anyhow::anyhow!(
                    "the regions could not be kept with the result ({e}): {}",
                    copy.display()
                ),
            )
        })?;
    }
    Ok(())
}

pub(super) fn write_cells(
    job: &Job<'_>,
    prepared: &Prepared,
    analysis: &SlideAnalysis,
    folder: &RunFolder,
) -> Result<(), Failure> {
    let cells = &analysis.cells;
    let excluded: Vec<u8> = cells
        .excluded
        .iter()
        .map(|r| r.map_or(0, |r| r as u8))
        .collect();
    let mut reasons = vec!["counted"];
    reasons.extend(ExcludedReason::ALL.iter().map(|r| r.name()));
    let columns = CellColumns {
        mpp: prepared.mpp,
        x_px: &cells.x_px,
        y_px: &cells.y_px,
        nucleus_area_um2: &cells.nucleus_area_um2,
        cell_area_um2: &cells.cell_area_um2,
        circularity: &cells.circularity,
        dab_od: cells.dab_od.each_ref().map(Vec::as_slice),
        nucleus_hematoxylin_od: &cells.nucleus_hematoxylin_od,
        nucleus_hematoxylin_cv: &cells.nucleus_hematoxylin_cv,
        membrane_completeness: &cells.membrane_completeness,
        cytoplasm_granularity: &cells.cytoplasm_granularity,
        grades: cells.grades.each_ref().map(Vec::as_slice),
        excluded: &excluded,
        exclusion_reasons: &reasons,
        tumour: &tumour_column(cells),
    };
    pantrk_store::write_cells(&folder.path().join("cells.parquet"), &columns)
        .or_exit(Exit::SomeFailed)?;
    if !job.options.geojson {
        return Ok(());
    }
    let path = folder.path().join("cells.geojson.gz");
    let mut out = CellsGeoJson::create(&path, &job.slide_id).or_exit(Exit::SomeFailed)?;
    for i in 0..cells.len() {
        let outline: Vec<SlidePoint> = cells.contours[i]
            .iter()
            .map(|p| SlidePoint {
                x: f64::from(p[0]),
                y: f64::from(p[1]),
            })
            .collect();
        let shape = CellShape {
            cell_id: i as u64,
            nucleus: &outline,
            cell: None,
            grade: cells.grade_any(i),
            nucleus_area_um2: cells.nucleus_area_um2[i],
            cell_area_um2: cells.cell_area_um2[i],
            nucleus_circularity: cells.circularity[i],
            dab_od: std::array::from_fn(|k| cells.dab_od[k][i]),
            nucleus_hematoxylin_od: cells.nucleus_hematoxylin_od[i],
        };
        out.push(&shape).or_exit(Exit::SomeFailed)?;
    }
    out.finish().or_exit(Exit::SomeFailed)?;
    Ok(())
}

/// The case as it was given: the report reads it again, and it alone holds what only the report shows.
pub(super) fn write_case(case: &Case, folder: &RunFolder) -> Result<(), Failure> {
    if *case == Case::default() {
        return Ok(());
    }
    let text = serde_json::to_string_pretty(case).or_exit(Exit::SomeFailed)?;
    folder
        .write(pantrk_report::CASE_FILE, format!("{text}\n").as_bytes())
        .or_exit(Exit::SomeFailed)?;
    Ok(())
}
