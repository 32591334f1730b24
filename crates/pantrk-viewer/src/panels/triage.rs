//! Right: what to do next, and all that stands behind it.

use egui::{CollapsingHeader, Label, RichText, Sense, Ui, vec2};
use pantrk_store::SlideResult;
use pantrk_triage::{Triage, text_from_probability};

use super::{Panel, PanelContext, Place, capital, card, faint, item, section, title};
use crate::command::Commands;
use crate::icon::flag_icon;
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    place: Place::Right,
    ui: triage_ui,
};

fn triage_ui(ui: &mut Ui, context: &PanelContext<'_>, _: &mut Commands) {
    let Some(result) = context.session.open_result() else {
        return;
    };
    let triage = &result.triage;
    title(ui, "Suggested next step");
    card(ui, |ui| {
        action_ui(ui, triage);
        warnings_ui(ui, result);
        section(ui, "Why");
        // The two figures have a part of their own below.
        let figures = ["Before the stain:", "After a "];
        for reason in &triage.reasons {
            if !figures.iter().any(|start| reason.starts_with(start)) {
                item(ui, reason);
            }
        }
        probabilities_ui(ui, triage);
        if let Some(concordance) = &triage.concordance {
            section(ui, "Stain and sequencing");
            item(ui, &concordance.text);
        }
        ui.add_space(6.0);
        details_ui(ui, triage);
        faint(ui, triage.limits.clone());
    });
}

fn action_ui(ui: &mut Ui, triage: &Triage) {
    let tokens = tokens::of(ui);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(30.0, 30.0), Sense::hover());
        flag_icon(ui.painter(), rect.shrink(4.0), &triage.flag, tokens);
        ui.vertical(|ui| {
            let word = RichText::new(capital(&triage.flag.word))
                .size(17.0)
                .strong();
            ui.label(word);
            let label = RichText::new(triage.action.label()).size(14.0);
            ui.add(Label::new(label).wrap());
            let tumour = triage
                .tumour_type
                .as_deref()
                .unwrap_or("tumour type not given");
            faint(ui, format!("Rule {}; {tumour}", triage.rule));
        });
    });
}

/// What must not be overlooked comes before the reasons.
fn warnings_ui(ui: &mut Ui, result: &SlideResult) {
    let colour = tokens::of(ui).warning;
    let of_slide = result.quality.warnings.iter().map(|w| w.message.as_str());
    let all: Vec<&str> = result
        .triage
        .warnings
        .iter()
        .map(String::as_str)
        .chain(of_slide)
        .collect();
    if all.is_empty() {
        return;
    }
    section(ui, "Bear in mind");
    for text in all {
        ui.horizontal_top(|ui| {
            ui.label(RichText::new("!").strong().color(colour));
            ui.vertical(|ui| ui.add(Label::new(RichText::new(text).color(colour)).wrap()));
        });
    }
}

fn probabilities_ui(ui: &mut Ui, triage: &Triage) {
    section(ui, "Probability of an NTRK fusion");
    let range = |p: f64, [low, high]: [f64; 2]| {
        format!(
            "{} ({} to {})",
            text_from_probability(p),
            text_from_probability(low),
            text_from_probability(high)
        )
    };
    match &triage.pre_test {
        None => item(ui, "Before the stain: no figure was found for these facts."),
        Some(pre) => {
            item(
                ui,
                &format!("Before the stain: {}", range(pre.p, pre.interval95)),
            );
            faint(ui, pre.source.clone());
        }
    }
    match &triage.post_test {
        None => item(ui, "After the stain: it cannot be given."),
        Some(post) => {
            item(
                ui,
                &format!("After the stain: {}", range(post.p, post.interval95)),
            );
            faint(ui, post.source.clone());
        }
    }
    if triage.assumption {
        faint(
            ui,
            "A figure in this is an assumption; its source says which.",
        );
    }
}

fn details_ui(ui: &mut Ui, triage: &Triage) {
    if !triage.would_change.is_empty() {
        CollapsingHeader::new(format!(
            "What would change this ({})",
            triage.would_change.len()
        ))
        .show(ui, |ui| {
            for change in &triage.would_change {
                item(
                    ui,
                    &format!(
                        "{} = {}: {} ({})",
                        change.fact,
                        change.value,
                        change.action.label(),
                        change.rule
                    ),
                );
            }
        });
    }
    CollapsingHeader::new(format!("Rules that apply ({})", triage.rules.len())).show(ui, |ui| {
        for rule in &triage.rules {
            let decides = if rule.id == triage.rule {
                ", decides"
            } else {
                ""
            };
            ui.label(RichText::new(format!("{} {}{decides}", rule.id, rule.title)).strong());
            ui.add(Label::new(&rule.because).wrap());
        }
    });
    CollapsingHeader::new(format!("Sources ({})", triage.citations.len())).show(ui, |ui| {
        for citation in &triage.citations {
            item(ui, &citation.to_string());
        }
        faint(ui, format!("Evidence tables {}", triage.table_version));
    });
}
