//! What the laboratory knows: patient, specimen, assay, handling, controls, and who signs.

use pantrk_store::SlideResult;
use pantrk_triage::{Braf, Case, ExternalControl, Laboratory, Mlh1, Mmr, Ras, Stage};
use serde::Serialize;

use super::Field;
use crate::SignOff;
use crate::numbers::{num, words};

/// Fields under one heading.
#[derive(Debug, Serialize)]
pub(crate) struct FieldGroup {
    pub(crate) title: &'static str,
    pub(crate) fields: Vec<Field>,
}

pub(super) fn groups(result: &SlideResult, case: &Case) -> Vec<FieldGroup> {
    let empty = Laboratory::default();
    let lab = case.report.as_ref().unwrap_or(&empty);
    let text = |label: &str, value: &Option<String>| {
        Field::new(label, value.as_deref().unwrap_or_default())
    };
    vec![
        FieldGroup {
            title: "Patient",
            fields: vec![
                text("Name", &lab.patient_name),
                text("Patient id", &lab.patient_id),
                text("Date of birth", &lab.date_of_birth),
                text("Sex", &lab.sex),
                Field::new("Age", age(case)),
                text("Requested by", &lab.requested_by),
            ],
        },
        FieldGroup {
            title: "Specimen",
            fields: vec![
                text("Accession", &lab.accession),
                text("Block", &lab.block),
                text("Specimen", &lab.specimen_type),
                text("Primary or metastasis", &lab.specimen_origin),
                text("Site", &lab.site),
                text("Diagnosis", &lab.diagnosis),
            ],
        },
        FieldGroup {
            title: "Assay",
            fields: vec![
                text("Antibody clone", &case.antibody_clone),
                text("Vendor", &lab.antibody_vendor),
                text("Lot", &lab.antibody_lot),
                text("Assay", &lab.assay),
                text("Platform", &case.platform),
                text("Detection kit", &lab.detection_kit),
            ],
        },
        FieldGroup {
            title: "Handling and controls",
            fields: vec![
                text("Fixative", &lab.fixative),
                Field::new(
                    "Fixation",
                    lab.fixation_hours
                        .map_or_else(String::new, |h| format!("{} h", plain(h))),
                ),
                Field::new(
                    "Cold ischaemia",
                    lab.cold_ischaemia_minutes
                        .map_or_else(String::new, |m| format!("{} min", plain(m))),
                ),
                Field::new("Decalcified", lab.decalcified.map_or("", yes_no)),
                Field::new(
                    "External control",
                    case.external_control.map_or("", control),
                ),
                text("Internal control", &lab.internal_control),
            ],
        },
        molecular(case),
        FieldGroup {
            title: "Slide and scan",
            fields: vec![
                Field::new("Slide", result.slide.id.as_str()),
                Field::new("Pixel size", format!("{} µm", num(result.slide.mpp_x, 4))),
                Field::new(
                    "Objective",
                    result
                        .slide
                        .objective_power
                        .map_or_else(|| "not stated".to_owned(), |p| format!("{}×", plain(p))),
                ),
                Field::new("Format", words(&result.slide.vendor)),
                text("Scanner", &lab.scanner),
                text("Remarks", &lab.remarks),
            ],
        },
    ]
}

/// Known co-alterations.
fn molecular(case: &Case) -> FieldGroup {
    let drivers = case.drivers.as_ref().map_or_else(String::new, |found| {
        if found.is_empty() {
            "looked for, none found".to_owned()
        } else {
            found.join(", ")
        }
    });
    FieldGroup {
        title: "Stage and co-alterations",
        fields: vec![
            Field::new("Stage", case.stage.map_or("", stage)),
            Field::new("MMR", case.mmr.map_or("", mmr)),
            Field::new("MLH1", case.mlh1.map_or("", mlh1)),
            Field::new("BRAF", case.braf.map_or("", braf)),
            Field::new("KRAS, NRAS", case.ras.map_or("", ras)),
            Field::new("Other drivers", drivers),
        ],
    }
}

fn age(case: &Case) -> String {
    case.age_years
        .map_or_else(String::new, |years| format!("{} years", plain(years)))
}

/// Without decimals that say nothing.
fn plain(value: f64) -> String {
    num(value, usize::from(value.fract() != 0.0))
}

const fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

const fn control(value: ExternalControl) -> &'static str {
    match value {
        ExternalControl::Adequate => "adequate",
        ExternalControl::Weak => "weak",
        ExternalControl::Failed => "failed",
    }
}

const fn stage(value: Stage) -> &'static str {
    match value {
        Stage::Localised => "localised",
        Stage::Advanced => "advanced",
        Stage::Metastatic => "metastatic",
    }
}

const fn mmr(value: Mmr) -> &'static str {
    match value {
        Mmr::Proficient => "proficient",
        Mmr::Deficient => "deficient",
    }
}

const fn mlh1(value: Mlh1) -> &'static str {
    match value {
        Mlh1::Retained => "retained",
        Mlh1::Lost => "lost",
    }
}

const fn braf(value: Braf) -> &'static str {
    match value {
        Braf::WildType => "wild type",
        Braf::V600e => "V600E",
        Braf::Mutated => "mutated",
    }
}

const fn ras(value: Ras) -> &'static str {
    match value {
        Ras::WildType => "wild type",
        Ras::Mutated => "mutated",
    }
}

/// Whether the pathologist says the same as the program.
fn agrees(result: &SlideResult, signed: &SignOff) -> bool {
    signed.result == result.ihc.result && signed.action == result.triage.action
}

/// What a pathologist signed, for the head of the report; empty before.
pub(super) fn verdict(result: &SlideResult, signed: Option<&SignOff>) -> String {
    let Some(signed) = signed else {
        return String::new();
    };
    let against = match (&signed.reason, agrees(result, signed)) {
        (_, true) => "as the program read it".to_owned(),
        (None, false) => "other than the program read it".to_owned(),
        (Some(reason), false) => format!("other than the program read it ({reason})"),
    };
    format!(
        "Signed by {} on {}: IHC {}, next step {}, {against}.",
        signed.name,
        crate::numbers::minute(&signed.time),
        words(signed.result.name()),
        signed.action.flag().word
    )
}

/// The block for the signature; what is known is filled in.
pub(super) fn sign_off(result: &SlideResult, case: &Case, signed: Option<&SignOff>) -> Vec<Field> {
    let lab = case.report.as_ref();
    if let Some(signed) = signed {
        let against = if agrees(result, signed) {
            "agrees"
        } else {
            "differs"
        };
        let mut fields = vec![
            Field::new("Pathologist's result", words(signed.result.name())),
            Field::new("Next step", signed.action.label()),
            Field::new("Against the program", against),
        ];
        if let Some(reason) = &signed.reason {
            fields.push(Field::new("Reason", reason.as_str()));
        }
        fields.push(Field::new("Signed by", signed.name.as_str()));
        fields.push(Field::new("On", crate::numbers::minute(&signed.time)));
        return fields;
    }
    let name = lab.and_then(|l| l.pathologist.clone()).unwrap_or_default();
    vec![
        Field::new("Pathologist's result", ""),
        Field::new("If it differs, why", ""),
        Field::new("Pathologist", name),
        Field::new("Date and signature", ""),
    ]
}
