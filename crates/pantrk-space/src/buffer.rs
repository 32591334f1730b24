//! The 8-bit RGB buffer that readers fill and scoring reads.

use crate::LevelSize;

/// Interleaved 8-bit RGB pixels, row by row, without padding.
///
/// Made to be reused: [`RgbBuffer::reset`] keeps the allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RgbBuffer {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl RgbBuffer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self {
            width: 0,
            height: 0,
            data: Vec::new(),
        }
    }

    /// A buffer of one colour.
    pub fn filled(size: LevelSize, colour: [u8; 3]) -> Self {
        let mut buffer = Self::new();
        buffer.reset(size, colour);
        buffer
    }

    /// Takes over pixels; `None` unless `data` holds three bytes per pixel.
    pub fn from_raw(size: LevelSize, data: Vec<u8>) -> Option<Self> {
        (data.len() as u64 == size.area().checked_mul(3)?).then_some(Self {
            width: size.width,
            height: size.height,
            data,
        })
    }

    /// Makes the buffer `size` large and of one colour, keeping its memory.
    pub fn reset(&mut self, size: LevelSize, colour: [u8; 3]) {
        self.width = size.width;
        self.height = size.height;
        self.data.clear();
        let pixels = size.width as usize * size.height as usize;
        if colour[0] == colour[1] && colour[1] == colour[2] {
            self.data.resize(pixels * 3, colour[0]);
        } else {
            self.data.reserve(pixels * 3);
            for _ in 0..pixels {
                self.data.extend_from_slice(&colour);
            }
        }
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Columns and rows.
    pub fn size(&self) -> LevelSize {
        LevelSize {
            width: self.width,
            height: self.height,
        }
    }

    /// All bytes, RGB interleaved.
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }

    /// All bytes, RGB interleaved.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The bytes, for a library that wants to own them.
    pub fn into_bytes(self) -> Vec<u8> {
        self.data
    }

    /// One row of pixels.
    ///
    /// # Panics
    /// If `y` is not below the height, as indexing a slice does.
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.width as usize * 3;
        &self.data[y as usize * stride..][..stride]
    }

    /// One row of pixels.
    ///
    /// # Panics
    /// If `y` is not below the height, as indexing a slice does.
    pub fn row_mut(&mut self, y: u32) -> &mut [u8] {
        let stride = self.width as usize * 3;
        &mut self.data[y as usize * stride..][..stride]
    }

    /// One pixel.
    ///
    /// # Panics
    /// If the place is outside the buffer, as indexing a slice does.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let row = self.row(y);
        let i = x as usize * 3;
        [row[i], row[i + 1], row[i + 2]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_pixels_agree() {
        let size = LevelSize {
            width: 2,
            height: 2,
        };
        let buffer =
            RgbBuffer::from_raw(size, vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).unwrap();
        assert_eq!(buffer.pixel(1, 1), [10, 11, 12]);
        assert_eq!(buffer.row(0), &[1, 2, 3, 4, 5, 6]);
        assert!(RgbBuffer::from_raw(size, vec![0; 11]).is_none());
    }

    #[test]
    fn a_reset_leaves_one_colour() {
        let mut buffer = RgbBuffer::filled(
            LevelSize {
                width: 3,
                height: 1,
            },
            [9, 9, 9],
        );
        buffer.reset(
            LevelSize {
                width: 1,
                height: 2,
            },
            [1, 2, 3],
        );
        assert_eq!(buffer.as_bytes(), &[1, 2, 3, 1, 2, 3]);
    }
}
