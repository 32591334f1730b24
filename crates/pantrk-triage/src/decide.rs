//! From facts to the decision.

use pantrk_core::score::IhcResult;

use crate::case::{Case, ExternalControl, NgsResult};
use crate::changes::changes;
use crate::concordance::concordance;
use crate::error::TriageError;
use crate::evidence::{Evidence, Likelihoods};
use crate::facts::{Drivers, Facts};
use crate::finding::IhcFinding;
use crate::probability::text_from_probability;
use crate::rules::{Outcome, RULES, Ruling};
use crate::triage::{Abstention, Action, Citation, PostTest, Probability, RuleEntry, Triage};

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
        reasons.extend(after_the_stain(post));
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
        let known = |c: &Citation| c.study == citation.study && c.source == citation.source;
        if !unique.iter().any(known) {
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

/// The probabilities after the stain, as sentences.
fn after_the_stain(post: &PostTest) -> Vec<String> {
    let after = |what: &str, p: &Probability| {
        format!("After a {what} stain: {}.", range_text(p.p, p.interval95))
    };
    match (post.given, &post.if_negative) {
        (IhcResult::Positive, _) => vec![after("positive", &post.if_positive)],
        (IhcResult::Negative, Some(negative)) => vec![after("negative", negative)],
        (_, negative) => [
            "The stain is indeterminate, so both ends are given.".to_owned(),
            after("positive", &post.if_positive),
        ]
        .into_iter()
        .chain(negative.as_ref().map(|p| after("negative", p)))
        .collect(),
    }
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
pub(crate) struct Judged {
    pub(crate) action: Action,
    pub(crate) rule: &'static str,
    deciding: Ruling,
    applying: Vec<(&'static crate::rules::Rule, Ruling)>,
    abstained: Vec<Abstention>,
}

pub(crate) fn judge_all(facts: &Facts<'_>) -> Result<Judged, TriageError> {
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
    if matches!(facts.drivers, Drivers::Clear(_)) {
        warnings.push(sentence("driver-not-counted")?);
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
    if let Some(row) = facts.selection.prevalence
        && let Some(note) = &row.note
    {
        warnings.push(format!(
            "The probability starts from how often NTRK fusions were found in {} ({}). About that figure: {note}",
            row.what, row.study
        ));
    }
    Ok(warnings)
}
