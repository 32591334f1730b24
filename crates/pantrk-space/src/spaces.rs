//! Points, sizes and rectangles, each in its own space.
//!
//! Slide space is level-0 pixels (`f64`); level space is the pixels of one level.
//! The origin is the top left corner of level 0 as the reader presents it; pixel (0, 0) covers [0, 1) x [0, 1).

use std::fmt;

use crate::Downsample;

/// A level of the pyramid; 0 is the sharpest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LevelIndex(pub usize);

impl fmt::Display for LevelIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A stored tile of one level, by column and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileIndex {
    /// From the left.
    pub column: u32,
    /// From the top.
    pub row: u32,
}

/// A point in level-0 pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlidePoint {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// A point in the pixels of one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelPoint {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// The size of a level, or of a block of it, in that level's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelSize {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl LevelSize {
    /// Pixels in all.
    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl fmt::Display for LevelSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.width, self.height)
    }
}

/// A rectangle in level-0 pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlideRect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// To the right of `x`.
    pub width: f64,
    /// Below `y`.
    pub height: f64,
}

impl SlideRect {
    /// Whether `point` lies inside; the left and top edges belong to the rectangle, the others do not.
    pub fn contains(&self, point: SlidePoint) -> bool {
        point.x >= self.x
            && point.y >= self.y
            && point.x < self.x + self.width
            && point.y < self.y + self.height
    }
}

/// A rectangle in the pixels of one level; it may reach beyond the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelRect {
    /// Left edge; may be negative.
    pub x: i64,
    /// Top edge; may be negative.
    pub y: i64,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl LevelRect {
    /// The whole of a level.
    pub fn of_size(size: LevelSize) -> Self {
        Self {
            x: 0,
            y: 0,
            width: size.width,
            height: size.height,
        }
    }

    /// One past the right edge; saturates at the end of the number range.
    pub fn right(&self) -> i64 {
        self.x.saturating_add(i64::from(self.width))
    }

    /// One past the bottom edge; saturates at the end of the number range.
    pub fn bottom(&self) -> i64 {
        self.y.saturating_add(i64::from(self.height))
    }

    /// Pixels in all.
    pub fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// What both rectangles cover; `None` where that is nothing.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let width = self.right().min(other.right()).checked_sub(x)?;
        let height = self.bottom().min(other.bottom()).checked_sub(y)?;
        let width = u32::try_from(width).ok().filter(|&w| w > 0)?;
        let height = u32::try_from(height).ok().filter(|&h| h > 0)?;
        Some(Self {
            x,
            y,
            width,
            height,
        })
    }
}

impl fmt::Display for LevelRect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} x {} at ({}, {})",
            self.width, self.height, self.x, self.y
        )
    }
}

impl Downsample {
    /// Where a point of this level lies on the slide.
    pub fn slide_from_level(self, point: LevelPoint) -> SlidePoint {
        SlidePoint {
            x: point.x * self.get(),
            y: point.y * self.get(),
        }
    }

    /// Where a point of the slide lies on this level.
    pub fn level_from_slide(self, point: SlidePoint) -> LevelPoint {
        LevelPoint {
            x: point.x / self.get(),
            y: point.y / self.get(),
        }
    }

    /// The slide area that a rectangle of this level covers.
    pub fn slide_rect_from_level(self, rect: LevelRect) -> SlideRect {
        SlideRect {
            x: rect.x as f64 * self.get(),
            y: rect.y as f64 * self.get(),
            width: f64::from(rect.width) * self.get(),
            height: f64::from(rect.height) * self.get(),
        }
    }

    /// The smallest rectangle of this level that covers a slide area.
    pub fn level_rect_covering(self, rect: SlideRect) -> LevelRect {
        let left = (rect.x / self.get()).floor();
        let top = (rect.y / self.get()).floor();
        let right = ((rect.x + rect.width) / self.get()).ceil();
        let bottom = ((rect.y + rect.height) / self.get()).ceil();
        LevelRect {
            x: left as i64,
            y: top as i64,
            width: (right - left).max(0.0) as u32,
            height: (bottom - top).max(0.0) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_intersection_is_what_both_cover() {
        let a = LevelRect {
            x: -10,
            y: 0,
            width: 20,
            height: 5,
        };
        let b = LevelRect {
            x: 0,
            y: 3,
            width: 20,
            height: 5,
        };
        let both = a.intersection(&b).unwrap();
        assert_eq!(
            both,
            LevelRect {
                x: 0,
                y: 3,
                width: 10,
                height: 2
            }
        );
        let far = LevelRect {
            x: i64::MAX - 1,
            y: 0,
            width: 20,
            height: 5,
        };
        assert!(a.intersection(&far).is_none());
    }

    proptest! {
        #[test]
        fn points_survive_the_round_trip(x in -1e6_f64..1e6, y in -1e6_f64..1e6, d in 1.0_f64..128.0) {
            let downsample = Downsample::new(d).unwrap();
            let point = LevelPoint { x, y };
            let back = downsample.level_from_slide(downsample.slide_from_level(point));
            prop_assert!((back.x - x).abs() < 1e-6 && (back.y - y).abs() < 1e-6);
        }

        #[test]
        fn a_rect_is_covered_by_its_own_slide_area(x in -1000_i64..1000, y in -1000_i64..1000, w in 1_u32..500, h in 1_u32..500) {
            let downsample = Downsample::new(4.0).unwrap();
            let rect = LevelRect { x, y, width: w, height: h };
            prop_assert_eq!(downsample.level_rect_covering(downsample.slide_rect_from_level(rect)), rect);
        }
    }
}
