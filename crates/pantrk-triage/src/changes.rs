//! Which missing fact would change the decision.
//!
//! Found by deciding again with each missing fact supposed, so what is said here is what would happen.

use crate::case::{Braf, Case, Frame, Mlh1, Mmr, NgsResult, Ras, RnaQuality, Stage};
use crate::decide::judge_all;
use crate::error::TriageError;
use crate::facts::Facts;
use crate::triage::{Action, Change};

/// A missing fact with a value it could have.
struct Supposition {
    fact: &'static str,
    value: String,
    apply: Box<dyn Fn(&mut Case)>,
}

fn suppose(
    fact: &'static str,
    value: impl Into<String>,
    apply: impl Fn(&mut Case) + 'static,
) -> Supposition {
    Supposition {
        fact,
        value: value.into(),
        apply: Box::new(apply),
    }
}

/// What each missing fact could be.
fn suppositions(facts: &Facts<'_>) -> Vec<Supposition> {
    let mut all = of_patient(facts);
    all.extend(of_tumour(facts));
    all.extend(of_sequencing(facts.case));
    all
}

fn of_patient(facts: &Facts<'_>) -> Vec<Supposition> {
    let case = facts.case;
    let mut all = Vec::new();
    if case.stage.is_none() {
        for (value, stage) in [
            ("advanced or metastatic", Stage::Metastatic),
            ("localised", Stage::Localised),
        ] {
            all.push(suppose("stage", value, move |c| c.stage = Some(stage)));
        }
    }
    if case.age_years.is_none() {
        for context in facts.evidence.contexts() {
            if let Some(limit) = context.when.age_below
                && context.family == facts.family()
            {
                let value = format!("below {limit}");
                let age = limit / 2.0;
                all.push(suppose("age_years", value, move |c| {
                    c.age_years = Some(age);
                }));
            }
        }
    }
    if case.treatment_relevant.is_none() {
        all.push(suppose("treatment_relevant", "true", |c| {
            c.treatment_relevant = Some(true);
        }));
    }
    if case.ngs_available.is_none() {
        all.push(suppose("ngs_available", "false", |c| {
            c.ngs_available = Some(false);
        }));
    }
    all
}

fn of_tumour(facts: &Facts<'_>) -> Vec<Supposition> {
    let case = facts.case;
    let mut all = Vec::new();
    if case.drivers.is_none() {
        all.push(suppose("drivers", "none found", |c| {
            c.drivers = Some(Vec::new());
        }));
        if let Some(driver) = facts.evidence.drivers().first() {
            let found = vec![driver.gene.clone()];
            all.push(suppose("drivers", "a clear driver found", move |c| {
                c.drivers = Some(found.clone());
            }));
        }
    }
    if case.mmr.is_none() {
        for (value, mmr) in [
            ("deficient", Mmr::Deficient),
            ("proficient", Mmr::Proficient),
        ] {
            all.push(suppose("mmr", value, move |c| c.mmr = Some(mmr)));
        }
    }
    if case.mlh1.is_none() {
        for (value, mlh1) in [("lost", Mlh1::Lost), ("retained", Mlh1::Retained)] {
            all.push(suppose("mlh1", value, move |c| c.mlh1 = Some(mlh1)));
        }
    }
    // Drivers that were looked for include these two; only the colorectal prior asks for BRAF by itself.
    let asked_apart = case.drivers.is_none() || facts.family() == "colorectal";
    if case.braf.is_none() && asked_apart {
        for (value, braf) in [("V600E", Braf::V600e), ("wild-type", Braf::WildType)] {
            all.push(suppose("braf", value, move |c| c.braf = Some(braf)));
        }
    }
    if case.ras.is_none() && asked_apart {
        all.push(suppose("ras", "mutated", |c| c.ras = Some(Ras::Mutated)));
    }
    all
}

fn of_sequencing(case: &Case) -> Vec<Supposition> {
    let mut all = Vec::new();
    let Some(ngs) = &case.ngs else {
        return all;
    };
    if ngs.rna_quality.is_none() && ngs.method.has_rna() {
        for (value, quality) in [("pass", RnaQuality::Pass), ("fail", RnaQuality::Fail)] {
            all.push(suppose("ngs.rna_quality", value, move |c| {
                if let Some(ngs) = &mut c.ngs {
                    ngs.rna_quality = Some(quality);
                }
            }));
        }
    }
    let known = ngs.frame.filter(|frame| *frame != Frame::Unknown);
    let missing = known.is_none() || ngs.kinase_domain.is_none();
    if ngs.result == NgsResult::FusionDetected && missing {
        for (value, frame, kept) in [
            ("in frame, kept", Frame::In, true),
            ("out of frame, or lost", Frame::Out, false),
        ] {
            all.push(suppose("ngs.frame, ngs.kinase_domain", value, move |c| {
                if let Some(ngs) = &mut c.ngs {
                    ngs.frame = known.or(Some(frame));
                    ngs.kinase_domain = ngs.kinase_domain.or(Some(kept));
                }
            }));
        }
    }
    all
}

/// The missing facts that would change the action, found by deciding again with each, and with two of them where neither alone would do.
pub(crate) fn changes(facts: &Facts<'_>, action: Action) -> Result<Vec<Change>, TriageError> {
    let all = suppositions(facts);
    let decided = |given: &[&Supposition]| -> Result<Option<(Action, &'static str)>, TriageError> {
        let mut case = facts.case.clone();
        for supposition in given {
            (supposition.apply)(&mut case);
        }
        match Facts::new(&case, facts.ihc, facts.evidence) {
            Ok(supposed) => {
                let judged = judge_all(&supposed)?;
                Ok((judged.action != action).then_some((judged.action, judged.rule)))
            }
            // Facts that cannot go together are no supposition.
            Err(TriageError::Value { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let mut found: Vec<Change> = Vec::new();
    let mut alone: Vec<&Supposition> = Vec::new();
    for supposition in &all {
        if let Some((action, rule)) = decided(&[supposition])? {
            alone.push(supposition);
            found.push(Change {
                fact: supposition.fact.to_owned(),
                value: supposition.value.clone(),
                action,
                rule: rule.to_owned(),
            });
        }
    }
    let is_alone = |s: &Supposition| alone.iter().any(|a| std::ptr::eq(*a, s));
    let mut pairs = Vec::new();
    for (i, first) in all.iter().enumerate() {
        for second in all.iter().skip(i + 1) {
            if first.fact == second.fact || is_alone(first) || is_alone(second) {
                continue;
            }
            if let Some((action, rule)) = decided(&[first, second])? {
                pairs.push(Change {
                    fact: format!("{} and {}", first.fact, second.fact),
                    value: format!("{} and {}", first.value, second.value),
                    action,
                    rule: rule.to_owned(),
                });
            }
        }
    }
    found.extend(pairs);
    Ok(found)
}
