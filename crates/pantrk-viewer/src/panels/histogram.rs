//! The histogram of a compartment's densities with the three thresholds on it.

use egui::{
    Align2, CursorIcon, FontId, Painter, Rect, Sense, Slider, Stroke, StrokeKind, Ui, WidgetInfo,
    pos2, vec2,
};
use pantrk_core::score::{Compartment, Thresholds};
use pantrk_store::grade_label;

use super::faint;
use super::held::hold_still;
use crate::command::{Commands, ReviewCommand};
use crate::jobs::{BINS, TOP_OD};
use crate::review::Review;
use crate::tokens::{self, Tokens};

/// The least between two thresholds (OD): what a slider shows.
const GAP: f32 = 0.01;
/// The same as the sliders count it.
const STEP: f64 = 0.01;
/// The plot's height, points.
const HEIGHT: f32 = 96.0;
/// Points on both sides of a line that take hold of it.
const GRIP: f32 = 7.0;

/// The histogram, the sliders and what they mean.
pub(super) fn histogram_ui(ui: &mut Ui, review: &Review, background_od: f64, out: &mut Commands) {
    compartments_ui(ui, review, out);
    plot_ui(ui, review, out);
    sliders_ui(ui, review, out);
    ui.horizontal_wrapped(|ui| {
        let changed = review.thresholds != review.scored_thresholds;
        let reset = ui.add_enabled(changed, egui::Button::new("Reset thresholds").small());
        if reset
            .on_hover_text("Back to those that the slide was scored with")
            .clicked()
        {
            out.review(ReviewCommand::ResetThresholds);
        }
        if let Some(live) = &review.live {
            faint(
                ui,
                format!("{:.0} ms", live.took.as_secs_f64().max(0.001) * 1e3),
            );
        }
    });
    faint(
        ui,
        format!(
            "DAB optical density, log10, stain vectors as in the result, background of {background_od:.3} OD taken off. A cell at a threshold reaches it."
        ),
    );
}

fn compartments_ui(ui: &mut Ui, review: &Review, out: &mut Commands) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        let all = std::iter::once(None).chain(Compartment::ALL.map(Some));
        for compartment in all {
            let name = compartment.map_or("any", Compartment::label);
            let chosen = review.compartment == compartment;
            if ui.selectable_label(chosen, name).clicked() {
                out.review(ReviewCommand::Compartment(compartment));
            }
        }
    });
}

fn plot_ui(ui: &mut Ui, review: &Review, out: &mut Commands) {
    let tokens = tokens::of(ui);
    let size = vec2(ui.available_width(), HEIGHT + 16.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    response.widget_info(|| {
        WidgetInfo::labeled(
            egui::Role::Image,
            true,
            "Histogram of the cells' DAB optical density",
        )
    });
    let plot = Rect::from_min_size(rect.min, vec2(rect.width(), HEIGHT)).shrink2(vec2(1.0, 0.0));
    let painter = ui.painter();
    painter.rect_filled(plot, 3, tokens.panel);
    let x_of = |od: f32| plot.left() + plot.width() * (od / TOP_OD).clamp(0.0, 1.0);
    if let Some(live) = &review.live {
        let most = live.histogram.iter().copied().max().unwrap_or(0).max(1);
        let width = plot.width() / BINS as f32;
        let mut mesh = egui::Mesh::default();
        for (bin, &count) in live.histogram.iter().enumerate() {
            if count == 0 {
                continue;
            }
            // Square roots, or the few dark cells that matter would not be seen.
            let height = (count as f32 / most as f32).sqrt() * (HEIGHT - 8.0);
            let left = plot.left() + bin as f32 * width;
            let bar = Rect::from_min_max(
                pos2(left, plot.bottom() - height.max(1.0)),
                pos2(left + width, plot.bottom()),
            );
            let middle = (bin as f32 + 0.5) / BINS as f32 * TOP_OD;
            mesh.add_colored_rect(bar, tokens::grade(review.thresholds.grade(middle)));
        }
        painter.add(mesh);
    } else {
        let font = FontId::proportional(12.0);
        let at = plot.center();
        let text = if review.is_waiting() {
            "counting the cells"
        } else {
            "no cells"
        };
        painter.text(at, Align2::CENTER_CENTER, text, font, tokens.faint);
    }
    let stroke = Stroke::new(1.0, tokens.line);
    painter.rect_stroke(plot, 3, stroke, StrokeKind::Outside);
    for (grade, threshold) in (1_u8..).zip(review.thresholds.values()) {
        let x = x_of(threshold);
        let line = [pos2(x, plot.top()), pos2(x, plot.bottom())];
        painter.line_segment(line, Stroke::new(3.0, tokens.panel));
        painter.line_segment(line, Stroke::new(1.5, tokens.ink));
        let scored = x_of(review.scored_thresholds.values()[usize::from(grade) - 1]);
        if (scored - x).abs() > 0.5 {
            let tick = [
                pos2(scored, plot.bottom() - 5.0),
                pos2(scored, plot.bottom()),
            ];
            painter.line_segment(tick, Stroke::new(1.5, tokens.faint));
        }
    }
    names_ui(painter, plot, review.thresholds.values().map(x_of), tokens);
    for tenth in [0_u8, 2, 4, 6, 8, 10, 12] {
        let od = f32::from(tenth) / 10.0;
        let align = match tenth {
            0 => Align2::LEFT_CENTER,
            12 => Align2::RIGHT_CENTER,
            _ => Align2::CENTER_CENTER,
        };
        let font = FontId::proportional(10.5);
        let at = pos2(x_of(od), plot.bottom() + 8.0);
        painter.text(at, align, format!("{od:.1}"), font, tokens.faint);
    }
    drag_lines(ui, &response, review, plot, out);
}

/// The grades' names beside their lines, one below the other where they would lie over each other.
fn names_ui(painter: &Painter, plot: Rect, lines: [f32; 3], tokens: &Tokens) {
    let font = FontId::proportional(11.0);
    let mut taken: Vec<Rect> = Vec::new();
    for (grade, x) in (1_u8..).zip(lines) {
        let name = grade_label(grade).to_owned();
        let name = painter.layout_no_wrap(name, font.clone(), tokens.ink);
        let size = name.size();
        // At the plot's end on the other side of the line.
        let left = if x + 3.0 + size.x > plot.right() {
            x - 3.0 - size.x
        } else {
            x + 3.0
        };
        let mut place = Rect::from_min_size(pos2(left, plot.top() + 1.0), size);
        while taken
            .iter()
            .any(|other| other.expand(1.0).intersects(place))
        {
            place = place.translate(vec2(0.0, size.y));
        }
        // A line of another grade may run behind it.
        painter.rect_filled(place.expand2(vec2(1.5, 0.0)), 2, tokens.panel);
        painter.galley(place.min, name, tokens.ink);
        taken.push(place);
    }
}

/// The lines can be dragged in the plot itself.
fn drag_lines(ui: &Ui, response: &egui::Response, review: &Review, plot: Rect, out: &mut Commands) {
    let values = review.thresholds.values();
    let x_of = |od: f32| plot.left() + plot.width() * (od / TOP_OD).clamp(0.0, 1.0);
    let nearest = |x: f32| {
        (0..3)
            .min_by(|&a, &b| {
                (x_of(values[a]) - x)
                    .abs()
                    .total_cmp(&(x_of(values[b]) - x).abs())
            })
            .filter(|&i| (x_of(values[i]) - x).abs() <= GRIP)
    };
    hold_still(ui, response);
    let id = response.id.with("held");
    if let Some(at) = response.hover_pos()
        && nearest(at.x).is_some()
    {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    if response.drag_started()
        && let Some(at) = ui.input(|i| i.pointer.press_origin())
    {
        let held = nearest(at.x);
        ui.data_mut(|data| data.insert_temp(id, held));
    }
    if response.dragged()
        && let Some(at) = response.interact_pointer_pos()
        && let Some(held) = ui.data(|data| data.get_temp::<Option<usize>>(id)).flatten()
    {
        let od = (at.x - plot.left()) / plot.width() * TOP_OD;
        if let Some(moved) = moved(review.thresholds, held, od) {
            out.review(ReviewCommand::Thresholds(moved));
        }
    }
}

fn sliders_ui(ui: &mut Ui, review: &Review, out: &mut Commands) {
    for (index, value) in review.thresholds.values().into_iter().enumerate() {
        ui.horizontal(|ui| {
            let label = format!("{} from", grade_label(index as u8 + 1));
            let name = ui.label(egui::RichText::new(label).size(12.5));
            ui.spacing_mut().slider_width = (ui.available_width() - 74.0).max(80.0);
            let mut now = value;
            let slider = Slider::new(&mut now, GAP..=TOP_OD)
                .step_by(STEP)
                .fixed_decimals(2)
                // A threshold between two steps stays until a hand moves it.
                .clamping(egui::SliderClamping::Edits)
                .suffix(" OD");
            let response = ui.add(slider).labelled_by(name.id);
            hold_still(ui, &response);
            if response.changed()
                && let Some(moved) = moved(review.thresholds, index, now)
                && moved != review.thresholds
            {
                out.review(ReviewCommand::Thresholds(moved));
            }
        });
    }
}

/// One threshold moved; it pushes the others along, so that they keep rising.
fn moved(thresholds: Thresholds, index: usize, to: f32) -> Option<Thresholds> {
    let mut values = thresholds.values();
    let (below, above) = (index as f32, (2 - index) as f32);
    // Rounded as the slider rounds, in 64 bits: otherwise each frame would move the threshold back by a bit.
    let steps = (f64::from(to) / STEP).round();
    let to = (steps * STEP) as f32;
    values[index] = to.clamp(GAP * (below + 1.0), TOP_OD - GAP * above);
    for i in (0..index).rev() {
        values[i] = values[i].min(values[i + 1] - GAP);
    }
    for i in index + 1..3 {
        values[i] = values[i].max(values[i - 1] + GAP);
    }
    Thresholds::new(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_pushes_the_others_along() {
        let start = Thresholds::new([0.2, 0.4, 0.6]).unwrap();
        for (index, to, wanted) in [
            (0, 0.3, [0.3, 0.4, 0.6]),
            (0, 0.5, [0.5, 0.51, 0.6]),
            (0, 9.0, [1.18, 1.19, 1.2]),
            (2, 0.1, [0.08, 0.09, 0.1]),
            (2, -1.0, [0.01, 0.02, 0.03]),
            (1, 0.7, [0.2, 0.7, 0.71]),
        ] {
            let found = moved(start, index, to).unwrap().values();
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-5, "{index} to {to}: {found:?}");
            }
        }
    }
}
