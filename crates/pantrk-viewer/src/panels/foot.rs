//! At the foot of the right side: the signature and the way to the next case, always in reach.

use egui::{Button, Label, RichText, Ui};
use pantrk_store::{ReviewState, SlideResult};

use super::sign::show_sign_off;
use super::{Panel, PanelContext, Place, SIGNED, faint};
use crate::command::{Command, Commands, SignCommand};
use crate::reading::ihc_word;
use crate::state::{OpenItem, UNSCORED_FIRST};
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "foot",
    place: Place::RightFoot,
    ui: foot_ui,
};

fn foot_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let (Some(open), Some(result)) = (&session.open, session.open_result()) else {
        return;
    };
    ui.add_space(4.0);
    if session.is_locked() {
        signed_ui(ui, context, out);
    } else {
        unsigned_ui(ui, context, (open, result), out);
    }
    ui.add_space(4.0);
}

fn signed_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    if let Some(signed) = context.session.signed() {
        let text = format!(
            "Signed: IHC {}; {}",
            ihc_word(signed.own.result),
            signed.own.action.flag().word
        );
        ui.add(Label::new(RichText::new(text).strong()).truncate());
    }
    ui.horizontal(|ui| {
        // In the place of Sign: a second click there neither leaves the case nor signs the next.
        ui.add_enabled(false, Button::new(RichText::new("Signed").strong()))
            .on_disabled_hover_text(SIGNED);
        next_ui(ui, true, out);
        below_ui(ui);
    });
}

fn unsigned_ui(
    ui: &mut Ui,
    context: &PanelContext<'_>,
    (open, result): (&OpenItem, &SlideResult),
    out: &mut Commands,
) {
    ui.add(Label::new(RichText::new(what(open, result)).strong()).truncate());
    let proposed = open.proposed(result);
    let name = &context.settings.reviewer;
    let missing = context.session.unsignable().or_else(|| {
        let signs = ReviewState::Signed;
        open.opinion.missing(name, (result, proposed), signs)
    });
    // Above the buttons, which stay where they are when it is done.
    if context.session.lacks_cells() {
        // How much is missing stands at the head.
        faint(ui, UNSCORED_FIRST);
    } else if let Some(missing) = &missing {
        faint(ui, missing.as_str());
    }
    ui.horizontal(|ui| {
        let button = Button::new(RichText::new("Sign").strong()).fill(tokens::of(ui).card_selected);
        let sign = ui.add_enabled(missing.is_none(), button);
        let why = missing.as_deref().unwrap_or_default();
        if sign
            .on_hover_text("As this line says; nothing changes after it")
            .on_disabled_hover_text(why)
            .clicked()
        {
            out.sign(SignCommand::Sign);
        }
        next_ui(ui, false, out);
        below_ui(ui);
    });
}

fn below_ui(ui: &mut Ui) {
    let hint = "Your own result and name, sending the case back, opening it again, the report";
    if ui.button("Sign-off below").on_hover_text(hint).clicked() {
        show_sign_off(ui);
    }
}

/// What a signature would say.
fn what(open: &OpenItem, result: &SlideResult) -> String {
    let own = open.opinion.result.unwrap_or(result.ihc.result);
    let proposed = open.proposed(result).ok();
    let step = open.opinion.action.or(proposed.map(|p| p.action));
    let step = step.map_or_else(|| "no next step".to_owned(), |step| step.flag().word);
    format!("You sign: IHC {}; {step}", ihc_word(own))
}

fn next_ui(ui: &mut Ui, strong: bool, out: &mut Commands) {
    let text = RichText::new("Next case");
    let button = if strong {
        Button::new(text.strong()).fill(tokens::of(ui).card_selected)
    } else {
        Button::new(text)
    };
    let hint = "The next case of the list that is not signed (Shift and Page Down)";
    if ui.add(button).on_hover_text(hint).clicked() {
        out.push(Command::NextCase);
    }
}
