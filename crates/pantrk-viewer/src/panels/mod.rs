//! The panels around the canvas.
//!
//! A new panel is one file and one row in [`PANELS`]; the order within a place is the order on the screen.

mod action;
pub(crate) mod again;
pub(crate) mod browser;
mod case_form;
mod classifier;
mod drawn;
mod foot;
mod held;
pub(crate) mod help;
mod histogram;
mod layers;
pub(crate) mod notices;
mod row;
mod score;
mod second_slide;
mod sign;
pub(crate) mod status;
mod toolbar;
mod tour;
mod trail;
mod triage;
mod unscored;
pub(crate) mod worklist;

pub(crate) use drawn::describe;

use egui::{RichText, Ui};

use crate::command::{Command, Commands};
use crate::drawing::Tool;
use crate::settings::Settings;
use crate::state::{Load, Session, WorkItem};
use crate::tokens;

/// What panels and canvas may look at.
#[derive(Clone, Copy)]
pub(crate) struct PanelContext<'a> {
    /// What the user chose.
    pub(crate) settings: &'a Settings,
    /// What is open.
    pub(crate) session: &'a Session,
    /// Tiles that may be on their way at once.
    pub(crate) tile_capacity: usize,
    /// Whether keys are the window's: no field, menu or list takes them.
    pub(crate) keys: bool,
}

impl PanelContext<'_> {
    /// The tool in hand.
    pub(crate) fn tool(&self) -> Tool {
        self.session.tool(self.settings.tool)
    }
}

/// Where a panel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Along the top.
    Top,
    /// Along the bottom.
    Bottom,
    /// Left of the canvas.
    Left,
    /// Left of the canvas, at the bottom.
    LeftBottom,
    /// Right of the canvas, at the top; stays while the rest is scrolled.
    RightHead,
    /// Right of the canvas.
    Right,
    /// Right of the canvas, at the bottom; stays as well.
    RightFoot,
}

/// A panel.
pub(crate) struct Panel {
    /// Its own.
    pub(crate) name: &'static str,
    /// Where.
    pub(crate) place: Place,
    /// Draws it.
    pub(crate) ui: fn(&mut Ui, &PanelContext<'_>, &mut Commands),
}

/// All panels.
pub(crate) const PANELS: [Panel; 14] = [
    toolbar::PANEL,
    status::PANEL,
    worklist::PANEL,
    layers::PANEL,
    action::PANEL,
    unscored::PANEL,
    triage::PANEL,
    score::PANEL,
    tour::PANEL,
    case_form::PANEL,
    drawn::PANEL,
    classifier::PANEL,
    sign::PANEL,
    foot::PANEL,
];

/// Draws the panels of one place; those on the right share a scroll bar between head and foot.
pub(crate) fn show(ui: &mut Ui, place: Place, context: &PanelContext<'_>, out: &mut Commands) {
    let panels = PANELS.iter().filter(|panel| panel.place == place);
    if place == Place::Right {
        show(ui, Place::RightHead, context, out);
        if context.session.open_result().is_some() {
            egui::Panel::bottom("right_foot")
                .resizable(false)
                .show(ui, |ui| show(ui, Place::RightFoot, context, out));
        }
        held::scroll_ui(ui, |ui| {
            ui.add_space(4.0);
            for panel in panels {
                if steady(ui, panel.name, |ui| (panel.ui)(ui, context, out)) {
                    ui.add_space(10.0);
                }
            }
        });
    } else {
        for panel in panels {
            (panel.ui)(ui, context, out);
        }
    }
}

/// A part whose widgets stay the same to egui, however many others come and go above it: or a slider would let go of the hand that moves it. Whether there was anything in it.
fn steady(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) -> bool {
    let id = egui::Id::unique(("steady", name));
    let part = ui.scope_builder(egui::UiBuilder::new().scope_id(id), add);
    part.response.rect.height() > 0.0
}

/// All of a texture.
const UV: egui::Rect = egui::Rect {
    min: egui::pos2(0.0, 0.0),
    max: egui::pos2(1.0, 1.0),
};

/// The picture of an entry of the worklist in the middle of its room; asked for where it is not there yet.
fn thumbnail_ui(
    painter: &egui::Painter,
    (session, item, index): (&Session, &WorkItem, usize),
    room: egui::Rect,
    out: &mut Commands,
) {
    match item.place().map(|place| session.thumbnails.get(place)) {
        Some(None) => out.push(Command::WantThumbnail(index)),
        Some(Some(Load::Ready(texture))) => {
            let size = texture.size_vec2();
            let scale = (room.width() / size.x).min(room.height() / size.y);
            let place = egui::Rect::from_center_size(room.center(), size * scale);
            painter.image(texture.id(), place, UV, egui::Color32::WHITE);
        }
        Some(Some(_)) | None => {}
    }
}

/// Draws one line from the left, cut where its room ends.
fn cut(
    painter: &egui::Painter,
    (left, right): (f32, f32),
    y: f32,
    mut job: egui::text::LayoutJob,
    colour: egui::Color32,
) {
    job.wrap = egui::text::TextWrapping::truncate_at_width((right - left).max(1.0));
    let line = painter.layout_job(job);
    let at = egui::pos2(left, y - line.size().y / 2.0);
    painter.galley(at, line, colour);
}

/// A panel's title.
fn title(ui: &mut Ui, text: &str) {
    ui.add_space(4.0);
    ui.label(RichText::new(text).size(15.0).strong());
}

/// A panel's title that folds the panel away; whether it is open is remembered.
fn folding(ui: &mut Ui, text: &str, open: bool, add: impl FnOnce(&mut Ui)) {
    folding_at(ui, (text, open), None, add);
}

/// The same, opened or closed `now` where that is wanted.
fn folding_at(
    ui: &mut Ui,
    (text, open): (&str, bool),
    now: Option<bool>,
    add: impl FnOnce(&mut Ui),
) {
    let title = RichText::new(text).size(15.0).strong();
    egui::CollapsingHeader::new(title)
        .id_salt(text)
        .default_open(open)
        .open(now)
        .show_unindented(ui, add);
}

/// The title of a part of a panel.
fn section(ui: &mut Ui, text: &str) {
    ui.add_space(8.0);
    let colour = tokens::of(ui).accent;
    ui.label(RichText::new(text).size(12.5).strong().color(colour));
}

/// A sentence of a list, indented after its mark.
fn item(ui: &mut Ui, text: &str) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(RichText::new("•").color(tokens::of(ui).faint));
        ui.vertical(|ui| ui.add(egui::Label::new(text).wrap()));
    });
}

/// Text of less weight.
fn faint(ui: &mut Ui, text: impl Into<String>) {
    let colour = tokens::of(ui).faint;
    ui.add(egui::Label::new(RichText::new(text).size(12.0).color(colour)).wrap());
}

/// What must be minded, after a mark so that the colour does not stand alone.
fn warning(ui: &mut Ui, text: impl Into<String>) {
    let colour = tokens::of(ui).warning;
    ui.horizontal_top(|ui| {
        ui.label(RichText::new("!").strong().color(colour));
        let text = RichText::new(text).color(colour);
        ui.vertical(|ui| ui.add(egui::Label::new(text).wrap()));
    });
}

/// How opaque a layer is; the new value where it was moved.
fn opacity_ui(ui: &mut Ui, name: &str, mut opacity: f32) -> Option<f32> {
    ui.horizontal(|ui| {
        let name = format!("{name}, opacity");
        let name = ui.label(RichText::new(name).size(12.0)).id;
        ui.spacing_mut().slider_width = (ui.available_width() - 60.0).max(60.0);
        let slider = egui::Slider::new(&mut opacity, 0.0..=1.0)
            .show_value(false)
            .handle_shape(egui::style::HandleShape::Circle);
        let changed = ui.add(slider).labelled_by(name).changed();
        ui.label(RichText::new(format!("{:.0} %", opacity * 100.0)).size(12.0));
        changed.then_some(opacity)
    })
    .inner
}

/// Why something is not done in a signed case.
pub(crate) const SIGNED: &str = "Signed; open the case again under Sign-off to change it";

/// What nobody changes in a signed case: it stays readable, and its buttons do nothing and say why.
fn unless_signed(ui: &mut Ui, context: &PanelContext<'_>, add: impl FnOnce(&mut Ui)) {
    let locked = context.session.is_locked();
    let part = ui.scope(|ui| {
        // Signed is not the same as beside the point: what was signed has to be read.
        ui.visuals_mut().disabled_alpha = 0.88;
        ui.add_enabled_ui(!locked, add);
    });
    if locked {
        part.response.on_hover_text_at_pointer(SIGNED);
    }
}

/// One of the choices of an open list; by the key Enter it closes as by a click.
fn choice_ui(ui: &mut Ui, chosen: bool, text: impl Into<String>) -> bool {
    let clicked = ui.selectable_label(chosen, text.into()).clicked();
    if clicked {
        ui.close();
    }
    clicked
}

/// An example in an empty field, which is not to be taken for what somebody wrote.
fn hint(ui: &Ui, text: &str) -> RichText {
    let colour = tokens::of(ui).faint.gamma_multiply(0.8);
    RichText::new(text).italics().color(colour)
}

/// A card: a filled box over the whole width.
fn card(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let tokens = tokens::of(ui);
    egui::Frame::new()
        .fill(tokens.card)
        .stroke(egui::Stroke::new(1.0, tokens.line))
        .corner_radius(6)
        .inner_margin(egui::Margin::same(10))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            add(ui);
        });
}

/// A tumour type as people call it, from its id.
fn tumour_name(id: Option<&str>) -> &str {
    let Some(id) = id else {
        return "tumour type not given";
    };
    let known = pantrk_triage::TumourTypes::embedded().ok();
    let found = known.and_then(|types| types.iter().find(|tumour| tumour.id == id));
    found.map_or(id, |tumour| tumour.name.as_str())
}

/// A time as people read it, to the minute; as it was kept, where it is of another kind.
fn when(time: &str) -> String {
    match (time.get(..10), time.get(10..11), time.get(11..16)) {
        (Some(day), Some("T"), Some(minute)) if time.ends_with('Z') => {
            format!("{day} {minute} UTC")
        }
        _ => time.to_owned(),
    }
}

/// The first letter as a capital.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
