//! Feature maps in memory.

/// The extent of a set of maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
}

impl Shape {
    /// Values with a border on all four sides; `None` where that is more than any network here needs.
    pub(super) fn values(self, border: usize) -> Option<usize> {
        const MOST: usize = 1 << 28;
        let side = |length: usize| length.checked_add(border.checked_mul(2)?);
        let values = side(self.width)?
            .checked_mul(side(self.height)?)?
            .checked_mul(self.channels)?;
        (values <= MOST).then_some(values)
    }
}

/// Maps pixel by pixel, channels innermost, inside a border of zeros that nothing writes to: what a convolution's padding reads.
#[derive(Debug, Default)]
pub(super) struct Maps {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) border: usize,
    values: Vec<f32>,
}

impl Maps {
    pub(super) fn new(shape: Shape, border: usize) -> Self {
        Self {
            width: shape.width,
            height: shape.height,
            channels: shape.channels,
            border,
            values: vec![0.0; shape.values(border).unwrap_or(0)],
        }
    }

    /// Values from one row to the next.
    #[inline]
    pub(super) fn pitch(&self) -> usize {
        (self.width + 2 * self.border) * self.channels
    }

    /// All values from pixel (x, y) on, counted with the border.
    #[inline]
    pub(super) fn from(&self, x: usize, y: usize) -> &[f32] {
        &self.values[y * self.pitch() + x * self.channels..]
    }

    /// One row without its border.
    #[inline]
    pub(super) fn row(&self, y: usize) -> &[f32] {
        &self.from(self.border, y + self.border)[..self.width * self.channels]
    }

    /// One row without its border.
    #[inline]
    pub(super) fn row_mut(&mut self, y: usize) -> &mut [f32] {
        let start = (y + self.border) * self.pitch() + self.border * self.channels;
        &mut self.values[start..][..self.width * self.channels]
    }
}
