//! Stain against sequencing.

use pantrk_core::score::IhcResult;

use crate::case::{NgsFinding, NgsResult, RnaQuality};
use crate::facts::Facts;
use crate::triage::{Concordance, Verdict};

/// How stain and sequencing go together; `None` before sequencing.
pub(crate) fn concordance(facts: &Facts<'_>) -> Option<Concordance> {
    let ngs = facts.ngs()?;
    let method = ngs.method.label();
    let bad_rna = ngs.method.has_rna() && ngs.rna_quality == Some(RnaQuality::Fail);
    let (verdict, text) = match (ngs.result, facts.result) {
        (NgsResult::Failed, _) => (
            Verdict::Open,
            format!("{method} gave no result; there is nothing to compare."),
        ),
        (_, IhcResult::NotEvaluable) => (
            Verdict::Open,
            "The stain is not evaluable; there is nothing to compare.".to_owned(),
        ),
        (NgsResult::FusionDetected, IhcResult::Positive) => (
            Verdict::Agree,
            format!("{method} reports {}, and the stain is positive.", fusion(ngs)),
        ),
        (NgsResult::FusionDetected, IhcResult::Negative) => (
            Verdict::Differ,
            format!(
                "{method} reports {}, and the stain is negative: IHC misses some fusions{}.",
                fusion(ngs),
                sensitivity_of(facts, ngs)
            ),
        ),
        (NgsResult::NoFusionDetected, IhcResult::Negative) if bad_rna => (
            Verdict::Open,
            "No fusion was found, but the RNA was not good enough to say so.".to_owned(),
        ),
        (NgsResult::NoFusionDetected, IhcResult::Negative) => (
            Verdict::Agree,
            format!("{method} found no fusion, and the stain is negative."),
        ),
        (NgsResult::NoFusionDetected, IhcResult::Positive) if bad_rna => (
            Verdict::Open,
            "The stain is positive and no fusion was found, but the RNA was not good enough to say so."
                .to_owned(),
        ),
        (NgsResult::NoFusionDetected, IhcResult::Positive) if !ngs.method.has_rna() => (
            Verdict::Open,
            "The stain is positive and DNA showed no fusion; DNA alone misses some, so RNA has the word."
                .to_owned(),
        ),
        (NgsResult::NoFusionDetected, IhcResult::Positive) => (
            Verdict::Differ,
            format!(
                "The stain is positive and {method} found no fusion: TRK without a fusion (wild-type, over-expressed or amplified) would explain both."
            ),
        ),
        (_, IhcResult::Indeterminate) => (
            Verdict::Open,
            format!(
                "The stain is indeterminate; {method} {}.",
                if ngs.result == NgsResult::FusionDetected {
                    format!("reports {}", fusion(ngs))
                } else {
                    "found no fusion".to_owned()
                }
            ),
        ),
    };
    Some(Concordance { verdict, text })
}

/// How many fusions of the reported gene stain, as the end of a sentence.
fn sensitivity_of(facts: &Facts<'_>, ngs: &NgsFinding) -> String {
    ngs.gene
        .as_deref()
        .and_then(|gene| facts.evidence.gene_sensitivity(gene))
        .and_then(|row| row.counts().map(|(k, n)| (row, k, n)))
        .map_or_else(String::new, |(row, k, n)| {
            format!(" ({k} of {n} stained; {}, {})", row.what, row.study)
        })
}

/// A fusion as its report names it.
pub(crate) fn fusion(ngs: &NgsFinding) -> String {
    let mut text = match (&ngs.partner, &ngs.gene) {
        (Some(partner), Some(gene)) => format!("a fusion {partner}::{gene}"),
        (None, Some(gene)) => format!("a fusion of {gene}"),
        (Some(partner), None) => format!("an NTRK fusion with {partner}"),
        (None, None) => "an NTRK fusion".to_owned(),
    };
    if let Some(exons) = &ngs.exons {
        text = format!("{text} ({exons})");
    }
    text
}
