//! A made-up result that fills every field; for tests of this crate and of those that read results.

use std::collections::BTreeMap;

use pantrk_core::score::{
    Compartment, CompartmentScore, CompartmentScores, ControlAdequacy, ControlScore, Extent,
    IhcCall, IhcResult, Intensity, Pattern, ProfileCall, Texture, WithLeftOut,
};
use pantrk_store::{
    CellCounts, ModelFacts, MppSource, PatternFacts, Quality, RunFacts, SCHEMA, SlideFacts,
    SlideResult, StainFacts, TumourRegion, UnreadTile, Warning,
};
use serde_json::json;

fn score(percents: [f64; 3], mean_dab_od: f64) -> CompartmentScore {
    let [one, two, three] = percents;
    let positive = one + two + three;
    CompartmentScore {
        positive_percent: positive,
        percent_1: one,
        percent_2: two,
        percent_3: three,
        h_score: one + 2.0 * two + 3.0 * three,
        mean_dab_od,
        interval95: [(positive - 1.1).max(0.0), positive + 1.2],
        sensitivity: [positive * 1.12, positive * 0.9],
        false_positive_percent: 0.05,
    }
}

fn map<V: Clone, const N: usize>(pairs: [(&str, V); N]) -> BTreeMap<String, V> {
    pairs.map(|(key, value)| (key.to_owned(), value)).into()
}

fn profile(result: IhcResult, value: f64, cutoff: f64, unit: &str) -> ProfileCall {
    ProfileCall {
        result,
        value: Some(value),
        interval95: Some([value * 0.97, value * 1.03]),
        cutoff,
        unit: unit.to_owned(),
        version: "1".to_owned(),
        sensitivity: Some([IhcResult::Positive, result]),
        parts: BTreeMap::new(),
        reasons: vec!["The whole interval lies above the cut-off.".to_owned()],
    }
}

fn slide() -> SlideFacts {
    SlideFacts {
        id: "S21-04711_B2_panTRK".to_owned(),
        path: "slides/S21-04711_B2_panTRK.svs".to_owned(),
        vendor: "aperio".to_owned(),
        fingerprint: "b7f0c2d19a".to_owned(),
        width: 48_000,
        height: 36_000,
        levels: 4,
        mpp_x: 0.2527,
        mpp_y: 0.2527,
        mpp_source: MppSource::File,
        objective_power: Some(40.0),
    }
}

fn run() -> RunFacts {
    RunFacts {
        version: "0.1.0".to_owned(),
        parameters: json!({ "thresholds": [0.2, 0.4, 0.6], "profile": "any-1pct" })
            .as_object()
            .cloned()
            .unwrap_or_default(),
        parameter_hash: "9a4c1f72e0d3".to_owned(),
        model: ModelFacts {
            name: "nucleus".to_owned(),
            version: "0.3.0".to_owned(),
            sha256: Some("3c9d".repeat(16)),
            runtime: Some("tract 0.23.9".to_owned()),
        },
        device: "cpu".to_owned(),
        threads: Some(8),
        host: Some("node-17".to_owned()),
        started: Some("2026-03-02T09:14:05Z".to_owned()),
        seconds: map([("overview", 2.1), ("patches", 61.4), ("total", 65.0)]),
        peak_rss_bytes: Some(812_000_000),
    }
}

/// A positive slide with everything there is.
#[expect(clippy::unwrap_used, reason = "a helper of tests")]
pub(crate) fn sample() -> SlideResult {
    let mut cantrk = profile(IhcResult::Indeterminate, 5.0, 6.0, "points");
    cantrk.parts = map([("nuclear", 3.0), ("cytoplasmic", 2.0), ("membranous", 0.0)]);
    cantrk.reasons = vec!["The total reaches 6 if the thresholds fall by 0.05 OD.".to_owned()];
    SlideResult {
        schema: SCHEMA.to_owned(),
        slide: slide(),
        run: run(),
        quality: Quality {
            tissue_mm2: 84.31,
            evaluated_mm2: 79.02,
            excluded_mm2: map([("focus", 2.3), ("fold", 1.9), ("pen", 1.05)]),
            unread_mm2: 0.04,
            unread_tiles: vec![UnreadTile {
                level: 0,
                column: 17,
                row: 44,
                reason: "the JPEG stream ends early".to_owned(),
            }],
            warnings: vec![Warning::new(
                "unread-tiles",
                "One tile (0.04 mm2) could not be read and is not part of the score.",
            )],
            with_left_out: Some(WithLeftOut {
                tumour_cells: 135_689,
                positive_percent: 25.1,
                h_score: 42.9,
            }),
        },
        stain: StainFacts {
            hematoxylin: [0.651_11, 0.701_19, 0.290_49],
            dab: [0.269_17, 0.568_24, 0.777_59],
            residual: [0.633_04, -0.712_86, 0.301_81],
            background_rgb: [243.0, 242.0, 244.0],
            dab_background_od: 0.037,
            source: "default".to_owned(),
            background_drift: 2.5,
            dab_background_source: "internal-negative-tissue".to_owned(),
            uncorrected: None,
        },
        tumour_region: TumourRegion::Given,
        region_classifier: None,
        cell_kinds: None,
        cells: CellCounts {
            segmented: 214_803,
            tumour: 131_422,
            excluded: map([("outside-tumour", 79_114_u64), ("focus", 4267)]),
            narrow_cytoplasm: 812,
        },
        compartments: Some(CompartmentScores {
            any: score([24.2, 11.8, 3.1], 0.31),
            nucleus: score([21.0, 9.9, 2.6], 0.27),
            nuclear_rim: score([6.2, 1.1, 0.1], 0.16),
            cytoplasm: score([12.6, 2.3, 0.3], 0.19),
            membrane: score([0.61, 0.1, 0.0], 0.06),
        }),
        pattern: Some(PatternFacts {
            pattern: Pattern {
                compartments: vec![Compartment::Nucleus, Compartment::Cytoplasm],
                extent: Extent::Focal,
                texture: Some(Texture::Smooth),
                clustering: Some(1.8),
            },
            gene_hint: serde_json::from_value(json!({
                "genes": ["NTRK3"],
                "note": "Nuclear with cytoplasmic stain is more often seen with NTRK3 fusions.",
                "counter_examples": ["LMNA-NTRK1 was diffusely and strongly nuclear in 2 of 2 dMMR colon carcinomas."],
                "citations": []
            }))
            .ok(),
        }),
        control: Some(ControlScore {
            cells: 412,
            positive_percent: 71.4,
            h_score: 140.0,
            mean_positive_grade: 1.96,
            adequacy: ControlAdequacy::Adequate,
        }),
        profiles: map([
            ("any-1pct", profile(IhcResult::Positive, 39.1, 1.0, "percent")),
            ("cantrk", cantrk),
            ("h-score", profile(IhcResult::Positive, 57.1, 5.0, "h-score")),
        ]),
        ihc: IhcCall {
            result: IhcResult::Positive,
            profile: "any-1pct".to_owned(),
            intensity: Some(Intensity::Moderate),
            extent: Some(Extent::Focal),
            reasons: vec!["39.1 % of 131 422 tumour cells stain, against a cut-off of 1 %.".to_owned()],
        },
        triage: serde_json::from_value(triage()).unwrap(),
    }
}

fn triage() -> serde_json::Value {
    json!({
        "action": "order-rna-ngs",
        "flag": { "word": "sequence", "icon": "▲", "colour": "vermillion" },
        "rule": "R7",
        "rules": [
            { "id": "R7", "title": "A positive stain goes to sequencing", "action": "order-rna-ngs",
              "because": "The stain is positive in a tumour type with rare fusions." },
            { "id": "R10", "title": "Mismatch repair and MLH1", "action": null,
              "because": "dMMR with MLH1 methylation and wild-type BRAF and RAS raises the prior." }
        ],
        "reasons": ["The stain is positive (39.1 %, any compartment).", "Screening by IHC does not prove a fusion."],
        "pre_test": { "p": 0.0031, "interval95": [0.0016, 0.0054], "source": "9 of 2929 colorectal carcinomas." },
        "post_test": { "p": 0.042, "interval95": [0.016, 0.11], "given": "positive",
            "if_positive": { "p": 0.042, "interval95": [0.016, 0.11] },
            "if_negative": { "p": 0.0004, "interval95": [0.0001, 0.0012] },
            "source": "EPR17341 sensitivity 0.88, specificity 0.94.", "assumption": false },
        "citations": [
            { "study": "Study one, 2019", "source": "https://example.org/one", "certainty": "seen" },
            { "study": "Study two, 2021", "source": "https://example.org/two", "certainty": "calculated" }
        ],
        "table_version": "2026-11-21",
        "tumour_type": "Colorectal adenocarcinoma",
        "groups": [],
        "would_change": [{ "fact": "ras", "value": "mutated", "action": "no-further-testing", "rule": "R10" }],
        "abstained": [{ "id": "R12", "title": "External control", "missing": ["external_control"] }],
        "warnings": ["The antibody clone is not given; EPR17341 is assumed."],
        "assumption": true,
        "limits": ""
    })
}

/// A slide with too few cells.
pub(crate) fn not_evaluable() -> SlideResult {
    let mut result = sample();
    result.compartments = None;
    result.pattern = None;
    result.cells.tumour = 41;
    result.ihc.result = IhcResult::NotEvaluable;
    result.ihc.intensity = None;
    result.ihc.reasons = vec!["41 tumour cells, wanted at least 100.".to_owned()];
    for call in result.profiles.values_mut() {
        call.result = IhcResult::NotEvaluable;
        call.value = None;
        call.interval95 = None;
        call.sensitivity = None;
        call.parts.clear();
        call.reasons.clear();
    }
    result
}
