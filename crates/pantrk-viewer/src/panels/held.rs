//! The right side's scrolled part, in which what a hand drags stays where it was taken hold of, whatever the text above it comes to.

use egui::{Id, Response, ScrollArea, Ui};

/// Points that nobody sees.
const NEAR: f32 = 0.5;

/// What is dragged.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// The widget.
    id: Option<Id>,
    /// Its top on the screen when it was taken hold of.
    top: f32,
    /// By how much it lies below that now.
    off: f32,
    /// Room above all, where scrolling back is not enough.
    room: f32,
    /// To be scrolled to.
    scroll: Option<f32>,
}

fn place() -> Id {
    Id::unique("held on the right side")
}

fn held(ui: &Ui) -> Held {
    ui.data(|data| data.get_temp(place())).unwrap_or_default()
}

fn keep(ui: &Ui, held: Held) {
    ui.data_mut(|data| data.insert_temp(place(), held));
}

/// Says that this widget stays where it is while it is dragged.
pub(super) fn hold_still(ui: &Ui, response: &Response) {
    let mut now = held(ui);
    let top = response.rect.top();
    let is_this = now.id == Some(response.id);
    if !response.is_pointer_button_down_on() {
        if is_this {
            keep(ui, Held::default());
        }
        return;
    }
    if !is_this {
        now = Held {
            id: Some(response.id),
            top,
            ..Held::default()
        };
    }
    now.off = top - now.top;
    keep(ui, now);
}

/// The scrolled part.
pub(super) fn scroll_ui(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let mut before = held(ui);
    let mut area = ScrollArea::vertical().auto_shrink(false);
    if let Some(offset) = before.scroll.take() {
        area = area.vertical_scroll_offset(offset);
        keep(ui, before);
    }
    let drawn = area.show(ui, |ui| {
        ui.add_space(before.room);
        add(ui);
    });
    let mut now = held(ui);
    if now.id.is_none() || now.off.abs() < NEAR {
        return;
    }
    let offset = drawn.state.clamped_offset().y;
    // Down by scrolling on, after the room above is used up; up by scrolling back, and by room above where that ends.
    now.room = if now.off > 0.0 {
        (now.room - now.off).max(0.0)
    } else {
        now.room + (-now.off - offset).max(0.0)
    };
    now.scroll = Some((offset + now.off + now.room - before.room).max(0.0));
    now.off = 0.0;
    keep(ui, now);
    // Drawn anew before anybody sees it.
    ui.ctx()
        .request_discard("what is dragged stays under the hand");
}
