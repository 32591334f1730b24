//! Right: the region classifier: strokes by class, how well they are told apart, and the regions made of it.

use egui::{RichText, Ui, vec2};

use super::drawn::{chip, dot};
use super::{Panel, PanelContext, Place, SIGNED, card, faint, folding, unless_signed};
use crate::browser::Purpose;
use crate::command::{BrowseCommand, Command, Commands, DrawCommand, TrainCommand};
use crate::drawing::{CLASSES, Tool, class_colour};
use crate::state::OpenItem;
use crate::tokens;
use crate::training::{Making, Model, Origin, Work, stroke_counts};

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "classifier",
    place: Place::Right,
    ui: classifier_ui,
};

/// Classes that nothing on a slide looks like: what is left out or stands apart for other reasons.
const NOT_LOOKS: [&str; 3] = ["Exclude", "Control", "Tissue"];

fn classifier_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let Some(open) = &context.session.open else {
        return;
    };
    if open.slide.ready().is_none() {
        return;
    }
    let begun = context.settings.tool == Tool::Stroke
        || open.review.drawing.shapes().iter().any(|s| s.trains);
    folding(ui, "Region classifier", begun, |ui| {
        card(ui, |ui| {
            faint(
                ui,
                "Paint a few strokes per class. The program learns what each looks like, shows what it makes of the slide, and proposes regions.",
            );
            ui.add_space(4.0);
            strokes_ui(ui, context, open, out);
            live_ui(ui, context, open, out);
            told_ui(ui, open);
            use_ui(ui, context, open, out);
        });
    });
}

fn strokes_ui(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    let strokes = open.review.drawing.strokes();
    let counts = stroke_counts(&strokes);
    let painting = context.settings.tool == Tool::Stroke;
    unless_signed(ui, context, |ui| {
        ui.horizontal_wrapped(|ui| {
            let button = egui::Button::new("Paint strokes").selected(painting);
            if ui
                .add(button)
                .on_hover_text("Takes the tool for training strokes (K); again lets it go")
                .clicked()
            {
                let next = if painting { Tool::Move } else { Tool::Stroke };
                out.draw(DrawCommand::Tool(next));
            }
            let delete = egui::Button::new("Delete strokes");
            if ui
                .add_enabled(!strokes.is_empty(), delete)
                .on_hover_text("Takes all training strokes away; Ctrl+Z brings them back")
                .clicked()
            {
                out.train(TrainCommand::DeleteStrokes);
            }
        });
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(3.0, 3.0);
            let fixed = CLASSES.iter().map(|class| class.name);
            let fixed = fixed.filter(|name| !NOT_LOOKS.contains(name));
            let own = counts.iter().map(|(class, _)| *class);
            let own = own.filter(|class| !CLASSES.iter().any(|c| c.name == *class));
            for class in fixed.chain(own) {
                let n = counts.iter().find(|(name, _)| *name == class);
                let text = n.map_or_else(|| class.to_owned(), |(_, n)| format!("{class} {n}"));
                let chosen = painting && context.settings.class == class;
                if chip(ui, class, &text, chosen)
                    .on_hover_text(format!("Paint strokes of {class}"))
                    .clicked()
                {
                    out.draw(DrawCommand::StrokeClass(class.to_owned()));
                }
            }
        });
    });
    if counts.is_empty() {
        faint(
            ui,
            "no strokes yet: choose a class and paint over what looks like it",
        );
    }
}

fn live_ui(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    let mut live = context.settings.live_preview;
    let label = ui.checkbox(&mut live, "Live preview");
    let hint = "Train while strokes are painted, and show what it makes of the part in view";
    if label.on_hover_text(hint).changed() {
        out.train(TrainCommand::Live(live));
    }
    let training = &open.training;
    let untrained = training.trained != Some(open.review.drawing.stroke_revision);
    let idle = training.model.is_none() && training.working.is_none();
    let strokes = open.review.drawing.strokes();
    let enough = stroke_counts(&strokes).len() > 1;
    if enough
        && ((!live && untrained) || idle)
        && ui
            .button("Train now")
            .on_hover_text("Trains with the strokes as they are")
            .clicked()
    {
        out.train(TrainCommand::Now);
    }
}

/// How far the training is, and how well the classes are told apart.
fn told_ui(ui: &mut Ui, open: &OpenItem) {
    let training = &open.training;
    if let Some(problem) = &training.problem {
        let colour = tokens::of(ui).warning;
        ui.label(RichText::new(problem).size(12.5).color(colour));
    }
    match &training.model {
        None if training.working == Some(Work::Train) => faint(ui, "training ..."),
        None => {}
        Some(model) => model_ui(ui, model, training.working),
    }
}

fn model_ui(ui: &mut Ui, model: &Model, working: Option<Work>) {
    let text = match &model.origin {
        Origin::Strokes(took) => format!("trained in {:.1} s", took.as_secs_f64()),
        Origin::File(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            format!("from the file {name}")
        }
    };
    let text = match working {
        Some(Work::Train) => format!("{text}; training again ..."),
        Some(Work::Preview) => format!("{text}; looking at what is in view ..."),
        Some(Work::Regions) | None => text,
    };
    faint(ui, text);
    egui::Grid::new("classifier_classes")
        .num_columns(3)
        .spacing(vec2(14.0, 3.0))
        .show(ui, |ui| {
            let head = |ui: &mut Ui, text: &str| {
                let colour = tokens::of(ui).faint;
                ui.label(RichText::new(text).size(12.0).color(colour));
            };
            head(ui, "class");
            head(ui, "places of 8 um");
            head(ui, "told right when held out");
            ui.end_row();
            for class in &model.classifier.classes {
                ui.horizontal(|ui| {
                    dot(ui, class_colour(&class.class));
                    ui.label(RichText::new(&class.class).size(12.5));
                });
                ui.label(RichText::new(class.places.to_string()).size(12.5));
                let right = format!("{:.0} %", class.held_out_right_percent);
                ui.label(RichText::new(right).size(12.5));
                ui.end_row();
            }
        });
    faint(ui, "in the preview: the fainter a colour, the less sure");
}

fn use_ui(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    let training = &open.training;
    if let Some(making) = &training.making {
        making_ui(ui, making, out);
        return;
    }
    let there = training.model.is_some();
    let locked = context.session.is_locked();
    let why = if locked {
        SIGNED
    } else {
        "There is no classifier yet"
    };
    ui.horizontal_wrapped(|ui| {
        let make = egui::Button::new("Make regions");
        if ui
            .add_enabled(there && !locked, make)
            .on_disabled_hover_text(why)
            .on_hover_text("Looks at the whole slide and makes a region of each class, as one step that undo takes back; the score follows")
            .clicked()
        {
            out.train(TrainCommand::MakeRegions);
        }
        if ui
            .button("Load")
            .on_hover_text("Takes a region classifier from a file; strokes that are painted later train a new one in its place")
            .clicked()
        {
            let purpose = Purpose::LoadClassifier;
            out.push(Command::Browse(BrowseCommand::For(purpose)));
        }
        if ui
            .add_enabled(there, egui::Button::new("Save classifier"))
            .on_hover_text("Writes it beside the results, for other slides of the same laboratory and scanner, here or with pantrk score --region-classifier")
            .clicked()
        {
            out.train(TrainCommand::Save);
        }
    });
}

fn making_ui(ui: &mut Ui, making: &Making, out: &mut Commands) {
    ui.horizontal(|ui| {
        let share = making.done as f32 / making.total.max(1) as f32;
        let bar = egui::ProgressBar::new(share.clamp(0.0, 1.0))
            .desired_width(ui.available_width() - 80.0)
            .text(format!("{} of {} mm²", making.done, making.total));
        ui.add(bar);
        if ui.button("Stop").clicked() {
            out.train(TrainCommand::Stop);
        }
    });
}
