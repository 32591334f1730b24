//! The decision as a page of text for a terminal.

use std::fmt;

use crate::decide::range_text;
use crate::triage::Triage;

/// Columns of a line.
const WIDTH: usize = 90;

impl fmt::Display for Triage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = format!(
            "{} {}: {}",
            self.flag.icon,
            self.flag.word.to_uppercase(),
            self.action.label()
        );
        paragraph(f, "", "  ", &action)?;
        let groups: Vec<String> = self
            .groups
            .iter()
            .map(|group| format!("group {group:?}, {}", group.label()))
            .collect();
        let tumour = self
            .tumour_type
            .as_deref()
            .unwrap_or("tumour type not given");
        let line = std::iter::once(tumour.to_owned())
            .chain(groups)
            .chain([format!("rule {}", self.rule)])
            .collect::<Vec<_>>()
            .join("; ");
        paragraph(f, "  ", "  ", &line)?;

        heading(f, "Why")?;
        // The two figures have a section of their own below.
        let figures = ["Before the stain:", "After a "];
        for reason in &self.reasons {
            if !figures.iter().any(|start| reason.starts_with(start)) {
                item(f, reason)?;
            }
        }
        probabilities(f, self)?;
        if let Some(concordance) = &self.concordance {
            heading(f, "Stain and sequencing")?;
            item(f, &concordance.text)?;
        }
        if !self.would_change.is_empty() {
            heading(f, "What would change this")?;
            for change in &self.would_change {
                item(
                    f,
                    &format!(
                        "{}: {} -> {} ({})",
                        change.fact, change.value, change.action, change.rule
                    ),
                )?;
            }
        }
        let others: Vec<_> = self
            .rules
            .iter()
            .filter(|rule| rule.id != self.rule)
            .collect();
        if !others.is_empty() {
            heading(f, "Other rules that apply")?;
            for rule in others {
                item(f, &format!("{} {}: {}", rule.id, rule.title, rule.because))?;
            }
        }
        if !self.warnings.is_empty() {
            heading(f, "Bear in mind")?;
            for warning in &self.warnings {
                item(f, warning)?;
            }
        }
        heading(
            f,
            &format!("Sources (evidence tables {})", self.table_version),
        )?;
        for citation in &self.citations {
            item(f, &citation.to_string())?;
        }
        writeln!(f)?;
        paragraph(f, "", "", &self.limits)
    }
}

/// Both probabilities, and what they were made from.
fn probabilities(f: &mut fmt::Formatter<'_>, triage: &Triage) -> fmt::Result {
    if triage.pre_test.is_some() || triage.post_test.is_some() {
        heading(f, "Probability of an NTRK fusion (95 % interval)")?;
        if let Some(pre) = &triage.pre_test {
            item(
                f,
                &format!(
                    "before the stain: {}; {}",
                    range_text(pre.p, pre.interval95),
                    pre.source
                ),
            )?;
        }
        if let Some(post) = &triage.post_test {
            let positive = &post.if_positive;
            item(
                f,
                &format!(
                    "after a positive stain: {}",
                    range_text(positive.p, positive.interval95)
                ),
            )?;
            match &post.if_negative {
                Some(negative) => item(
                    f,
                    &format!(
                        "after a negative stain: {}",
                        range_text(negative.p, negative.interval95)
                    ),
                )?,
                None => item(f, "after a negative stain: cannot be estimated")?,
            }
            item(f, &format!("with {}", post.source))?;
        }
        if triage.assumption {
            item(f, "a figure in this is an assumption, not a measurement")?;
        }
    }
    Ok(())
}

fn heading(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    writeln!(f, "\n{text}")
}

fn item(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    paragraph(f, "  - ", "    ", text)
}

/// Wraps at blanks; a longer word (an address) keeps its own line.
fn paragraph(f: &mut fmt::Formatter<'_>, first: &str, rest: &str, text: &str) -> fmt::Result {
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        let length = line.chars().count() + usize::from(!empty) + word.chars().count();
        if !empty && length > WIDTH {
            writeln!(f, "{line}")?;
            rest.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(f, "{line}")
}
