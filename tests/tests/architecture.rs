//! The allowed edges between the crates of the workspace, and who may name whom.
#![expect(clippy::unwrap_used, reason = "a test that cannot look must fail")]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Each crate and what it may depend on; only the last four rows join everything.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("space", &[]),
    ("slide", &["space"]),
    ("nn", &["space"]),
    ("core", &["space", "nn"]),
    ("triage", &["core"]),
    ("phantom", &["space", "slide"]),
    ("store", &["space", "core", "triage"]),
    ("report", &["core", "triage", "store"]),
    ("eval", &["space", "core", "triage", "store"]),
    // The viewer exports the PDF report.
    (
        "viewer",
        &["space", "slide", "core", "triage", "store", "report"],
    ),
    (
        "cli",
        &[
            "space", "slide", "nn", "core", "triage", "phantom", "store", "report", "eval",
            "viewer",
        ],
    ),
];

/// Outside crates that belong to one crate of ours alone.
const OWNED: [(&str, &[&str]); 5] = [
    ("tract-onnx", &["nn"]),
    ("ort", &["nn"]),
    ("typst", &["report"]),
    ("egui", &["viewer"]),
    ("eframe", &["viewer"]),
];

/// Each package of the workspace and its dependencies, those of tests and builds aside.
fn normal_dependencies() -> BTreeMap<String, Vec<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            // The kind of an ordinary dependency is null.
            let normal = dependencies.filter(|d| d["kind"].is_null()).map(name);
            (name(package), normal.collect())
        })
        .collect()
}

#[test]
fn crates_depend_along_the_allowed_edges_only() {
    let found = normal_dependencies();
    for (name, dependencies) in &found {
        let Some(short) = name.strip_prefix("pantrk-") else {
            panic!("{name} is not named pantrk-*");
        };
        if matches!(short, "tests" | "benches") {
            continue;
        }
        let allowed = ALLOWED
            .iter()
            .find(|(crate_name, _)| *crate_name == short)
            .unwrap_or_else(|| panic!("{name} has no row in ALLOWED"));
        for dependency in dependencies
            .iter()
            .filter_map(|d| d.strip_prefix("pantrk-"))
        {
            assert!(
                allowed.1.contains(&dependency),
                "pantrk-{short} must not depend on pantrk-{dependency}"
            );
        }
    }
    for (short, _) in ALLOWED {
        assert!(
            found.contains_key(&format!("pantrk-{short}")),
            "pantrk-{short} is gone"
        );
    }
}

#[test]
fn runtimes_and_windows_have_one_owner() {
    for (name, dependencies) in normal_dependencies() {
        for (outside, owners) in OWNED {
            let short = name.trim_start_matches("pantrk-");
            assert!(
                !dependencies.iter().any(|d| d == outside) || owners.contains(&short),
                "{name} must not name {outside}"
            );
        }
    }
}
