//! Lengths and scales.

use std::fmt;

/// A length in micrometres.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Microns(f64);

impl Microns {
    /// A length of `value` micrometres.
    pub const fn new(value: f64) -> Self {
        Self(value)
    }

    /// The length in micrometres.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// How many pixels of `mpp` this length spans.
    pub fn pixels_at(self, mpp: MicronsPerPixel) -> f64 {
        self.0 / mpp.get()
    }
}

impl fmt::Display for Microns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} um", self.0)
    }
}

/// The width or height of one pixel in micrometres: finite and above zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct MicronsPerPixel(f64);

impl MicronsPerPixel {
    /// `None` unless `value` is finite and above zero.
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && value > 0.0).then_some(Self(value))
    }

    /// Micrometres per pixel.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The same scale as TIFF resolution tags speak it.
    pub fn pixels_per_micron(self) -> PixelsPerMicron {
        PixelsPerMicron(1.0 / self.0)
    }
}

impl fmt::Display for MicronsPerPixel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} um/px", self.0)
    }
}

/// A resolution as TIFF tags give it; convert to [`MicronsPerPixel`] at once.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PixelsPerMicron(f64);

impl PixelsPerMicron {
    /// `None` unless `value` is finite and above zero.
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && value > 0.0).then_some(Self(value))
    }

    /// Pixels per micrometre.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The pixel size that belongs to this resolution; `None` where it would overflow.
    pub fn microns_per_pixel(self) -> Option<MicronsPerPixel> {
        MicronsPerPixel::new(1.0 / self.0)
    }
}

/// The pixel size of level 0 along both axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlideMpp {
    /// Along the width.
    pub x: MicronsPerPixel,
    /// Along the height.
    pub y: MicronsPerPixel,
}

impl SlideMpp {
    /// Square pixels.
    pub fn square(mpp: MicronsPerPixel) -> Self {
        Self { x: mpp, y: mpp }
    }

    /// The geometric mean of both axes, for figures that need one scale.
    pub fn mean(self) -> MicronsPerPixel {
        MicronsPerPixel((self.x.get() * self.y.get()).sqrt())
    }
}

/// How many level-0 pixels lie along one pixel of a level; at least 1, rarely whole.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Downsample(f64);

impl Downsample {
    /// Level 0 itself.
    pub const ONE: Self = Self(1.0);

    /// `None` unless `value` is finite and at least 1.
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && value >= 1.0).then_some(Self(value))
    }

    /// Level-0 pixels per pixel of the level.
    pub const fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_refuse_what_cannot_be_a_scale() {
        for bad in [0.0, -0.25, f64::NAN, f64::INFINITY] {
            assert!(MicronsPerPixel::new(bad).is_none(), "{bad}");
            assert!(PixelsPerMicron::new(bad).is_none(), "{bad}");
        }
        assert!(Downsample::new(0.999).is_none());
        assert!(Downsample::new(4.00012).is_some());
    }

    #[test]
    fn resolution_and_pixel_size_are_inverses() {
        let mpp = MicronsPerPixel::new(0.2282).unwrap();
        let back = mpp.pixels_per_micron().microns_per_pixel().unwrap();
        assert!((back.get() - 0.2282).abs() < 1e-15);
    }

    #[test]
    fn a_length_in_pixels() {
        let mpp = MicronsPerPixel::new(0.5).unwrap();
        assert!((Microns::new(5.0).pixels_at(mpp) - 10.0).abs() < 1e-12);
    }
}
