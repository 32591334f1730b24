//! What to do next and why: rules, reasons, probabilities, sequencing, sources.

use pantrk_core::score::IhcResult;
use pantrk_triage::{Action, Frame, NgsResult, RnaQuality, Triage, Verdict, fact_names};
use serde::Serialize;

use super::Field;
use crate::drawings::{ProbabilityRow, probability_bars};
use crate::numbers::{sentence, words};

/// Why this next step.
#[derive(Debug, Serialize)]
pub(crate) struct Decision {
    reasons: Vec<String>,
    rules: Vec<RuleText>,
    not_judged: Vec<String>,
    changes: Vec<ChangeText>,
}

#[derive(Debug, Serialize)]
struct RuleText {
    id: String,
    title: String,
    because: String,
    decides: bool,
}

#[derive(Debug, Serialize)]
struct ChangeText {
    fact: String,
    action: String,
    rule: String,
}

pub(super) fn decision(triage: &Triage) -> Decision {
    // The deciding rule comes first; the others keep their order.
    let (deciding, others): (Vec<_>, Vec<_>) =
        triage.rules.iter().partition(|r| r.id == triage.rule);
    let rules = deciding.into_iter().chain(others).map(|rule| RuleText {
        id: rule.id.clone(),
        title: rule.title.clone(),
        because: sentence(&rule.because),
        decides: rule.id == triage.rule,
    });
    let because = triage.rules.iter().find(|r| r.id == triage.rule);
    // The rule's own reason stands beside the rule.
    let reasons = triage.reasons.iter().filter(|reason| {
        because
            .is_none_or(|rule| reason.trim_end_matches('.') != rule.because.trim_end_matches('.'))
    });
    Decision {
        reasons: reasons.map(|r| sentence(r)).collect(),
        rules: rules.collect(),
        not_judged: triage
            .abstained
            .iter()
            .map(|rule| {
                let missing: Vec<_> = rule.missing.iter().map(|m| fact_names(m)).collect();
                format!("{} (needs {})", rule.id, missing.join(", "))
            })
            .collect(),
        changes: triage
            .would_change
            .iter()
            .map(|change| ChangeText {
                fact: change.supposed(),
                action: change.action.label().to_owned(),
                rule: change.rule.clone(),
            })
            .collect(),
    }
}

pub(super) fn decided_by(triage: &Triage) -> String {
    let title = triage.rules.iter().find(|rule| rule.id == triage.rule);
    title.map_or_else(
        || format!("Rule {}", triage.rule),
        |rule| format!("Rule {}: {}", rule.id, rule.title),
    )
}

/// The order in which a laboratory would work: most urgent first.
pub(crate) const fn urgency(action: Action) -> u8 {
    match action {
        Action::ConfirmNgsFishOrRtpcr => 0,
        Action::OrderRnaNgs => 1,
        Action::OrderRnaNgsDirect => 2,
        Action::PathologistReview => 3,
        Action::RepeatIhc => 4,
        Action::NoFurtherTesting => 5,
    }
}

/// The sequencing result beside the stain.
#[derive(Debug, Serialize)]
pub(crate) struct NgsText {
    fields: Vec<Field>,
    icon: &'static str,
    word: &'static str,
    text: String,
}

pub(super) fn ngs(triage: &Triage) -> Option<NgsText> {
    let ngs = triage.ngs.as_ref()?;
    let result = match ngs.result {
        NgsResult::FusionDetected => "fusion detected",
        NgsResult::NoFusionDetected => "no fusion detected",
        NgsResult::Failed => "failed",
    };
    let mut fields = vec![
        Field::new("Method", ngs.method.label()),
        Field::new("Result", result),
    ];
    let mut known = |label: &str, value: Option<String>| {
        fields.extend(value.map(|value| Field::new(label, value)));
    };
    known("Gene", ngs.gene.clone());
    known("Partner", ngs.partner.clone());
    known("Exons", ngs.exons.clone());
    let frame = ngs.frame.map(|frame| match frame {
        Frame::In => "in frame",
        Frame::Out => "out of frame",
        Frame::Unknown => "not reported",
    });
    known("Reading frame", frame.map(str::to_owned));
    let kinase = ngs
        .kinase_domain
        .map(|kept| if kept { "whole" } else { "not whole" });
    known("Kinase domain", kinase.map(str::to_owned));
    let rna = ngs.rna_quality.map(|quality| match quality {
        RnaQuality::Pass => "passed",
        RnaQuality::Fail => "failed",
    });
    known("RNA quality", rna.map(str::to_owned));
    let concordance = triage.concordance.as_ref();
    let (icon, word) = match concordance.map(|c| c.verdict) {
        Some(Verdict::Agree) => ("=", "agree"),
        Some(Verdict::Differ) => ("≠", "differ"),
        Some(Verdict::Open) | None => ("?", "open"),
    };
    Some(NgsText {
        fields,
        icon,
        word,
        text: concordance.map(|c| c.text.clone()).unwrap_or_default(),
    })
}

/// The picture of the probabilities, and where its figures come from.
#[derive(Debug, Serialize)]
pub(crate) struct ProbabilityText {
    svg: String,
    notes: Vec<String>,
}

pub(super) fn probability(triage: &Triage) -> Option<ProbabilityText> {
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    let row = |label: &str, p: f64, interval95: [f64; 2], hypothetical| ProbabilityRow {
        label: label.to_owned(),
        p,
        interval95,
        hypothetical,
    };
    if let Some(before) = &triage.pre_test {
        rows.push(row("before the stain", before.p, before.interval95, false));
        if !before.source.is_empty() {
            notes.push(format!("Before: {}", sentence(&before.source)));
        }
    }
    if let Some(after) = &triage.post_test {
        let label = format!("after this {} stain", words(after.given.name()));
        rows.push(row(&label, after.p, after.interval95, false));
        if after.given != IhcResult::Positive {
            let what_if = &after.if_positive;
            rows.push(row("were it positive", what_if.p, what_if.interval95, true));
        }
        if let (true, Some(what_if)) = (after.given != IhcResult::Negative, &after.if_negative) {
            rows.push(row("were it negative", what_if.p, what_if.interval95, true));
        }
        if !after.source.is_empty() {
            notes.push(format!("After: {}", sentence(&after.source)));
        }
    }
    if triage.assumption {
        notes.push("A figure behind these is an assumption.".to_owned());
    }
    (!rows.is_empty()).then(|| ProbabilityText {
        svg: probability_bars(&rows),
        notes,
    })
}

pub(super) fn sources(triage: &Triage) -> Vec<String> {
    triage
        .citations
        .iter()
        .map(|c| {
            let mut text = c.study.clone();
            if !c.source.is_empty() {
                text.push_str(": ");
                text.push_str(&c.source);
            }
            format!("{text} ({})", c.certainty.label())
        })
        .collect()
}
