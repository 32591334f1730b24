//! From facts to the decision.

use pantrk_core::score::IhcResult;

use crate::case::{
    Braf, Case, ExternalControl, Frame, Mlh1, Mmr, NgsResult, Ras, RnaQuality, Stage,
};
use crate::concordance::concordance;
use crate::error::TriageError;
use crate::evidence::{Evidence, Likelihoods};
use crate::facts::{Drivers, Facts};
use crate::finding::IhcFinding;
use crate::probability::text_from_probability;
use crate::rules::{Outcome, RULES, Ruling};
use crate::triage::{Abstention, Action, Change, Citation, Probability, RuleEntry, Triage};

/// Decides what to do next.
///
/// # Errors
/// [`TriageError::UnknownTumourType`] with suggestions, [`TriageError::Value`] on a fact that cannot be, [`TriageError::Evidence`] when a table is broken.
pub fn decide(case: &Case, ihc: &IhcFinding) -> Result<Triage, TriageError> {
    let evidence = Evidence::embedded()?;
    let facts = Facts::new(case, ihc, evidence)?;
    let judged = judge_all(&facts)?;
    let pre_test = facts.selection.pre_test(evidence)?;
    let post_test = facts.selection.post_test(facts.result, evidence)?;
    let warnings = warnings(&facts)?;

    let mut reasons = vec![judged.deciding.because.clone()];
    let mut citations: Vec<Citation> = Vec::new();
    let prior_facts = judged
        .applying
        .iter()
        .filter(|(_, ruling)| ruling.action.is_none())
        .flat_map(|(_, ruling)| &ruling.facts);
    let mut quoted: Vec<&str> = Vec::new();
    for id in judged.deciding.facts.iter().chain(prior_facts) {
        if !quoted.contains(id) {
            quoted.push(id);
            let fact = evidence.fact(id)?;
            reasons.push(fact.text.clone());
            citations.push(fact.citation());
        }
    }
    if let Some(pre) = &pre_test {
        reasons.push(format!(
            "Before the stain: {}; {}.",
            range_text(pre.p, pre.interval95),
            pre.source
        ));
    } else {
        reasons.push(
            "No prevalence was found for this tumour, so no probability is given.".to_owned(),
        );
    }
    if let Some(post) = &post_test {
        let after = |what: &str, p: &Probability| {
            format!("After a {what} stain: {}.", range_text(p.p, p.interval95))
        };
        match (post.given, &post.if_negative) {
            (IhcResult::Positive, _) => reasons.push(after("positive", &post.if_positive)),
            (IhcResult::Negative, Some(negative)) => reasons.push(after("negative", negative)),
            (_, negative) => {
                reasons.push("The stain is indeterminate, so both ends are given.".to_owned());
                reasons.push(after("positive", &post.if_positive));
                reasons.extend(negative.as_ref().map(|p| after("negative", p)));
            }
        }
        reasons.extend(facts.selection.disagreement(facts.result, evidence)?);
    }
    if let Some(text) = case.antibody_clone.as_deref()
        && evidence
            .clone_row(text)
            .is_some_and(|row| row.likelihoods == Likelihoods::Own && row.id == "A7H6R")
    {
        let fact = evidence.fact("a7h6r-misses")?;
        reasons.push(fact.text.clone());
        citations.push(fact.citation());
    }
    for citation in facts.selection.citations(post_test.is_some()) {
        citations.push(citation);
    }
    let mut unique: Vec<Citation> = Vec::new();
    for citation in citations {
        if !unique.contains(&citation) {
            unique.push(citation);
        }
    }

    let assumption = pre_test.as_ref().is_some_and(|p| p.assumption)
        || post_test.as_ref().is_some_and(|p| p.assumption);
    Ok(Triage {
        action: judged.action,
        flag: judged.action.flag(),
        rule: judged.rule.to_owned(),
        rules: judged
            .applying
            .iter()
            .map(|(rule, ruling)| RuleEntry {
                id: rule.id.to_owned(),
                title: rule.title.to_owned(),
                action: ruling.action,
                because: ruling.because.clone(),
            })
            .collect(),
        reasons,
        pre_test,
        post_test,
        citations: unique,
        table_version: evidence.version().to_owned(),
        tumour_type: facts.tumour.map(|t| t.id.clone()),
        groups: facts.groups.clone(),
        would_change: changes(&facts, judged.action)?,
        abstained: judged.abstained,
        warnings,
        assumption,
        ngs: case.ngs.clone(),
        concordance: concordance(&facts),
        limits: format!(
            "{} {}",
            evidence.sentence("limits")?,
            evidence.sentence("accuracy-of-readers")?
        ),
    })
}

/// A probability and its interval, as people read them.
pub(crate) fn range_text(p: f64, [low, high]: [f64; 2]) -> String {
    format!(
        "about {} ({} to {})",
        text_from_probability(p),
        text_from_probability(low),
        text_from_probability(high)
    )
}

/// All rules' answers.
struct Judged {
    action: Action,
    rule: &'static str,
    deciding: Ruling,
    applying: Vec<(&'static crate::rules::Rule, Ruling)>,
    abstained: Vec<Abstention>,
}

fn judge_all(facts: &Facts<'_>) -> Result<Judged, TriageError> {
    static TABLE: &[crate::rules::Rule] = &RULES;
    let mut applying: Vec<(&'static crate::rules::Rule, Ruling)> = Vec::new();
    let mut abstained = Vec::new();
    let mut decision: Option<(Action, &'static str, Ruling)> = None;
    for rule in TABLE {
        if (rule.before_ngs && facts.ngs_concluded()) || (rule.last_resort && decision.is_some()) {
            continue;
        }
        match (rule.judge)(facts) {
            Outcome::Silent => {}
            Outcome::Lacks(missing) => abstained.push(Abstention {
                id: rule.id.to_owned(),
                title: rule.title.to_owned(),
                missing: missing.into_iter().map(str::to_owned).collect(),
            }),
            Outcome::Applies(ruling) => {
                if let (None, Some(action)) = (&decision, ruling.action) {
                    decision = Some((action, rule.id, ruling.clone()));
                }
                applying.push((rule, ruling));
            }
        }
    }
    let (action, rule, deciding) = decision.ok_or_else(|| {
        crate::evidence::broken(
            "rules.toml",
            "no rule decides, not even the last".to_owned(),
        )
    })?;
    Ok(Judged {
        action,
        rule,
        deciding,
        applying,
        abstained,
    })
}

/// What to bear in mind.
fn warnings(facts: &Facts<'_>) -> Result<Vec<String>, TriageError> {
    let evidence = facts.evidence;
    let mut warnings = facts.selection.warnings.clone();
    let sentence = |id: &str| evidence.sentence(id).map(str::to_owned);
    let few = evidence.parameter("few-tumour-cells")?;
    if facts.is_negative() && facts.ihc.tumour_cells.is_some_and(|n| (n as f64) < few) {
        warnings.push(sentence("few-cells")?);
    }
    if facts.is_negative() && facts.case.external_control == Some(ExternalControl::Weak) {
        warnings.push(sentence("weak-control")?);
    }
    if facts.is_negative() && facts.selection.negative_not_estimable() {
        warnings.push(sentence("not-estimable")?);
    }
    if facts
        .ngs()
        .is_some_and(|ngs| ngs.result == NgsResult::Failed)
    {
        warnings.push(sentence("failed-ngs")?);
    }
    if facts.ngs().is_some() {
        warnings.push(sentence("before-ngs")?);
    }
    if let Drivers::Other(found) = &facts.drivers {
        warnings.push(format!(
            "Not on the list of clear drivers, so taken neither as one nor as their absence: {}.",
            found.join(", ")
        ));
    }
    if let Some(note) = facts.tumour.and_then(|t| t.note.as_ref()) {
        warnings.push(note.clone());
    }
    if let Some(note) = facts.selection.prevalence.and_then(|row| row.note.as_ref()) {
        warnings.push(format!("On the prevalence: {note}"));
    }
    Ok(warnings)
}

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
    let case = facts.case;
    let mut all = Vec::new();
    if case.stage.is_none() {
        all.push(suppose("stage", "advanced or metastatic", |c| {
            c.stage = Some(Stage::Metastatic)
        }));
        all.push(suppose("stage", "localised", |c| {
            c.stage = Some(Stage::Localised)
        }));
    }
    if case.age_years.is_none() {
        for context in facts.evidence.contexts() {
            if let Some(limit) = context.when.age_below
                && context.family == facts.family()
            {
                all.push(suppose("age_years", format!("below {limit}"), move |c| {
                    c.age_years = Some(limit / 2.0);
                }));
            }
        }
    }
    if case.drivers.is_none() {
        all.push(suppose("drivers", "none found", |c| {
            c.drivers = Some(Vec::new())
        }));
        if let Some(driver) = facts.evidence.drivers().first() {
            let gene = driver.gene.clone();
            all.push(suppose("drivers", "a clear driver found", move |c| {
                c.drivers = Some(vec![gene.clone()]);
            }));
        }
    }
    if case.mmr.is_none() {
        all.push(suppose("mmr", "deficient", |c| {
            c.mmr = Some(Mmr::Deficient)
        }));
        all.push(suppose("mmr", "proficient", |c| {
            c.mmr = Some(Mmr::Proficient)
        }));
    }
    if case.mlh1.is_none() {
        all.push(suppose("mlh1", "lost", |c| c.mlh1 = Some(Mlh1::Lost)));
        all.push(suppose("mlh1", "retained", |c| {
            c.mlh1 = Some(Mlh1::Retained)
        }));
    }
    if case.braf.is_none() {
        all.push(suppose("braf", "V600E", |c| c.braf = Some(Braf::V600e)));
        all.push(suppose("braf", "wild-type", |c| {
            c.braf = Some(Braf::WildType)
        }));
    }
    if case.ras.is_none() {
        all.push(suppose("ras", "mutated", |c| c.ras = Some(Ras::Mutated)));
    }
    if case.treatment_relevant.is_none() {
        all.push(suppose("treatment_relevant", "true", |c| {
            c.treatment_relevant = Some(true)
        }));
    }
    if case.ngs_available.is_none() {
        all.push(suppose("ngs_available", "false", |c| {
            c.ngs_available = Some(false)
        }));
    }
    if let Some(ngs) = &case.ngs {
        if ngs.rna_quality.is_none() {
            for (value, quality) in [("pass", RnaQuality::Pass), ("fail", RnaQuality::Fail)] {
                all.push(suppose("ngs.rna_quality", value, move |c| {
                    if let Some(ngs) = &mut c.ngs {
                        ngs.rna_quality = Some(quality);
                    }
                }));
            }
        }
        let frame_missing = matches!(ngs.frame, None | Some(Frame::Unknown));
        if ngs.result == NgsResult::FusionDetected && (frame_missing || ngs.kinase_domain.is_none())
        {
            let (frame, kinase) = (ngs.frame, ngs.kinase_domain);
            all.push(suppose(
                "ngs.frame, ngs.kinase_domain",
                "in frame, kept",
                move |c| {
                    if let Some(ngs) = &mut c.ngs {
                        ngs.frame = if frame_missing {
                            Some(Frame::In)
                        } else {
                            frame
                        };
                        ngs.kinase_domain = kinase.or(Some(true));
                    }
                },
            ));
            all.push(suppose(
                "ngs.frame, ngs.kinase_domain",
                "out of frame, or lost",
                move |c| {
                    if let Some(ngs) = &mut c.ngs {
                        ngs.frame = if frame_missing {
                            Some(Frame::Out)
                        } else {
                            frame
                        };
                        ngs.kinase_domain = kinase.or(Some(false));
                    }
                },
            ));
        }
    }
    all
}

/// The missing facts that would change the action, found by deciding again with each, and with two of them where neither alone would do.
fn changes(facts: &Facts<'_>, action: Action) -> Result<Vec<Change>, TriageError> {
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
