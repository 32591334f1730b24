//! What a file's header may ask for.

/// Bounds on sizes that come from a file or a caller.
///
/// The defaults let every real slide through; a smaller set is for untrusted files in small machines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// TIFF directories in one file, `SubIFDs` included.
    pub max_ifds: usize,
    /// Bytes of tags and tile tables read while opening.
    pub max_metadata_bytes: u64,
    /// Pixels of one region or associated image.
    pub max_region_pixels: u64,
    /// Pixels of one stored tile or strip.
    pub max_tile_pixels: u64,
    /// Compressed bytes of one stored tile or strip.
    pub max_tile_bytes: u64,
    /// Width and height of an image that is decoded whole (PNG, JPEG).
    pub max_plain_side: u32,
    /// Pixels of an image that is decoded whole.
    pub max_plain_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_ifds: 4096,
            max_metadata_bytes: 128 << 20,
            max_region_pixels: 64 << 20,
            max_tile_pixels: 64 << 20,
            max_tile_bytes: 256 << 20,
            max_plain_side: 30_000,
            max_plain_pixels: 400_000_000,
        }
    }
}
