//! `cells.geojson.gz`: cells as QuPath reads them, written one by one.
//!
//! Level-0 pixels; closed rings of at least three distinct points, because one broken contour makes QuPath refuse the file.
//! The measurements bear QuPath's names, so that its own commands for thresholds and maps find them.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use pantrk_core::score::Compartment;
use pantrk_space::SlidePoint;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::draw::{GRADE_COLOURS, grade_label};
use crate::folder::create_buffered;

/// One cell for [`CellsGeoJson::push`].
#[derive(Debug, Clone, Copy)]
pub struct CellShape<'a> {
    /// As in `cells.parquet`.
    pub cell_id: u64,
    /// The nucleus' outline, level-0 pixels.
    pub nucleus: &'a [SlidePoint],
    /// The cell's outline; the nucleus' where it is not known.
    pub cell: Option<&'a [SlidePoint]>,
    /// The highest grade of any compartment, 0 to 3.
    pub grade: u8,
    /// um2.
    pub nucleus_area_um2: f32,
    /// um2.
    pub cell_area_um2: f32,
    /// 1 for a circle.
    pub nucleus_circularity: f32,
    /// Mean optical density (log10) in the order of [`Compartment::ALL`].
    pub dab_od: [f32; 4],
    /// Mean optical density (log10).
    pub nucleus_hematoxylin_od: f32,
}

/// Writes cells one by one; memory does not grow with their number.
#[derive(Debug)]
pub struct CellsGeoJson {
    out: GzEncoder<BufWriter<File>>,
    path: PathBuf,
    slide_id: String,
    written: u64,
    skipped: u64,
}

impl CellsGeoJson {
    /// Starts the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(path: &Path, slide_id: &str) -> Result<Self, StoreError> {
        // No name and no time in the gzip header: the same cells give the same bytes.
        let mut out = GzBuilder::new()
            .mtime(0)
            .write(create_buffered(path)?, Compression::default());
        out.write_all(b"{\"type\":\"FeatureCollection\",\"features\":[")
            .map_err(|e| StoreError::io("write the cells as GeoJSON", path, e))?;
        Ok(Self {
            out,
            path: path.to_owned(),
            slide_id: slide_id.to_owned(),
            written: 0,
            skipped: 0,
        })
    }

    /// Writes one cell; one whose nucleus has no area as an outline (fewer than three distinct points) is passed over and counted.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn push(&mut self, cell: &CellShape<'_>) -> Result<(), StoreError> {
        let Some(nucleus) = ring(cell.nucleus) else {
            self.skipped += 1;
            return Ok(());
        };
        let outline = cell.cell.and_then(ring).unwrap_or_else(|| nucleus.clone());
        let feature = json!({
            "type": "Feature",
            "id": self.uuid(cell.cell_id),
            "geometry": { "type": "Polygon", "coordinates": [outline] },
            "nucleusGeometry": { "type": "Polygon", "coordinates": [nucleus] },
            "properties": {
                "objectType": "cell",
                "classification": {
                    "name": grade_label(cell.grade),
                    "color": GRADE_COLOURS[usize::from(cell.grade.min(3))],
                },
                "measurements": measurements(cell),
            },
        });
        let separator: &[u8] = if self.written == 0 { b"\n" } else { b",\n" };
        let text = feature.to_string();
        self.out
            .write_all(separator)
            .and_then(|()| self.out.write_all(text.as_bytes()))
            .map_err(|e| StoreError::io("write the cells as GeoJSON", &self.path, e))?;
        self.written += 1;
        Ok(())
    }

    /// Closes the file and waits until it is on the disk; gives how many cells were passed over.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(mut self) -> Result<u64, StoreError> {
        let path = self.path.clone();
        let failed = |e| StoreError::io("write the cells as GeoJSON", &path, e);
        self.out.write_all(b"\n]}\n").map_err(failed)?;
        let file = self
            .out
            .finish()
            .and_then(|buffer| {
                buffer
                    .into_inner()
                    .map_err(std::io::IntoInnerError::into_error)
            })
            .map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(self.skipped)
    }

    /// A UUID (version 8) that the slide and the cell decide.
    fn uuid(&self, cell: u64) -> String {
        let mut digest = Sha256::new();
        digest.update(self.slide_id.as_bytes());
        digest.update([0]);
        digest.update(cell.to_le_bytes());
        let digest = digest.finalize();
        let mut bytes = [0_u8; 16];
        for (out, byte) in bytes.iter_mut().zip(digest.iter()) {
            *out = *byte;
        }
        bytes[6] = 0x80 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        let value = u128::from_be_bytes(bytes);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            value >> 96,
            (value >> 80) & 0xffff,
            (value >> 64) & 0xffff,
            (value >> 48) & 0xffff,
            value & 0xffff_ffff_ffff
        )
    }
}

/// A closed ring with coordinates to a hundredth of a pixel; `None` below three distinct points.
fn ring(points: &[SlidePoint]) -> Option<Vec<[f64; 2]>> {
    let round = |v: f64| (v * 100.0).round() / 100.0;
    let mut ring: Vec<[f64; 2]> = points
        .iter()
        .filter(|p| p.x.is_finite() && p.y.is_finite())
        .map(|p| [round(p.x), round(p.y)])
        .collect();
    ring.dedup();
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    let first = *ring.first()?;
    (ring.len() >= 3).then(|| {
        ring.push(first);
        ring
    })
}

fn measurements(cell: &CellShape<'_>) -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |name: &str, value: f32| {
        // QuPath reads the word for a measurement that is missing.
        let value = if value.is_finite() {
            json!((f64::from(value) * 1e5).round() / 1e5)
        } else {
            json!("NaN")
        };
        all.insert(name.to_owned(), value);
    };
    put("Nucleus: Area µm^2", cell.nucleus_area_um2);
    put("Nucleus: Circularity", cell.nucleus_circularity);
    put("Cell: Area µm^2", cell.cell_area_um2);
    put(
        "Nucleus/Cell area ratio",
        cell.nucleus_area_um2 / cell.cell_area_um2,
    );
    put("Nucleus: Hematoxylin OD mean", cell.nucleus_hematoxylin_od);
    for (compartment, od) in Compartment::ALL.into_iter().zip(cell.dab_od) {
        let name = match compartment {
            Compartment::Nucleus => "Nucleus",
            Compartment::NuclearRim => "Nuclear rim",
            Compartment::Cytoplasm => "Cytoplasm",
            Compartment::Membrane => "Membrane",
        };
        put(&format!("{name}: DAB OD mean"), od);
    }
    all
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const SQUARE: [SlidePoint; 5] = [
        SlidePoint { x: 1.0, y: 1.0 },
        SlidePoint { x: 9.004, y: 1.0 },
        SlidePoint { x: 9.0, y: 9.0 },
        SlidePoint { x: 9.0, y: 9.0 },
        SlidePoint { x: 1.0, y: 9.0 },
    ];

    fn cell(cell_id: u64, nucleus: &[SlidePoint]) -> CellShape<'_> {
        CellShape {
            cell_id,
            nucleus,
            cell: None,
            grade: 2,
            nucleus_area_um2: 64.0,
            cell_area_um2: 128.0,
            nucleus_circularity: 0.9,
            dab_od: [0.1, 0.2, f32::NAN, 0.45],
            nucleus_hematoxylin_od: 0.5,
        }
    }

    fn written(path: &Path) -> Value {
        let mut text = String::new();
        flate2::read::GzDecoder::new(File::open(path).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn cells_are_what_qupath_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cells.geojson.gz");
        let mut out = CellsGeoJson::create(&path, "s1").unwrap();
        out.push(&cell(0, &SQUARE)).unwrap();
        out.push(&cell(1, &SQUARE[..2])).unwrap();
        out.push(&cell(2, &SQUARE)).unwrap();
        assert_eq!(out.finish().unwrap(), 1);
        let value = written(&path);
        let features = value["features"].as_array().unwrap();
        assert_eq!(features.len(), 2);
        let first = &features[0];
        assert_eq!(first["properties"]["objectType"], "cell");
        assert_eq!(first["properties"]["classification"]["name"], "2+");
        let ring = first["nucleusGeometry"]["coordinates"][0]
            .as_array()
            .unwrap();
        assert_eq!((ring.len(), &ring[0]), (5, &ring[4]));
        let measured = &first["properties"]["measurements"];
        assert_eq!(measured["Membrane: DAB OD mean"], 0.45);
        assert_eq!(measured["Cytoplasm: DAB OD mean"], "NaN");
        assert_eq!(measured["Nucleus/Cell area ratio"], 0.5);
        let id = first["id"].as_str().unwrap();
        assert_eq!((id.len(), &id[14..15]), (36, "8"));
        assert_ne!(first["id"], features[1]["id"]);
    }

    #[test]
    fn no_cells_are_a_valid_file_and_bytes_repeat() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
        for path in [&a, &b] {
            CellsGeoJson::create(path, "s1").unwrap().finish().unwrap();
        }
        assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
        assert_eq!(written(&a)["features"], json!([]));
    }
}
