//! At the head of the right side: the suggested next step, in sight while all else there is scrolled.

use egui::{Align, Label, Layout, Rect, RichText, Sense, Ui, vec2};
use pantrk_store::SlideResult;

use super::{Panel, PanelContext, Place, capital, faint};
use crate::command::Commands;
use crate::icon::{flag_icon, lock_icon};
use crate::tokens;
use crate::worklist::call_text;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "action",
    place: Place::RightHead,
    ui: action_ui,
};

/// The stripe in the flag's colour along the card's left, points.
const STRIPE: f32 = 4.0;

fn action_ui(ui: &mut Ui, context: &PanelContext<'_>, _out: &mut Commands) {
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
    let drawn = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        card(ui, result, scored, session.is_locked());
    });
    let rect = drawn.response.rect;
    let stripe = Rect::from_min_size(rect.min, vec2(STRIPE, rect.height()));
    let colour = tokens::flag(&result.triage.flag.colour);
    let corners = egui::CornerRadius {
        nw: 6,
        sw: 6,
        ..egui::CornerRadius::ZERO
    };
    ui.painter().rect_filled(stripe, corners, colour);
    ui.add_space(4.0);
}

fn card(ui: &mut Ui, result: &SlideResult, scored: Option<&SlideResult>, locked: bool) {
    let tokens = tokens::of(ui);
    let triage = &result.triage;
    ui.spacing_mut().item_spacing.y = 2.0;
    faint(ui, "Suggested next step");
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(22.0, 22.0), Sense::hover());
        flag_icon(ui.painter(), rect.shrink(2.0), &triage.flag, tokens);
        let word = RichText::new(capital(&triage.flag.word)).size(17.0);
        ui.label(word.strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let call = RichText::new(call_text(result)).size(15.0).strong();
            ui.add(Label::new(call).truncate());
        });
    });
    let label = RichText::new(triage.action.label()).size(13.5);
    ui.add(Label::new(label).wrap());
    let tumour = super::tumour_name(triage.tumour_type.as_deref());
    faint(ui, format!("Rule {}; {tumour}", triage.rule));
    if locked {
        let text =
            "Signed: nothing of it changes any more, until it is opened again under Sign-off.";
        let text = RichText::new(text).size(12.0).color(tokens.accent);
        ui.horizontal_top(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(12.0, 15.0), Sense::hover());
            lock_icon(ui.painter(), rect, tokens.accent);
            ui.vertical(|ui| ui.add(Label::new(text).wrap()));
        });
    }
    // A hand that moves a threshold looks at the threshold: what it changed must be told, not remembered.
    if let Some(scored) = scored
        && (
            scored.triage.action,
            scored.triage.rule.as_str(),
            call_text(scored),
        ) != (triage.action, triage.rule.as_str(), call_text(result))
    {
        let text = format!(
            "As scored: {}, {} (rule {})",
            scored.triage.flag.word,
            call_text(scored),
            scored.triage.rule
        );
        let text = RichText::new(text).size(12.0).color(tokens.accent);
        ui.add(Label::new(text).wrap());
    }
}
