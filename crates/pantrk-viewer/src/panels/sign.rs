//! Right: the pathologist's own result, the signature, and the trail of who did what.

use egui::{ComboBox, Id, Label, RichText, TextEdit, Ui, WidgetInfo};
use pantrk_core::score::IhcResult;
use pantrk_store::{ReviewState, SlideResult, SlideReview};
use pantrk_triage::Action;

use super::trail::trail_ui;
use super::{Panel, PanelContext, Place, card, choice_ui, faint, folding_at, hint, when};
use crate::app::Opinion;
use crate::command::{Commands, SignCommand};
use crate::own_step::Proposed;
use crate::reading::ihc_word;
use crate::state::OpenItem;
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "sign",
    place: Place::Right,
    ui: sign_ui,
};

fn wanted_id() -> Id {
    Id::unique("the sign-off is wanted")
}

/// Scrolls to this panel, and unfolds it, in the next frame.
pub(super) fn show_sign_off(ui: &Ui) {
    ui.data_mut(|data| data.insert_temp(wanted_id(), true));
    ui.ctx().request_repaint();
}

fn sign_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let (Some(open), Some(result)) = (&context.session.open, context.session.open_result()) else {
        return;
    };
    let wanted = ui.data_mut(|data| data.remove_temp::<bool>(wanted_id()).is_some());
    if wanted {
        ui.scroll_to_cursor(Some(egui::Align::TOP));
    }
    folding_at(ui, ("Sign-off", true), wanted.then_some(true), |ui| {
        card(ui, |ui| {
            let review = open.kept.review.as_deref();
            if let Some(review) = review {
                state_ui(ui, review);
            }
            match review {
                Some(review) if review.state == ReviewState::Signed => reopen_ui(ui, open, out),
                _ => form_ui(ui, context, (open, result), out),
            }
            let report = ui.button("Write report");
            if report
                .on_hover_text("As the review stands, beside the results")
                .clicked()
            {
                out.sign(SignCommand::Report);
            }
            trail_ui(ui, open);
        });
    });
}

fn state_ui(ui: &mut Ui, review: &SlideReview) {
    let colour = match review.state {
        ReviewState::Returned => tokens::of(ui).warning,
        _ => tokens::of(ui).accent,
    };
    let text = match review.state {
        ReviewState::Signed => format!(
            "Signed by {} on {}: {}, {}",
            review.reviewer,
            when(review.signed.as_deref().unwrap_or(&review.changed)),
            review.own_result.as_deref().unwrap_or("no result"),
            review.own_action.as_deref().map_or_else(
                || "no next step".to_owned(),
                |name| {
                    let action = Action::ALL.iter().find(|action| action.name() == name);
                    action.map_or_else(|| name.to_owned(), |action| action.flag().word)
                }
            ),
        ),
        state => format!(
            "{} by {}, last changed on {}",
            super::capital(state.label()),
            review.reviewer,
            when(&review.changed)
        ),
    };
    ui.add(Label::new(RichText::new(text).strong().color(colour)).wrap());
    if let Some(reason) = &review.reason {
        faint(ui, format!("Reason: {reason}"));
    }
}

fn reopen_ui(ui: &mut Ui, open: &OpenItem, out: &mut Commands) {
    faint(
        ui,
        "Nothing of a signed case changes any more. Opened again, the signature stays in the trail.",
    );
    reason_ui(ui, &open.opinion, "why it is opened again", out);
    if ui.button("Open again").clicked() {
        out.sign(SignCommand::Reopen);
    }
}

fn form_ui(
    ui: &mut Ui,
    context: &PanelContext<'_>,
    (open, result): (&OpenItem, &SlideResult),
    out: &mut Commands,
) {
    let opinion = &open.opinion;
    let mut own = opinion.clone();
    let proposed = open.proposed(result);
    let field = (ui.available_width() - 104.0).clamp(110.0, 230.0);
    egui::Grid::new("sign")
        .num_columns(2)
        .spacing(egui::vec2(10.0, 6.0))
        .show(ui, |ui| {
            let label = ui.label(RichText::new("My IHC result").size(12.5)).id;
            let agree = format!("as computed: {}", ihc_word(result.ihc.result));
            ComboBox::from_id_salt("own result")
                .selected_text(
                    own.result
                        .map_or_else(|| agree.clone(), |r| ihc_word(r).to_owned()),
                )
                .width(field)
                .truncate()
                .show_ui(ui, |ui| {
                    if choice_ui(ui, own.result.is_none(), agree.clone()) {
                        own.result = None;
                    }
                    for value in [
                        IhcResult::Positive,
                        IhcResult::Indeterminate,
                        IhcResult::Negative,
                        IhcResult::NotEvaluable,
                    ] {
                        if choice_ui(ui, own.result == Some(value), ihc_word(value)) {
                            own.result = Some(value);
                        }
                    }
                })
                .response
                .labelled_by(label);
            ui.end_row();
            let label = ui.label(RichText::new("My next step").size(12.5)).id;
            let agree = match proposed {
                Ok(step) if step.anew => format!("by the rules: {}", step.action.flag().word),
                Ok(step) => format!("as computed: {}", step.action.flag().word),
                Err(_) => "not chosen".to_owned(),
            };
            ComboBox::from_id_salt("own action")
                .selected_text(
                    own.action
                        .map_or_else(|| agree.clone(), |action| action.flag().word),
                )
                .width(field)
                .truncate()
                .show_ui(ui, |ui| {
                    if choice_ui(ui, own.action.is_none(), agree) {
                        own.action = None;
                    }
                    for action in Action::ALL {
                        if choice_ui(ui, own.action == Some(action), action.label()) {
                            own.action = Some(action);
                        }
                    }
                })
                .response
                .labelled_by(label);
            ui.end_row();
            let label = ui.label(RichText::new("Name").size(12.5)).id;
            let mut name = context.settings.reviewer.clone();
            let field = TextEdit::singleline(&mut name)
                .hint_text(hint(ui, "who signs"))
                .desired_width(field);
            let response = ui.add(field).labelled_by(label);
            if response.changed() {
                out.sign(SignCommand::Name(name));
            }
            ui.end_row();
        });
    if own != *opinion {
        out.sign(SignCommand::Opinion(own));
    }
    anew_ui(ui, opinion, proposed);
    let words = if opinion.differs((result, proposed)) {
        "why it differs"
    } else {
        "remark, or why it goes back"
    };
    reason_ui(ui, opinion, words, out);
    let changes = open.review.changes();
    if !changes.is_empty() {
        faint(ui, format!("Signed with: {}.", changes.join(", ")));
    }
    let returns = ui.button("Send back");
    if returns
        .on_hover_text("To be stained or scored again; the reason is kept")
        .clicked()
    {
        out.sign(SignCommand::Return);
    }
}

/// The step that follows from the pathologist's own result.
fn anew_ui(ui: &mut Ui, opinion: &Opinion, proposed: Result<Proposed<'_>, &str>) {
    let text = match proposed {
        Ok(step) if step.anew => format!(
            "By the rules for your result: {} (rule {}).{}",
            step.action.label(),
            step.rule,
            match opinion.action {
                Some(own) if own != step.action => " You chose another step.",
                _ => "",
            }
        ),
        Ok(_) => return,
        Err(why) => format!("The rules give no next step for your result: {why}"),
    };
    let colour = tokens::of(ui).accent;
    ui.add(Label::new(RichText::new(text).size(12.5).color(colour)).wrap());
}

fn reason_ui(ui: &mut Ui, opinion: &Opinion, words: &str, out: &mut Commands) {
    let mut reason = opinion.reason.clone();
    let field = TextEdit::multiline(&mut reason)
        .hint_text(hint(ui, words))
        .desired_rows(2)
        .desired_width(f32::INFINITY);
    let response = ui.add(field);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, "Reason"));
    if response.changed() {
        out.sign(SignCommand::Opinion(Opinion {
            reason,
            ..opinion.clone()
        }));
    }
}
