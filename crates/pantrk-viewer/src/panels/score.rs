//! Right: the figures of the score.

use egui::{FontId, Grid, Rect, RichText, Sense, Ui, WidgetInfo, pos2, vec2};
use pantrk_core::score::{Compartment, CompartmentScore, Extent, ProfileCall, Texture};
use pantrk_store::{PatternFacts, SlideResult, grade_label};

use super::again::again_ui;
use super::histogram::histogram_ui;
use super::{
    Panel, PanelContext, Place, capital, card, faint, folding, item, section, steady,
    unless_signed, warning,
};
use crate::command::Commands;
use crate::reading::ihc_word;
use crate::review::Review;
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "score",
    place: Place::Right,
    ui: score_ui,
};

fn score_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let Some(result) = context.session.open_result() else {
        return;
    };
    folding(ui, "Score", true, |ui| {
        card(ui, |ui| score_card(ui, result, context, out));
    });
}

fn score_card(ui: &mut Ui, result: &SlideResult, context: &PanelContext<'_>, out: &mut Commands) {
    {
        let signed = context.session.signed();
        match signed.filter(|signed| signed.own.result != signed.computed.result) {
            Some(signed) => {
                let own = format!("IHC {}, signed", ihc_word(signed.own.result));
                ui.label(RichText::new(own).size(17.0).strong());
                call_ui(ui, result, "The program read: ");
            }
            None => call_ui(ui, result, ""),
        }
        if let Some(review) = context.session.review() {
            changes_ui(ui, review);
            if let Some(text) = review.unscored() {
                warning(ui, text);
                again_ui(ui, context, out);
            }
        }
        match &result.compartments {
            None => faint(ui, "No scores: the slide is not evaluable."),
            Some(scores) => {
                grades_bar(ui, &scores.any);
                if let Some(open) = &context.session.open
                    && open.cells.ready().is_some()
                {
                    section(ui, "Thresholds");
                    steady(ui, "histogram", |ui| {
                        unless_signed(ui, context, |ui| {
                            histogram_ui(ui, &open.review, result.stain.dab_background_od, out);
                        });
                    });
                }
                section(ui, "By compartment, percent of tumour cells");
                let rows = Compartment::ALL.map(|c| (c.label(), scores.get(c)));
                compartments_ui(ui, &scores.any, &rows);
                let [low, high] = scores.any.sensitivity;
                faint(
                    ui,
                    format!(
                        "In brackets: 95 % interval. With all thresholds moved by -0.05 and +0.05 OD, any compartment reads {low:.1} % and {high:.1} %."
                    ),
                );
            }
        }
        section(ui, "Profiles");
        profiles_ui(ui, result);
        if let Some(pattern) = &result.pattern {
            section(ui, "Pattern");
            pattern_ui(ui, pattern);
        }
        section(ui, "What was counted");
        let others = context.session.review().is_some_and(|r| r.regions.changed);
        counted_ui(ui, result, others);
        ui.add_space(4.0);
        if !context.session.lacks_cells() {
            again_ui(ui, context, out);
        }
    }
}

/// What differs from the score that is stored.
fn changes_ui(ui: &mut Ui, review: &Review) {
    let changes = review.changes();
    if changes.is_empty() {
        return;
    }
    let colour = tokens::of(ui).accent;
    let text = format!("Changed since it was scored: {}.", changes.join(", "));
    ui.add(egui::Label::new(RichText::new(text).color(colour).size(12.5)).wrap());
}

/// The program's result; `before` it what tells it from a person's.
fn call_ui(ui: &mut Ui, result: &SlideResult, before: &str) {
    let call = &result.ihc;
    let mut text = ihc_word(call.result).to_owned();
    if let Some(intensity) = call.intensity {
        text = format!("{text}, {}", format!("{intensity:?}").to_lowercase());
    }
    let size = if before.is_empty() { 17.0 } else { 13.5 };
    let text = RichText::new(format!("{before}IHC {text}")).size(size);
    ui.add(egui::Label::new(text.strong()).wrap());
    faint(ui, format!("by profile {}", call.profile));
    for reason in &call.reasons {
        item(ui, reason);
    }
}

/// A line of words under the bar, points.
const LINE: f32 = 16.0;

/// All tumour cells by their highest grade, as one bar.
fn grades_bar(ui: &mut Ui, any: &CompartmentScore) {
    ui.add_space(6.0);
    let parts = [
        (100.0 - any.positive_percent).max(0.0),
        any.percent_1,
        any.percent_2,
        any.percent_3,
    ];
    let font = FontId::proportional(12.0);
    let words: Vec<_> = (0_u8..)
        .zip(parts)
        .map(|(grade, part)| {
            let text = format!("{} {part:.1} %", grade_label(grade));
            let ink = tokens::of(ui).ink;
            ui.painter().layout_no_wrap(text, font.clone(), ink)
        })
        .collect();
    let width = ui.available_width();
    // In lines, where one has no room for all.
    let mut places = Vec::new();
    let (mut x, mut row) = (0.0, 0.0);
    for galley in &words {
        let wide = galley.size().x + 14.0;
        if x > 0.0 && x + wide > width {
            (x, row) = (0.0, row + 1.0);
        }
        places.push(vec2(x, 29.0 + row * LINE));
        x += wide + 12.0;
    }
    let size = vec2(width, 40.0 + row * LINE);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let spoken = (0_u8..)
        .zip(parts)
        .map(|(grade, part)| format!("{} {part:.1} %", grade_label(grade)))
        .collect::<Vec<_>>()
        .join(", ");
    response.widget_info(|| {
        WidgetInfo::labeled(egui::Role::Image, true, format!("Tumour cells: {spoken}"))
    });
    let bar = Rect::from_min_size(rect.min, vec2(rect.width(), 16.0));
    let painter = ui.painter();
    painter.rect_filled(bar, 2, tokens::of(ui).bar_ground);
    let mut left = bar.left();
    for (grade, part) in (0_u8..).zip(parts) {
        let width = bar.width() * (part / 100.0).clamp(0.0, 1.0) as f32;
        let piece = Rect::from_min_size(pos2(left, bar.top()), vec2(width, bar.height()));
        painter.rect_filled(piece, 0, tokens::grade(grade));
        left += width;
    }
    for (grade, (place, galley)) in (0_u8..).zip(places.into_iter().zip(words)) {
        let at = rect.min + place;
        painter.circle_filled(at + vec2(5.0, 0.0), 4.5, tokens::grade(grade));
        let at = at + vec2(14.0, -galley.size().y / 2.0);
        painter.galley(at, galley, tokens::of(ui).ink);
    }
    response.on_hover_text(spoken);
}

fn compartments_ui(
    ui: &mut Ui,
    any: &CompartmentScore,
    rows: &[(&'static str, &CompartmentScore)],
) {
    let head = |ui: &mut Ui, text: &str| {
        let colour = tokens::of(ui).faint;
        ui.label(RichText::new(text).size(12.0).color(colour));
    };
    // Beside large text the table is wider than its room.
    egui::ScrollArea::horizontal().show(ui, |ui| {
        Grid::new("compartments")
            .num_columns(6)
            .striped(false)
            .spacing(vec2(6.0, 5.0))
            .show(ui, |ui| {
                for text in ["", "positive", "1+", "2+", "3+", "H-score"] {
                    head(ui, text);
                }
                ui.end_row();
                let all = std::iter::once(("any", any)).chain(rows.iter().copied());
                for (name, score) in all {
                    ui.label(RichText::new(name).strong().size(12.5));
                    let [low, high] = score.interval95;
                    let figure = |text: String| RichText::new(text).size(12.5);
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = 4.0;
                        ui.label(figure(format!("{:.1}", score.positive_percent)).strong());
                        head(ui, &format!("({low:.1} to {high:.1})"));
                    });
                    for percent in [score.percent_1, score.percent_2, score.percent_3] {
                        ui.label(figure(format!("{percent:.1}")));
                    }
                    ui.label(figure(format!("{:.0}", score.h_score)));
                    ui.end_row();
                }
            });
    });
}

fn profiles_ui(ui: &mut Ui, result: &SlideResult) {
    for (name, call) in &result.profiles {
        let text = format!("{name}: {}", ihc_word(call.result));
        let strong = *name == result.ihc.profile;
        let text = RichText::new(text).size(13.0);
        ui.label(if strong { text.strong() } else { text });
        let line = profile_line(call);
        if !line.is_empty() {
            faint(ui, line);
        }
    }
}

fn profile_line(call: &ProfileCall) -> String {
    let unit = match call.unit.as_str() {
        "percent" => " %",
        "points" => " points",
        _ => "",
    };
    let mut parts = Vec::new();
    if let Some(value) = call.value {
        parts.push(format!("{value:.1}{unit}"));
    }
    if let Some([low, high]) = call.interval95 {
        parts.push(format!("95 % interval {low:.1} to {high:.1}"));
    }
    parts.push(format!("cut-off {}{unit}", call.cutoff));
    if let Some([low, high]) = call.sensitivity {
        parts.push(format!(
            "at -0.05 OD {}, at +0.05 OD {}",
            ihc_word(low),
            ihc_word(high)
        ));
    }
    for (part, value) in &call.parts {
        parts.push(format!("{part} {value:.1}"));
    }
    parts.join("; ")
}

fn pattern_ui(ui: &mut Ui, facts: &PatternFacts) {
    let pattern = &facts.pattern;
    let extent = match pattern.extent {
        Extent::Diffuse => "diffuse",
        Extent::Focal => "focal",
        Extent::Scattered => "scattered",
        Extent::None => "no staining beyond the slide's own noise",
    };
    let mut words = vec![capital(extent)];
    match pattern.texture {
        Some(Texture::Smooth) => words.push("smooth".to_owned()),
        Some(Texture::Granular) => words.push("granular".to_owned()),
        None => {}
    }
    let places: Vec<&str> = pattern.compartments.iter().map(|c| c.label()).collect();
    if !places.is_empty() {
        words.push(format!("in {}", places.join(", ")));
    }
    ui.label(RichText::new(words.join(", ")).size(13.0));
    if let Some(hint) = &facts.gene_hint {
        faint(ui, hint.note.clone());
    }
}

/// What the result counts; `others` if the regions are not those whose area was worked out.
fn counted_ui(ui: &mut Ui, result: &SlideResult, others: bool) {
    let cells = &result.cells;
    let quality = &result.quality;
    let region = match result.tumour_region {
        pantrk_store::TumourRegion::Given => "tumour regions drawn by a person",
        pantrk_store::TumourRegion::Classified => "tumour regions from a classifier",
        pantrk_store::TumourRegion::None => "no tumour regions: every cell in tissue counts",
    };
    ui.label(
        RichText::new(format!(
            "{} tumour cells of {} found",
            cells.tumour, cells.segmented
        ))
        .size(13.0),
    );
    let area = if others {
        "The regions were changed since; the area within them is worked out when it is scored again"
            .to_owned()
    } else {
        format!(
            "{:.2} of {:.2} mm² tissue evaluated",
            quality.evaluated_mm2, quality.tissue_mm2
        )
    };
    faint(
        ui,
        format!(
            "{region}. {area}; {:.2} mm² could not be read ({} tiles).",
            quality.unread_mm2,
            quality.unread_tiles.len()
        ),
    );
    let model = &result.run.model;
    faint(
        ui,
        format!(
            "Model {} {} on {}; program {}.",
            model.name, model.version, result.run.device, result.run.version
        ),
    );
}
