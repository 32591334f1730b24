//! The literature that the triage rests on, as an evaluation of its own.

use pantrk_core::score::IhcResult;
use pantrk_triage::{Case, Evidence, IhcFinding, Probability, TumourTypes, decide};

use crate::EvalError;
use crate::output::{Cell, Column, Estimate, Report, Section, Table};

/// The evidence tables worked out anew for an antibody clone.
///
/// # Errors
/// If a table is broken.
pub fn evidence_report(clone: &str) -> Result<Report, EvalError> {
    let evidence = Evidence::embedded()?;
    let mut report = Report::new("eval evidence", "The evidence behind the triage");
    report.subtitle = format!("Evidence tables {}, clone {clone}.", evidence.version());
    report.inputs = vec![
        ("evidence tables".to_owned(), evidence.version().to_owned()),
        ("clone".to_owned(), clone.to_owned()),
    ];
    report.warnings = vec![evidence.note().to_owned()];
    report
        .sections
        .push(Section::new("Probability of a fusion").with(post_test(clone)?));
    Ok(report)
}

/// Before the stain, after a positive and after a negative one, for each tumour type.
fn post_test(clone: &str) -> Result<Table, EvalError> {
    let mut table = Table::new(
        "post_test",
        "Probability of an NTRK fusion before and after the stain",
        [
            Column::text("tumour_type", "Tumour type"),
            Column::estimate("before", "Before the stain"),
            Column::estimate("if_positive", "After a positive"),
            Column::estimate("if_negative", "After a negative"),
        ],
    );
    for tumour in TumourTypes::embedded()? {
        let case = Case {
            tumour_type: Some(tumour.id.clone()),
            antibody_clone: Some(clone.to_owned()),
            ..Case::default()
        };
        let triage = decide(&case, &IhcFinding::new(IhcResult::Positive))?;
        let probability = |p: Option<&Probability>, why: &str| match p {
            Some(p) => Estimate::probability(p.p, Some(p.interval95), 0).into(),
            None => Cell::missing(0, why),
        };
        let after = triage.post_test.as_ref();
        table.push([
            Cell::text(&tumour.name),
            probability(triage.pre_test.as_ref(), "no figure found"),
            probability(after.map(|p| &p.if_positive), "cannot be given"),
            probability(
                after.and_then(|p| p.if_negative.as_ref()),
                "cannot be given",
            ),
        ]);
    }
    Ok(table)
}
