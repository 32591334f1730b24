//! Units of `cells.parquet` as another reader sees them: pyarrow, where there is one.

use std::process::Command;

use pantrk_space::{MicronsPerPixel, SlideMpp};
use pantrk_store::{CellColumns, write_cells};
use serde_json::Value;

const SCRIPT: &str = "
import json, sys
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
print(json.dumps({f.name: [str(f.type), f.metadata[b'unit'].decode()] for f in table.schema}))
";

#[test]
fn pyarrow_finds_the_unit_of_every_column() {
    let probe = Command::new("python3")
        .args(["-c", "import pyarrow"])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("skipped: no python3 with pyarrow");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cells.parquet");
    let (numbers, bytes, flags) = ([1.0_f32, f32::NAN], [0_u8, 1], [true, false]);
    let cells = CellColumns {
        mpp: SlideMpp::square(MicronsPerPixel::new(0.25).unwrap()),
        x_px: &[1.0, 2.0],
        y_px: &[3.0, 4.0],
        nucleus_area_um2: &numbers,
        cell_area_um2: &numbers,
        circularity: &numbers,
        dab_od: [&numbers; 4],
        nucleus_hematoxylin_od: &numbers,
        nucleus_hematoxylin_cv: &numbers,
        membrane_completeness: &numbers,
        cytoplasm_granularity: &numbers,
        grades: [&bytes; 4],
        excluded: &bytes,
        exclusion_reasons: &["", "fold"],
        tumour: &flags,
    };
    write_cells(&path, &cells).unwrap();
    let output = Command::new("python3")
        .args(["-c", SCRIPT])
        .arg(&path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found.as_object().unwrap().len(), 22);
    for (column, kind, unit) in [
        ("cell_id", "uint64", "row number"),
        ("x_um", "float", "um"),
        ("nucleus_area_um2", "float", "um2"),
        ("tumour", "bool", "bool"),
        ("excluded_reason", "string", "text"),
        ("membrane_dab_od", "float", "OD log10"),
        ("grade_any", "uint8", "0-3"),
    ] {
        assert_eq!(found[column], serde_json::json!([kind, unit]), "{column}");
    }
}
