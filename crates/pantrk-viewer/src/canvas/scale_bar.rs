//! The scale bar, and the magnification in words.

use egui::{Painter, Rect, Stroke, pos2, vec2};

use super::{Projector, line};
use crate::state::OpenSlide;
use crate::tokens::Tokens;

/// The longest bar, in points.
const LONGEST: f64 = 170.0;
/// What bar and plate take at most beside the canvas's edge, points.
pub(super) const ROOM: f32 = 206.0;
/// Above the canvas's foot from where on nothing of it is, points.
pub(super) const TOP: f32 = 54.0;

/// Draws the bar where the pixel size is known; returns the magnification in words.
pub(super) fn draw(
    painter: &Painter,
    projector: Projector,
    slide: &OpenSlide,
    tokens: &Tokens,
) -> String {
    let scale = projector.view.points_per_pixel;
    let Some(mpp) = slide.mpp else {
        return format!(
            "{:.0} % of the slide's pixels, pixel size not known",
            scale * 100.0
        );
    };
    let um_per_point = mpp.x.get() / scale;
    // In a narrow canvas there are words beside it.
    let longest = LONGEST.min(0.4 * f64::from(projector.rect.width()));
    let um = round_length(longest * um_per_point);
    let length = (um / um_per_point) as f32;
    let left = projector.rect.left() + 22.0;
    let bottom = projector.rect.bottom() - 22.0;
    let plate = Rect::from_min_max(
        pos2(left - 12.0, bottom - 28.0),
        pos2(left + length + 12.0, bottom + 10.0),
    );
    painter.rect_filled(plate, 4, tokens.plate);
    let ends = [pos2(left, bottom), pos2(left + length, bottom)];
    painter.line_segment(ends, Stroke::new(2.5, tokens.ink));
    for end in ends {
        let tick = [end - vec2(0.0, 5.0), end + vec2(0.0, 5.0)];
        painter.line_segment(tick, Stroke::new(1.5, tokens.ink));
    }
    let middle = pos2(left + length / 2.0, bottom - 15.0);
    line(painter, middle, &length_text(um), 13.0, tokens);
    format!("{} µm per point", significant(um_per_point))
}

/// The greatest of 1, 2, 5 x 10^n that is not above `most`.
fn round_length(most: f64) -> f64 {
    let unit = 10_f64.powf(most.log10().floor());
    [5.0, 2.0, 1.0]
        .into_iter()
        .map(|factor| factor * unit)
        .find(|&length| length <= most * 1.000_001)
        .unwrap_or(unit)
}

fn length_text(um: f64) -> String {
    if um >= 1000.0 {
        format!("{} mm", um / 1000.0)
    } else {
        format!("{} µm", significant(um))
    }
}

/// Two significant digits and no more.
fn significant(value: f64) -> String {
    let digits = (1.0 - value.log10().floor()).clamp(0.0, 4.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_round_and_fit() {
        for (most, wanted) in [
            (170.0, "100 µm"),
            (43.0, "20 µm"),
            (9_000.0, "5 mm"),
            (0.7, "0.5 µm"),
        ] {
            let length = round_length(most);
            assert!(length <= most * 1.000_001);
            assert_eq!(length_text(length), wanted);
        }
        assert_eq!(significant(0.251), "0.25");
        assert_eq!(significant(16.4), "16");
    }
}
