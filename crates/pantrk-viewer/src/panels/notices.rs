//! What the user is told: what passes lies over the slide's foot, what stays has a strip of its own below it.

use std::time::Duration;

use egui::{Align2, Label, Rect, RichText, Sense, Ui, WidgetInfo, vec2};

use super::PanelContext;
use crate::command::{Command, Commands};
use crate::icon::notice_icon;
use crate::notice::Notice;
use crate::tokens;

/// The most room that the strip takes, points.
const STRIP: f32 = 116.0;
/// The most room along a notice that passes, points.
const WIDTH: f32 = 560.0;
/// Between two looks at whether the pointer still lies on a notice.
const HELD: Duration = Duration::from_secs(1);
/// Above the scale bar and what stands beside it, points.
const ABOVE: f32 = 58.0;

/// Warnings and errors, the newest first, until they are dismissed.
pub(super) fn strip_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let notices = &context.session.notices;
    let count = notices.staying().count();
    if count == 0 {
        return;
    }
    egui::ScrollArea::vertical()
        .id_salt("notices")
        .max_height(STRIP)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            ui.add_space(3.0);
            for notice in notices.staying().rev() {
                notice_ui(ui, notice, out);
            }
            if count > 1 && ui.small_button("Dismiss all").clicked() {
                out.push(Command::DismissAll);
            }
        });
    ui.separator();
}

/// What passes by itself, over the foot of the slide.
pub(crate) fn passing_ui(ui: &Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let notices = &context.session.notices;
    // What is saved is the slide, not what is said about saving it.
    if context.session.picturing || notices.passing().next().is_none() {
        return;
    }
    let open = context.session.open.as_ref();
    let canvas = open
        .map(|open| open.canvas)
        .filter(Rect::is_positive)
        .unwrap_or_else(|| ui.ctx().content_rect());
    let at = canvas.center_bottom() - vec2(0.0, ABOVE);
    egui::Area::new(egui::Id::unique("passing notices"))
        .order(egui::Order::Foreground)
        .pivot(Align2::CENTER_BOTTOM)
        .fixed_pos(at)
        .show(ui.ctx(), |ui| {
            ui.set_max_width((canvas.width() - 32.0).clamp(160.0, WIDTH));
            list_of_passing_ui(ui, context, out);
        });
}

/// Each on a card of its own.
pub(crate) fn list_of_passing_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let tokens = tokens::of(ui);
    for notice in context.session.notices.passing() {
        let frame = egui::Frame::new()
            .fill(tokens.card)
            .stroke(egui::Stroke::new(1.0, tokens.notice(notice.kind)))
            .corner_radius(6)
            .inner_margin(egui::Margin::symmetric(10, 6));
        let drawn = frame.show(ui, |ui| notice_ui(ui, notice, out));
        if drawn.response.contains_pointer() {
            out.push(Command::HoldNotice(notice.id));
            // Held again before its time is over, though the pointer lies still.
            ui.ctx().request_repaint_after(HELD);
        }
    }
}

/// Icon, word and text, with the button that takes it away.
fn notice_ui(ui: &mut Ui, notice: &Notice, out: &mut Commands) {
    let colour = tokens::of(ui).notice(notice.kind);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(18.0, 20.0), Sense::hover());
        let icon = Rect::from_center_size(rect.center(), vec2(16.0, 16.0));
        notice_icon(ui.painter(), icon, notice.kind, tokens::of(ui));
        let button = 66.0;
        let room = (ui.available_width() - button).max(80.0);
        let word = notice.kind.word();
        ui.vertical(|ui| {
            ui.set_width(room);
            let mut job = egui::text::LayoutJob::default();
            let ink = tokens::of(ui).ink;
            let of = |colour| egui::TextFormat::simple(egui::FontId::proportional(13.5), colour);
            job.append(&format!("{word}: "), 0.0, of(colour));
            job.append(&notice.text, 0.0, of(ink));
            ui.add(Label::new(job).wrap());
        });
        let dismiss = ui.small_button(RichText::new("Dismiss"));
        dismiss.widget_info(|| {
            WidgetInfo::labeled(
                egui::Role::Button,
                true,
                format!("Dismiss: {}", notice.text),
            )
        });
        if dismiss.clicked() {
            out.push(Command::Dismiss(notice.id));
        }
    });
}
