//! Along the bottom: where the pointer is, how large a pixel is, messages, and what this program is not.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Align, Label, Layout, PopupCloseBehavior, RichText, TextEdit, Ui};

use super::notices::strip_ui;
use super::{Panel, PanelContext, Place};
use crate::command::{Command, Commands, SignCommand};
use crate::stain_view::deconvolver;
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "status",
    place: Place::Bottom,
    ui: status_ui,
};

/// What the viewer is and is not, always on the screen.
pub(crate) const PURPOSE: &str =
    "Decision support for research use, not a diagnosis: a pathologist decides and signs.";

fn status_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let tokens = tokens::of(ui);
    strip_ui(ui, context, out);
    if context.session.show_log {
        log_ui(ui, context);
    }
    ui.horizontal(|ui| {
        ui.set_min_height(22.0);
        let text = pointer_text(context).unwrap_or_default();
        ui.label(RichText::new(text).monospace().size(12.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.small_button("Log").clicked() {
                out.push(Command::Log(!context.session.show_log));
            }
            who_ui(ui, context, out);
            let text = RichText::new(PURPOSE).size(12.0).color(tokens.faint);
            ui.add(Label::new(text).truncate());
        });
    });
}

/// Under whose name changes are kept, and a field for it.
fn who_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let reviewer = context.settings.reviewer.as_str();
    let who = session.who(reviewer);
    let tokens = tokens::of(ui);
    // Until somebody said a name, the account's is a guess.
    let (text, colour) = match (reviewer.trim(), &session.account) {
        ("", Some(_)) => (format!("Changes kept as {who} (account)"), tokens.accent),
        ("", None) => ("Changes kept without a name".to_owned(), tokens.accent),
        _ => (format!("Changes kept as {who}"), tokens.faint),
    };
    let button = egui::Button::new(RichText::new(text).size(12.0).color(colour)).frame(false);
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (button, _) = MenuButton::from_button(button).config(config).ui(ui, |ui| {
        ui.set_width(270.0);
        // A menu is laid out as buttons that fill its width, without frames.
        ui.vertical(|ui| name_ui(ui, context, out));
    });
    button.on_hover_text("Under whose name changes are kept in the trail; click to set it");
}

/// The field for the name of who uses the desk.
fn name_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let tokens = tokens::of(ui);
    let label = ui.label(RichText::new("Who uses this desk").size(12.5)).id;
    let mut name = context.settings.reviewer.clone();
    let hint = context.session.account.as_deref().unwrap_or("not named");
    let frame = egui::Frame::new()
        .fill(tokens.card)
        .stroke(egui::Stroke::new(1.0, tokens.line))
        .corner_radius(4);
    let field = TextEdit::singleline(&mut name)
        .hint_text(hint)
        .desired_width(f32::INFINITY);
    let field = frame.show(ui, |ui| ui.add(field).labelled_by(label)).inner;
    if field.changed() {
        out.sign(SignCommand::Name(name));
    }
    let text = "This name stands in the trail under each change and under the signature. Without one, changes are kept under the name of the computer's account.";
    let text = RichText::new(text).size(12.0).color(tokens.faint);
    ui.add(Label::new(text).wrap().halign(Align::LEFT));
}

/// All that was said since the start.
fn log_ui(ui: &mut Ui, context: &PanelContext<'_>) {
    egui::ScrollArea::vertical()
        .max_height(160.0)
        .auto_shrink([false, true])
        .stick_to_bottom(true)
        .show(ui, |ui| {
            if context.session.log.is_empty() {
                ui.label(RichText::new("nothing so far").size(12.0));
            }
            for line in &context.session.log {
                ui.label(RichText::new(line).monospace().size(12.0));
            }
        });
    ui.separator();
}

/// Where the pointer is, in um and in level-0 pixels.
fn pointer_text(context: &PanelContext<'_>) -> Option<String> {
    let open = context.session.open.as_ref()?;
    let slide = open.slide.ready()?;
    let at = open.pointer?;
    let pixels = format!("({:.0}, {:.0}) px", at.x, at.y);
    let colour = colour_text(context).unwrap_or_default();
    Some(match slide.mpp {
        Some(mpp) => format!(
            "x {:.1} µm  y {:.1} µm   {pixels}{colour}",
            at.x * mpp.x.get(),
            at.y * mpp.y.get()
        ),
        None => format!("{pixels}, pixel size not known{colour}"),
    })
}

/// The optical densities under the pointer, once they were looked up.
fn colour_text(context: &PanelContext<'_>) -> Option<String> {
    let open = context.session.open.as_ref()?;
    let probe = open.probe.filter(|probe| Some(probe.at) == open.pointer)?;
    let facts = context.session.open_result().map(|result| &result.stain);
    let [h, dab, _] = deconvolver(facts).pixel(probe.rgb?);
    let background = facts.map_or(0.0, |facts| facts.dab_background_od);
    Some(format!(
        "   H {h:.2}  DAB {:.2} OD",
        f64::from(dab) - background
    ))
}
