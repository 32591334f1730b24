//! A case as the rules see it: tumour, context, groups, drivers and the stain that may be relied on.

use pantrk_core::score::{Extent, IhcResult, Intensity};

use crate::assessment::Selection;
use crate::case::{Braf, Case, ExternalControl, NgsFinding, NgsResult, Ras, RnaQuality};
use crate::error::TriageError;
use crate::evidence::{Context, DriverCondition, Evidence};
use crate::finding::IhcFinding;
use crate::tumours::{Group, TumourType};

/// What is known of activating drivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Drivers {
    /// Not looked for, as far as is said.
    Unknown,
    /// Looked for, none found.
    NoneFound,
    /// At least one of the table's.
    Clear(Vec<String>),
    /// Only alterations that are not in the table.
    Other(Vec<String>),
}

/// A case as the rules see it.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) case: &'a Case,
    pub(crate) ihc: &'a IhcFinding,
    pub(crate) evidence: &'a Evidence,
    pub(crate) tumour: Option<&'a TumourType>,
    pub(crate) context: Option<&'a Context>,
    pub(crate) groups: Vec<Group>,
    pub(crate) drivers: Drivers,
    /// The stain's verdict, not evaluable where control or cell count forbid to rely on it.
    pub(crate) result: IhcResult,
    /// Why it is not evaluable.
    pub(crate) not_evaluable: Option<String>,
    pub(crate) selection: Selection<'a>,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(
        case: &'a Case,
        ihc: &'a IhcFinding,
        evidence: &'a Evidence,
    ) -> Result<Self, TriageError> {
        case.validate(evidence)?;
        ihc.validate()?;
        let tumour = case
            .tumour_type
            .as_deref()
            .map(|text| evidence.tumour_types().find(text))
            .transpose()?;
        let drivers = drivers_of(case, evidence);
        let context = tumour.and_then(|tumour| context_of(tumour, case, &drivers, evidence));
        let groups = match (tumour, context.and_then(|c| c.groups.as_ref())) {
            (_, Some(groups)) => groups.clone(),
            (Some(tumour), None) => vec![tumour.group],
            (None, None) => Vec::new(),
        };
        let not_evaluable = not_evaluable_because(case, ihc, evidence)?;
        let result = if not_evaluable.is_some() {
            IhcResult::NotEvaluable
        } else {
            ihc.result
        };
        let selection = Selection::new(case, tumour, context, &groups, evidence)?;
        Ok(Self {
            case,
            ihc,
            evidence,
            tumour,
            context,
            groups,
            drivers,
            result,
            not_evaluable,
            selection,
        })
    }

    pub(crate) fn is(&self, group: Group) -> bool {
        self.groups.contains(&group)
    }

    pub(crate) fn family(&self) -> &str {
        self.tumour.and_then(|t| t.family.as_deref()).unwrap_or("")
    }

    /// The name to write in a sentence.
    pub(crate) fn tumour_name(&self) -> &str {
        self.tumour
            .map_or("a tumour of unknown type", |t| t.name.as_str())
    }

    pub(crate) fn is_positive(&self) -> bool {
        self.result == IhcResult::Positive
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.result == IhcResult::Negative
    }

    /// Indeterminate, or positive but weak, focal or scattered.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.result == IhcResult::Indeterminate || (self.is_positive() && self.is_weak_or_focal())
    }

    fn is_weak_or_focal(&self) -> bool {
        self.ihc.intensity == Some(Intensity::Weak)
            || matches!(self.ihc.extent, Some(Extent::Focal | Extent::Scattered))
    }

    /// Advanced or metastatic; `None` where the stage is not known.
    pub(crate) fn is_advanced(&self) -> Option<bool> {
        self.case.stage.map(super::case::Stage::is_advanced)
    }

    /// The stain in a few words.
    pub(crate) fn stain(&self) -> String {
        let mut words: Vec<&str> = Vec::new();
        if self.is_positive() || self.result == IhcResult::Indeterminate {
            words.extend(self.ihc.extent.and_then(|extent| match extent {
                Extent::Diffuse => Some("diffuse"),
                Extent::Focal => Some("focal"),
                Extent::Scattered => Some("scattered"),
                Extent::None => None,
            }));
            words.extend(self.ihc.intensity.map(|intensity| match intensity {
                Intensity::Weak => "weak",
                Intensity::Moderate => "moderate",
                Intensity::Strong => "strong",
            }));
        }
        let verdict = match self.result {
            IhcResult::NotEvaluable => "not evaluable",
            other => other.name(),
        };
        if words.is_empty() {
            verdict.to_owned()
        } else {
            format!("{verdict} ({})", words.join(", "))
        }
    }

    pub(crate) fn ngs(&self) -> Option<&'a NgsFinding> {
        self.case.ngs.as_ref()
    }

    /// A sequencing result that settles what a stain can only raise: a fusion, or none in RNA that was not bad.
    pub(crate) fn ngs_concluded(&self) -> bool {
        self.ngs().is_some_and(|ngs| match ngs.result {
            NgsResult::FusionDetected => true,
            NgsResult::NoFusionDetected => {
                ngs.method.has_rna() && ngs.rna_quality != Some(RnaQuality::Fail)
            }
            NgsResult::Failed => false,
        })
    }

    /// DNA alone was sequenced and showed no fusion.
    pub(crate) fn dna_negative(&self) -> bool {
        self.ngs()
            .is_some_and(|ngs| ngs.result == NgsResult::NoFusionDetected && !ngs.method.has_rna())
    }

    /// Whether the context belongs to this rule.
    pub(crate) fn context_is_of(&self, rule: &str) -> bool {
        self.context
            .is_some_and(|c| c.rule.as_deref() == Some(rule))
    }
}

fn drivers_of(case: &Case, evidence: &Evidence) -> Drivers {
    let mut clear = Vec::new();
    let mut other = Vec::new();
    for text in case.drivers.iter().flatten() {
        let tokens: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .map(str::to_uppercase)
            .collect();
        let has = |word: &str| tokens.iter().any(|token| token == &word.to_uppercase());
        let known = evidence.drivers().iter().any(|driver| {
            has(&driver.gene)
                && driver
                    .variants
                    .as_ref()
                    .is_none_or(|variants| variants.iter().any(|v| has(v)))
        });
        if known {
            clear.push(text.clone());
        } else {
            other.push(text.clone());
        }
    }
    match case.braf {
        Some(Braf::V600e) => clear.push("BRAF V600E".to_owned()),
        Some(Braf::Mutated) => other.push("BRAF mutation, not said to be V600E".to_owned()),
        _ => {}
    }
    if case.ras == Some(Ras::Mutated) {
        clear.push("RAS mutation".to_owned());
    }
    if !clear.is_empty() {
        clear.dedup();
        Drivers::Clear(clear)
    } else if !other.is_empty() {
        Drivers::Other(other)
    } else if case.drivers.is_some() {
        Drivers::NoneFound
    } else {
        Drivers::Unknown
    }
}

fn context_of<'a>(
    tumour: &TumourType,
    case: &Case,
    drivers: &Drivers,
    evidence: &'a Evidence,
) -> Option<&'a Context> {
    evidence.contexts().iter().find(|context| {
        let when = &context.when;
        let drivers_fit = match when.drivers {
            None => true,
            Some(DriverCondition::NoneFound) => *drivers == Drivers::NoneFound,
            Some(DriverCondition::Clear) => matches!(drivers, Drivers::Clear(_)),
        };
        tumour.family.as_ref() == Some(&context.family)
            && drivers_fit
            && (when.mmr.is_none() || when.mmr == case.mmr)
            && (when.mlh1.is_none() || when.mlh1 == case.mlh1)
            && when
                .braf
                .as_ref()
                .is_none_or(|wanted| case.braf.is_some_and(|braf| wanted.contains(&braf)))
            && when
                .age_below
                .is_none_or(|limit| case.age_years.is_some_and(|age| age < limit))
    })
}

fn not_evaluable_because(
    case: &Case,
    ihc: &IhcFinding,
    evidence: &Evidence,
) -> Result<Option<String>, TriageError> {
    if case.external_control == Some(ExternalControl::Failed) {
        return Ok(Some("the external control failed".to_owned()));
    }
    if let (IhcResult::NotEvaluable, Some(why)) = (ihc.result, &ihc.not_evaluable_because) {
        return Ok(Some(why.clone()));
    }
    let minimum = evidence.parameter("minimum-tumour-cells")?;
    if let Some(cells) = ihc.tumour_cells
        && (cells as f64) < minimum
    {
        return Ok(Some(format!(
            "only {cells} tumour cells were counted, at least {minimum} are wanted"
        )));
    }
    Ok((ihc.result == IhcResult::NotEvaluable).then(|| "the slide cannot be read".to_owned()))
}
