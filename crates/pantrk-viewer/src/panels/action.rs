//! At the head of the right side: the suggested next step, in sight while all else there is scrolled.

use egui::{Align, Label, Layout, Rect, RichText, Sense, Ui, vec2};
use pantrk_store::SlideResult;

use super::again::again_ui;
use super::{Panel, PanelContext, Place, capital, faint, warning};
use crate::command::Commands;
use crate::icon::{flag_icon, lock_icon};
use crate::reading::{Reading, Signed, ihc_word};
use crate::review::Review;
use crate::state::OpenItem;
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "action",
    place: Place::RightHead,
    ui: action_ui,
};

/// The stripe in the flag's colour along the card's left, points.
const STRIPE: f32 = 4.0;

fn action_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let Some(result) = session.open_result() else {
        return;
    };
    let scored = session.open_item().and_then(|(item, _)| item.result());
    let tokens = tokens::of(ui);
    ui.add_space(4.0);
    let frame = egui::Frame::new()
        .fill(tokens.card)
        .stroke(egui::Stroke::new(1.0, tokens.line))
        .corner_radius(6)
        .inner_margin(egui::Margin {
            left: 14,
            right: 10,
            top: 8,
            bottom: 8,
        });
    let shown = Shown {
        result,
        scored,
        signed: session.signed(),
        locked: session.is_locked(),
    };
    let drawn = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        shown.card_ui(ui);
        if let Some(open) = session.open.as_ref().filter(|_| !shown.locked) {
            own_ui(ui, open, result);
        }
        if let Some(text) = session.review().and_then(Review::unscored) {
            warning(ui, text);
            again_ui(ui, context, out);
        }
    });
    let rect = drawn.response.rect;
    let stripe = Rect::from_min_size(rect.min, vec2(STRIPE, rect.height()));
    let colour = tokens::flag(&shown.reading().action.flag().colour);
    let corners = egui::CornerRadius {
        nw: 6,
        sw: 6,
        ..egui::CornerRadius::ZERO
    };
    ui.painter().rect_filled(stripe, corners, colour);
    ui.add_space(4.0);
}

/// What the card tells.
struct Shown<'a> {
    result: &'a SlideResult,
    scored: Option<&'a SlideResult>,
    signed: Option<Signed<'a>>,
    locked: bool,
}

impl Shown<'_> {
    /// What stands first: what was signed, else what is suggested.
    fn reading(&self) -> Reading<'_> {
        let own = self.signed.map(|signed| signed.own);
        own.unwrap_or_else(|| Reading::of(self.result))
    }

    fn card_ui(&self, ui: &mut Ui) {
        let tokens = tokens::of(ui);
        let reading = self.reading();
        let flag = reading.action.flag();
        ui.spacing_mut().item_spacing.y = 2.0;
        let title = match self.signed {
            Some(_) => "Signed next step",
            None => "Suggested next step",
        };
        faint(ui, title);
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(22.0, 22.0), Sense::hover());
            flag_icon(ui.painter(), rect.shrink(2.0), &flag, tokens);
            ui.label(RichText::new(capital(&flag.word)).size(17.0).strong());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let call = RichText::new(reading.call_text()).size(15.0).strong();
                ui.add(Label::new(call).truncate());
            });
        });
        let label = RichText::new(reading.action.label()).size(13.5);
        ui.add(Label::new(label).wrap());
        let tumour = super::tumour_name(reading.tumour_type);
        faint(ui, format!("{}; {tumour}", rule_text(reading)));
        if let Some(signed) = self.signed.filter(Signed::differs) {
            let program = told("The program", signed.computed);
            accent(ui, program);
        }
        if self.locked {
            lock_ui(ui);
        }
        // A hand that moves a threshold looks at the threshold: what it changed must be told, not remembered.
        let now = self.signed.map(|signed| signed.computed);
        let now = now.unwrap_or_else(|| Reading::of(self.result));
        if let Some(scored) = self.scored.map(Reading::of)
            && (scored.action, scored.rule, scored.call_text())
                != (now.action, now.rule, now.call_text())
        {
            accent(ui, told("As scored", scored));
        }
    }
}

/// A reading in one line.
fn told(by: &str, reading: Reading<'_>) -> String {
    format!(
        "{by}: {}, {} (rule {})",
        reading.action.flag().word,
        reading.call_text(),
        reading.rule
    )
}

fn rule_text(reading: Reading<'_>) -> String {
    if reading.rule.is_empty() {
        "Chosen by the pathologist".to_owned()
    } else {
        format!("Rule {}", reading.rule)
    }
}

/// What the pathologist says before it is signed.
fn own_ui(ui: &mut Ui, open: &OpenItem, result: &SlideResult) {
    let Ok(step) = open.proposed(result) else {
        return;
    };
    if let Some(own) = open.opinion.result.filter(|_| step.anew) {
        let text = format!(
            "Your result: {}; by the rules for it: {} (rule {})",
            ihc_word(own),
            step.action.flag().word,
            step.rule
        );
        accent(ui, text);
    }
}

fn lock_ui(ui: &mut Ui) {
    let tokens = tokens::of(ui);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(12.0, 15.0), Sense::hover());
        lock_icon(ui.painter(), rect, tokens.accent);
        let text =
            "Signed: nothing of it changes any more, until it is opened again under Sign-off.";
        ui.vertical(|ui| accent(ui, text.to_owned()));
    });
}

fn accent(ui: &mut Ui, text: String) {
    let text = RichText::new(text).size(12.0).color(tokens::of(ui).accent);
    ui.add(Label::new(text).wrap());
}
