//! Where on the slide the canvas looks: points of the screen against level-0 pixels.
//!
//! **Architecture invariant:** all of it is `f64`; `f32` begins where egui takes over, so that a slide of 200 000 pixels does not jitter.

use pantrk_space::{LevelSize, SlidePoint, SlideRect};

/// A point on the canvas, in egui's points from the canvas's top left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ScreenPoint {
    /// To the right.
    pub(crate) x: f64,
    /// Downwards.
    pub(crate) y: f64,
}

/// A way on the canvas, in egui's points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ScreenVector {
    /// To the right.
    pub(crate) dx: f64,
    /// Downwards.
    pub(crate) dy: f64,
}

/// The canvas, in egui's points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CanvasSize {
    /// Columns.
    pub(crate) width: f64,
    /// Rows.
    pub(crate) height: f64,
}

impl CanvasSize {
    /// Its middle.
    pub(crate) fn centre(self) -> ScreenPoint {
        ScreenPoint {
            x: self.width / 2.0,
            y: self.height / 2.0,
        }
    }
}

/// The place and the magnification that are shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    /// What lies in the middle of the canvas.
    pub(crate) centre: SlidePoint,
    /// Screen points along one level-0 pixel.
    pub(crate) points_per_pixel: f64,
    /// Quarter turns clockwise.
    pub(crate) turns: u8,
}

/// How far in and out one can go, screen points per level-0 pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ScaleLimits {
    /// Furthest out.
    pub(crate) min: f64,
    /// Furthest in.
    pub(crate) max: f64,
}

/// Level-0 pixels never become larger than this many points: beyond, there is nothing more to see.
const MAX_POINTS_PER_PIXEL: f64 = 24.0;
/// Share of the canvas that a fitted slide takes.
const FIT_SHARE: f64 = 0.94;

impl ScaleLimits {
    /// From half of the fitted size to single pixels.
    pub(crate) fn of(slide: LevelSize, canvas: CanvasSize) -> Self {
        let fitted = View::fit(slide, canvas).points_per_pixel;
        Self {
            min: fitted.min(1.0) / 2.0,
            max: MAX_POINTS_PER_PIXEL.max(fitted),
        }
    }
}

impl View {
    /// The whole slide, centred.
    pub(crate) fn fit(slide: LevelSize, canvas: CanvasSize) -> Self {
        Self::fit_turned(slide, canvas, 0)
    }

    /// The whole slide, centred and turned by so many quarters.
    pub(crate) fn fit_turned(slide: LevelSize, canvas: CanvasSize, turns: u8) -> Self {
        let (width, height) = (f64::from(slide.width), f64::from(slide.height));
        let (across, down) = if turns.is_multiple_of(2) {
            (width, height)
        } else {
            (height, width)
        };
        let scale = (canvas.width / across.max(1.0)).min(canvas.height / down.max(1.0));
        Self {
            centre: SlidePoint {
                x: width / 2.0,
                y: height / 2.0,
            },
            points_per_pixel: (scale * FIT_SHARE).max(1e-9),
            turns: turns % 4,
        }
    }

    /// A way on the canvas as one on the slide, in level-0 pixels.
    pub(crate) fn on_slide(self, way: ScreenVector) -> (f64, f64) {
        let (x, y) = (
            way.dx / self.points_per_pixel,
            way.dy / self.points_per_pixel,
        );
        match self.turns {
            0 => (x, y),
            1 => (y, -x),
            2 => (-x, -y),
            _ => (-y, x),
        }
    }

    /// What lies under a point of the canvas.
    pub(crate) fn slide_from_screen(self, at: ScreenPoint, canvas: CanvasSize) -> SlidePoint {
        let middle = canvas.centre();
        let (x, y) = self.on_slide(ScreenVector {
            dx: at.x - middle.x,
            dy: at.y - middle.y,
        });
        SlidePoint {
            x: self.centre.x + x,
            y: self.centre.y + y,
        }
    }

    /// Where a point of the slide is on the canvas.
    pub(crate) fn screen_from_slide(self, at: SlidePoint, canvas: CanvasSize) -> ScreenPoint {
        let middle = canvas.centre();
        let x = (at.x - self.centre.x) * self.points_per_pixel;
        let y = (at.y - self.centre.y) * self.points_per_pixel;
        let (x, y) = match self.turns {
            0 => (x, y),
            1 => (-y, x),
            2 => (-x, -y),
            _ => (y, -x),
        };
        ScreenPoint {
            x: x + middle.x,
            y: y + middle.y,
        }
    }

    /// The part of slide space that the canvas shows; it may reach beyond the slide.
    pub(crate) fn visible(self, canvas: CanvasSize) -> SlideRect {
        let a = self.slide_from_screen(ScreenPoint { x: 0.0, y: 0.0 }, canvas);
        let far = ScreenPoint {
            x: canvas.width,
            y: canvas.height,
        };
        let b = self.slide_from_screen(far, canvas);
        SlideRect {
            x: a.x.min(b.x),
            y: a.y.min(b.y),
            width: (a.x - b.x).abs(),
            height: (a.y - b.y).abs(),
        }
    }

    /// Magnified by `factor` within `limits`; what lies under `at` stays there.
    #[must_use]
    pub(crate) fn zoomed_about(
        self,
        at: ScreenPoint,
        factor: f64,
        canvas: CanvasSize,
        limits: ScaleLimits,
    ) -> Self {
        let held = self.slide_from_screen(at, canvas);
        let points_per_pixel = (self.points_per_pixel * factor).clamp(limits.min, limits.max);
        let scaled = Self {
            centre: held,
            points_per_pixel,
            ..self
        };
        let middle = canvas.centre();
        scaled.panned(ScreenVector {
            dx: at.x - middle.x,
            dy: at.y - middle.y,
        })
    }

    /// With the slide pushed along `by`.
    #[must_use]
    pub(crate) fn panned(self, by: ScreenVector) -> Self {
        let (x, y) = self.on_slide(by);
        Self {
            centre: SlidePoint {
                x: self.centre.x - x,
                y: self.centre.y - y,
            },
            ..self
        }
    }

    /// With the middle of the canvas on the slide, so that the slide cannot be lost.
    #[must_use]
    pub(crate) fn kept_on(self, slide: LevelSize) -> Self {
        Self {
            centre: SlidePoint {
                x: self.centre.x.clamp(0.0, f64::from(slide.width)),
                y: self.centre.y.clamp(0.0, f64::from(slide.height)),
            },
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CANVAS: CanvasSize = CanvasSize {
        width: 1200.0,
        height: 800.0,
    };

    #[test]
    fn a_fitted_slide_is_all_there() {
        let slide = LevelSize {
            width: 100_000,
            height: 20_000,
        };
        let view = View::fit(slide, CANVAS);
        let visible = view.visible(CANVAS);
        assert!(visible.x < 0.0 && visible.y < 0.0);
        assert!(visible.x + visible.width > 100_000.0);
        let corner = view.screen_from_slide(SlidePoint { x: 0.0, y: 0.0 }, CANVAS);
        assert!(
            (corner.x - 36.0).abs() < 1e-6,
            "3 % of 1200 points: {corner:?}"
        );
    }

    #[test]
    fn the_slide_cannot_be_lost() {
        let slide = LevelSize {
            width: 1000,
            height: 1000,
        };
        let away = View::fit(slide, CANVAS).panned(ScreenVector { dx: -1e9, dy: 1e9 });
        let kept = away.kept_on(slide);
        assert_eq!(kept.centre, SlidePoint { x: 1000.0, y: 0.0 });
    }

    proptest! {
        #[test]
        fn zooming_keeps_the_point_under_the_pointer(
            x in 0.0..1200.0, y in 0.0..800.0, factor in 0.01..100.0, turns in 0..4_u8,
            cx in 0.0..200_000.0, cy in 0.0..200_000.0, scale in 0.002_f64..8.0,
        ) {
            let slide = LevelSize { width: 200_000, height: 200_000 };
            let limits = ScaleLimits::of(slide, CANVAS);
            let at = ScreenPoint { x, y };
            let before = View { centre: SlidePoint { x: cx, y: cy }, points_per_pixel: scale, turns };
            let after = before.zoomed_about(at, factor, CANVAS, limits);
            let (held, now) = (before.slide_from_screen(at, CANVAS), after.slide_from_screen(at, CANVAS));
            // A thousandth of a screen point.
            let tolerance = 1e-3 / after.points_per_pixel;
            prop_assert!((held.x - now.x).abs() < tolerance && (held.y - now.y).abs() < tolerance);
            prop_assert!(after.points_per_pixel >= limits.min && after.points_per_pixel <= limits.max);
        }

        #[test]
        fn screen_and_slide_are_inverses(x in -500.0..1700.0, y in -500.0..1300.0, scale in 0.002_f64..24.0, turns in 0..4_u8) {
            let view = View { centre: SlidePoint { x: 71_234.5, y: 3_210.25 }, points_per_pixel: scale, turns };
            let back = view.screen_from_slide(view.slide_from_screen(ScreenPoint { x, y }, CANVAS), CANVAS);
            prop_assert!((back.x - x).abs() < 1e-6 && (back.y - y).abs() < 1e-6);
        }

        #[test]
        fn panning_moves_the_slide_with_the_pointer(dx in -900.0..900.0, dy in -900.0..900.0, scale in 0.002_f64..24.0, turns in 0..4_u8) {
            let view = View { centre: SlidePoint { x: 5_000.0, y: 6_000.0 }, points_per_pixel: scale, turns };
            let from = ScreenPoint { x: 400.0, y: 300.0 };
            let held = view.slide_from_screen(from, CANVAS);
            let now = view.panned(ScreenVector { dx, dy }).screen_from_slide(held, CANVAS);
            prop_assert!((now.x - from.x - dx).abs() < 1e-6 && (now.y - from.y - dy).abs() < 1e-6);
        }
    }
}
