//! What can go wrong while a slide is scored.

use crate::segment::SegmentError;
use pantrk_space::ReadError;

/// A slide that could not be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// The reader failed as a whole.
    #[error("the slide could not be read: {0}")]
    Read(#[from] ReadError),
    /// The segmenter failed.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The reader has no level, or one without pixels.
    #[error("the slide has no pixels")]
    NoLevels,
    /// The pixels are too large for nuclei to be seen.
    #[error("the slide has {found} um per pixel; at most {most} um are needed to see nuclei")]
    TooCoarse {
        /// Of level 0.
        found: f64,
        /// The limit.
        most: f64,
    },
    /// A finished patch could not be kept for a later run.
    #[error("what is done so far could not be kept")]
    NotKept(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The caller asked to stop.
    #[error("stopped before the slide was finished")]
    Cancelled,
}
