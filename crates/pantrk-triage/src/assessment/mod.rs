//! Which prevalence, sensitivity and specificity stand for a case, and the probabilities that follow.
//!
//! The first sensitivity and specificity give the point; the interval is the widest that any pair of them gives, so that studies which disagree show as a wide interval and not as a mean that nobody measured.

use pantrk_core::score::IhcResult;

use crate::case::{Case, Setting};
use crate::error::TriageError;
use crate::evidence::{self, Accuracy, Context, Estimate, Evidence, Likelihoods};
use crate::probability::{Distribution, bayes, bayes_intervals, text_from_probability};
use crate::rules;
use crate::triage::{Citation, PostTest, Probability};
use crate::tumours::{Group, TumourType};

/// The rows that stand for a case.
#[derive(Debug, Default)]
pub(crate) struct Selection<'e> {
    pub(crate) prevalence: Option<&'e Estimate>,
    /// Measured in this tumour or with this clone.
    sensitivity: Vec<&'e Estimate>,
    specificity: Vec<&'e Estimate>,
    /// What only widens the interval.
    wide_sensitivity: Vec<&'e Estimate>,
    wide_specificity: Vec<&'e Estimate>,
    negative_estimable: bool,
    pub(crate) warnings: Vec<String>,
}

impl<'e> Selection<'e> {
    pub(crate) fn new(
        case: &Case,
        tumour: Option<&'e TumourType>,
        context: Option<&'e Context>,
        groups: &[Group],
        evidence: &'e Evidence,
    ) -> Result<Self, TriageError> {
        let mut selection = Self::default();
        let prevalence = match (context.and_then(|c| c.prevalence.as_ref()), tumour) {
            (Some(id), _) => Some(id.as_str()),
            (None, Some(tumour)) => tumour.prevalence.as_deref(),
            (None, None) => Some(rules::ALL_SOLID),
        };
        selection.prevalence = prevalence.map(|id| evidence.prevalence(id)).transpose()?;
        let by_tumour = match (context.and_then(|c| c.accuracy.as_ref()), tumour) {
            (Some(id), _) => id.as_str(),
            (None, Some(tumour)) => tumour.accuracy.as_str(),
            (None, None) => rules::DEFAULT_ACCURACY,
        };
        let row = case
            .antibody_clone
            .as_deref()
            .and_then(|text| evidence.clone_row(text));
        match row {
            Some(row) if row.likelihoods == Likelihoods::Own => {
                let of_type = row
                    .types
                    .as_ref()
                    .is_some_and(|types| tumour.is_some_and(|t| types.contains(&t.id)));
                let of_group = row
                    .groups
                    .as_ref()
                    .zip(groups.first())
                    .is_some_and(|(wanted, group)| wanted.contains(group));
                match &row.accuracy {
                    Some(id) if of_type || of_group => {
                        selection.use_accuracy(evidence.accuracy(id)?, evidence)?;
                    }
                    _ => selection.warnings.push(format!(
                        "Clone {}: {}",
                        row.id,
                        evidence.sentence("clone-outside")?
                    )),
                }
            }
            Some(_) => selection.use_accuracy(evidence.accuracy(by_tumour)?, evidence)?,
            None => {
                if let Some(text) = &case.antibody_clone {
                    selection
                        .warnings
                        .push(format!("The clone \"{text}\" is not in the tables."));
                }
                selection
                    .warnings
                    .push(evidence.sentence("unknown-clone")?.to_owned());
                selection.use_accuracy(evidence.accuracy(by_tumour)?, evidence)?;
                selection.widen(evidence.widening("unknown-clone")?, evidence)?;
            }
        }
        if case.setting == Some(Setting::RoutineLaboratory) && !selection.sensitivity.is_empty() {
            selection.widen(evidence.widening("routine-laboratory")?, evidence)?;
        }
        if tumour.is_none() {
            selection
                .warnings
                .push(evidence.sentence("no-tumour-type")?.to_owned());
        } else if let Some(row) = selection.prevalence.filter(|row| row.general) {
            selection.warnings.push(format!(
                "{}: {}.",
                evidence.sentence("general-prevalence")?,
                row.what
            ));
        }
        Ok(selection)
    }

    fn use_accuracy(&mut self, row: &Accuracy, evidence: &'e Evidence) -> Result<(), TriageError> {
        self.sensitivity = estimates(&row.sensitivity, evidence)?;
        self.specificity = estimates(&row.specificity, evidence)?;
        self.negative_estimable = row.negative_estimable;
        Ok(())
    }

    fn widen(&mut self, row: &Accuracy, evidence: &'e Evidence) -> Result<(), TriageError> {
        for (ids, own, wide) in [
            (
                &row.sensitivity,
                &self.sensitivity,
                &mut self.wide_sensitivity,
            ),
            (
                &row.specificity,
                &self.specificity,
                &mut self.wide_specificity,
            ),
        ] {
            for estimate in estimates(ids, evidence)? {
                let known = |e: &&&Estimate| e.id == estimate.id;
                if own.iter().find(known).is_none() && wide.iter().find(known).is_none() {
                    wide.push(estimate);
                }
            }
        }
        Ok(())
    }

    /// Whether a probability after a negative stain can be given.
    pub(crate) fn residual_is_known(&self) -> bool {
        self.prevalence.is_some() && !self.sensitivity.is_empty() && self.negative_estimable
    }

    /// Whether likelihoods were found, so that only the missing sequencing of negatives stands in the way.
    pub(crate) fn negative_not_estimable(&self) -> bool {
        !self.sensitivity.is_empty() && !self.negative_estimable
    }

    fn used(&self) -> impl Iterator<Item = &'e Estimate> {
        self.sensitivity
            .iter()
            .chain(&self.specificity)
            .chain(&self.wide_sensitivity)
            .chain(&self.wide_specificity)
            .copied()
    }

    /// Sources of what is used; the accuracies only with a post-test probability.
    pub(crate) fn citations(&self, with_accuracy: bool) -> Vec<Citation> {
        self.prevalence
            .into_iter()
            .chain(self.used().filter(|_| with_accuracy))
            .map(Estimate::citation)
            .collect()
    }

    fn prior(&self, evidence: &Evidence) -> Result<Option<Distribution>, TriageError> {
        let spread = evidence.parameter("bare-figure-spread")?;
        self.prevalence
            .map(|row| {
                row.prevalence(spread)
                    .map_err(|m| evidence::broken("prevalence.toml", m))
            })
            .transpose()
    }

    /// Before the stain.
    pub(crate) fn pre_test(&self, evidence: &Evidence) -> Result<Option<Probability>, TriageError> {
        Ok(self
            .prior(evidence)?
            .zip(self.prevalence)
            .map(|(prior, row)| Probability {
                p: four_digits(prior.point()),
                interval95: prior.interval95().map(four_digits),
                source: row.describe(),
                assumption: row.is_assumption(),
            }))
    }

    /// After the stain; `None` without a prior, without likelihoods, or after a negative that says nothing.
    pub(crate) fn post_test(
        &self,
        given: IhcResult,
        evidence: &Evidence,
    ) -> Result<Option<PostTest>, TriageError> {
        if given == IhcResult::NotEvaluable {
            return Ok(None);
        }
        let (Some(prior), Some(after)) = (self.prior(evidence)?, self.after(evidence)?) else {
            return Ok(None);
        };
        let [if_positive, if_negative] = after;
        let if_negative = self.negative_estimable.then_some(if_negative);
        let (p, interval95) = match (given, &if_negative) {
            (IhcResult::Positive, _) => (if_positive.p, if_positive.interval95),
            (IhcResult::Negative, Some(negative)) => (negative.p, negative.interval95),
            (IhcResult::Indeterminate, Some(negative)) => (
                four_digits(prior.point()),
                [negative.interval95[0], if_positive.interval95[1]],
            ),
            (IhcResult::Indeterminate, None) => (
                four_digits(prior.point()),
                [
                    four_digits(prior.interval95()[0]),
                    if_positive.interval95[1],
                ],
            ),
            _ => return Ok(None),
        };
        let sources: Vec<String> = self.used().map(Estimate::describe).collect();
        Ok(Some(PostTest {
            p,
            interval95,
            given,
            if_positive,
            if_negative,
            source: sources.join("; "),
            assumption: self.is_assumption(),
        }))
    }

    fn is_assumption(&self) -> bool {
        self.prevalence
            .into_iter()
            .chain(self.used())
            .any(Estimate::is_assumption)
    }

    /// After a positive and after a negative stain.
    fn after(&self, evidence: &Evidence) -> Result<Option<[Probability; 2]>, TriageError> {
        let Some(prior) = self.prior(evidence)? else {
            return Ok(None);
        };
        let sensitivities = distributions(self.sensitivity.iter().chain(&self.wide_sensitivity))?;
        let specificities = distributions(self.specificity.iter().chain(&self.wide_specificity))?;
        let (Some(sens), Some(spec)) = (sensitivities.first(), specificities.first()) else {
            return Ok(None);
        };
        let points = bayes(prior.point(), sens.point(), spec.point());
        // The point may lie outside where it is k/n and the interval is of the posterior.
        let mut hull = points.map(|p| [p, p]);
        let rows = self.sensitivity.iter().chain(&self.wide_sensitivity);
        for (s, row) in sensitivities.iter().zip(rows) {
            // A study in which nothing stained says nothing about what a stain means.
            let none_stained = row.counts().is_some_and(|(k, _)| k == 0);
            for t in &specificities {
                let parts = bayes_intervals(&prior, s, t);
                for (whole, part) in hull.iter_mut().zip(parts).skip(usize::from(none_stained)) {
                    *whole = [whole[0].min(part[0]), whole[1].max(part[1])];
                }
            }
        }
        let made = |i: usize| Probability {
            p: four_digits(points[i]),
            interval95: hull[i].map(four_digits),
            source: String::new(),
            assumption: self.is_assumption(),
        };
        Ok(Some([made(0), made(1)]))
    }

    /// Where studies disagree, what each would make of it; `None` where there is one only.
    pub(crate) fn disagreement(
        &self,
        given: IhcResult,
        evidence: &Evidence,
    ) -> Result<Option<String>, TriageError> {
        let Some(prior) = self.prior(evidence)? else {
            return Ok(None);
        };
        let sensitivities = distributions(self.sensitivity.iter())?;
        let specificities = distributions(self.specificity.iter())?;
        let (Some(sens), Some(spec)) = (sensitivities.first(), specificities.first()) else {
            return Ok(None);
        };
        let (what, rows, values): (&str, &[&Estimate], Vec<f64>) = match given {
            IhcResult::Positive if self.specificity.len() > 1 => (
                "specificity",
                &self.specificity,
                specificities
                    .iter()
                    .map(|t| bayes(prior.point(), sens.point(), t.point())[0])
                    .collect(),
            ),
            IhcResult::Negative if self.sensitivity.len() > 1 && self.negative_estimable => (
                "sensitivity",
                &self.sensitivity,
                sensitivities
                    .iter()
                    .map(|s| bayes(prior.point(), s.point(), spec.point())[1])
                    .collect(),
            ),
            _ => return Ok(None),
        };
        let each: Vec<String> = rows
            .iter()
            .zip(values)
            .map(|(row, p)| {
                let counts = row
                    .counts()
                    .map_or_else(String::new, |(k, n)| format!(" ({k}/{n})"));
                format!("{} with {}{counts}", text_from_probability(p), row.study)
            })
            .collect();
        Ok(Some(format!(
            "The figure hangs on whose {what} is used: {}.",
            each.join(", ")
        )))
    }
}

fn estimates<'e>(ids: &[String], evidence: &'e Evidence) -> Result<Vec<&'e Estimate>, TriageError> {
    ids.iter()
        .map(|id| evidence.accuracy_estimate(id))
        .collect()
}

fn distributions<'a, 'e: 'a>(
    rows: impl Iterator<Item = &'a &'e Estimate>,
) -> Result<Vec<Distribution>, TriageError> {
    rows.map(|row| {
        row.accuracy()
            .map_err(|m| evidence::broken("accuracy.toml", m))
    })
    .collect()
}

/// Four significant digits: more would be false, and the last ones of `exp` differ between machines.
fn four_digits(p: f64) -> f64 {
    if p.is_finite() {
        format!("{p:.3e}").parse().unwrap_or(p)
    } else {
        p
    }
}

#[cfg(test)]
mod tests;
