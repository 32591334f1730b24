//! Maps of the slide's cells: one value per square of a regular grid.
//!
//! A new metric is one row in [`METRICS`].

use pantrk_space::{LevelSize, SlideMpp};

use crate::cell::CellTable;

/// The side of a square in um.
pub const HEATMAP_UM: f64 = 64.0;

/// One map; row by row, NaN where there is nothing to show.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// As in `heatmaps/index.json` and in the file name.
    pub metric: &'static str,
    /// As people read it.
    pub title: &'static str,
    /// Of the values.
    pub unit: &'static str,
    /// The values at the ends of the colour bar.
    pub range: [f32; 2],
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The side of a square in um; the first square starts at the slide's origin.
    pub um_per_pixel: f64,
    /// One per square.
    pub values: Vec<f32>,
}

/// One kind of map.
pub struct Metric {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    /// The upper end of the colour bar; `None`: the 99th percentile of the map.
    top: Option<f32>,
    value: fn(&CellTable, &[usize]) -> f32,
}

/// All metrics.
pub const METRICS: [Metric; 7] = [
    Metric {
        name: "positive_percent",
        title: "Positive tumour cells",
        unit: "%",
        top: Some(100.0),
        value: |cells, at| 100.0 * mean(at, |i| f32::from(u8::from(cells.grade_any(i) > 0))),
    },
    Metric {
        name: "h_score",
        title: "H-score",
        unit: "0-300",
        top: Some(300.0),
        value: |cells, at| 100.0 * mean(at, |i| f32::from(cells.grade_any(i))),
    },
    Metric {
        name: "nucleus_dab_od",
        title: "DAB in nuclei",
        unit: "OD",
        top: Some(1.0),
        value: |cells, at| mean(at, |i| cells.dab_od[0][i]),
    },
    Metric {
        name: "nuclear_rim_dab_od",
        title: "DAB at nuclear rims",
        unit: "OD",
        top: Some(1.0),
        value: |cells, at| mean(at, |i| cells.dab_od[1][i]),
    },
    Metric {
        name: "cytoplasm_dab_od",
        title: "DAB in cytoplasm",
        unit: "OD",
        top: Some(1.0),
        value: |cells, at| mean(at, |i| cells.dab_od[2][i]),
    },
    Metric {
        name: "membrane_dab_od",
        title: "DAB at membranes",
        unit: "OD",
        top: Some(1.0),
        value: |cells, at| mean(at, |i| cells.dab_od[3][i]),
    },
    Metric {
        name: "tumour_cell_density",
        title: "Tumour cells",
        unit: "per mm2",
        top: None,
        value: |_, at| (at.len() as f64 / (HEATMAP_UM * HEATMAP_UM / 1e6)) as f32,
    },
];

/// All maps of a slide's tumour cells.
pub fn heatmaps(cells: &CellTable, size: LevelSize, mpp: SlideMpp) -> Vec<Heatmap> {
    let extent =
        |pixels: u32, um: f64| ((f64::from(pixels) * um / HEATMAP_UM).ceil() as usize).max(1);
    let width = extent(size.width, mpp.x.get());
    let height = extent(size.height, mpp.y.get());
    let mut squares = vec![Vec::new(); width * height];
    for i in (0..cells.len()).filter(|&i| cells.is_tumour(i)) {
        let column = (cells.x_px[i] * mpp.x.get() / HEATMAP_UM).max(0.0) as usize;
        let row = (cells.y_px[i] * mpp.y.get() / HEATMAP_UM).max(0.0) as usize;
        squares[row.min(height - 1) * width + column.min(width - 1)].push(i);
    }
    METRICS
        .iter()
        .map(|metric| {
            let values: Vec<f32> = squares
                .iter()
                .map(|at| {
                    if at.is_empty() {
                        f32::NAN
                    } else {
                        (metric.value)(cells, at)
                    }
                })
                .collect();
            Heatmap {
                metric: metric.name,
                title: metric.title,
                unit: metric.unit,
                range: [0.0, metric.top.unwrap_or_else(|| upper(&values))],
                width,
                height,
                um_per_pixel: HEATMAP_UM,
                values,
            }
        })
        .collect()
}

fn mean(at: &[usize], value: impl Fn(usize) -> f32) -> f32 {
    let finite = at.iter().map(|&i| value(i)).filter(|v| v.is_finite());
    let (sum, n) = finite.fold((0.0, 0_u32), |(s, n), v| (s + v, n + 1));
    if n == 0 { f32::NAN } else { sum / n as f32 }
}

/// The 99th percentile, at least 1.
fn upper(values: &[f32]) -> f32 {
    let mut finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    finite.sort_unstable_by(f32::total_cmp);
    finite
        .get(finite.len() * 99 / 100)
        .map_or(1.0, |v| v.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::MicronsPerPixel;

    #[test]
    fn cells_land_in_their_square() {
        let mut cells = CellTable::default();
        for (x, y, grade) in [(10.0, 10.0, 3), (20.0, 20.0, 0), (400.0, 10.0, 1)] {
            cells.x_px.push(x);
            cells.y_px.push(y);
            for k in 0..4 {
                cells.grades[k].push(if k == 2 { grade } else { 0 });
                cells.dab_od[k].push(0.1);
            }
            cells.excluded.push(None);
        }
        let mpp = SlideMpp::square(MicronsPerPixel::new(0.25).unwrap());
        let maps = heatmaps(
            &cells,
            LevelSize {
                width: 512,
                height: 128,
            },
            mpp,
        );
        let positive = &maps[0];
        assert_eq!((positive.width, positive.height), (2, 1));
        assert!(
            (positive.values[0] - 50.0).abs() < 1e-4 && (positive.values[1] - 100.0).abs() < 1e-4
        );
        assert!((maps[1].values[0] - 150.0).abs() < 1e-4);
    }
}
