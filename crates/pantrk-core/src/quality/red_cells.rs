//! Red cells and hemosiderin: yellower than DAB, so that they read as DAB with hematoxylin below zero.

use super::{CloseLook, marked_share};
use crate::overview::Mask;

/// Marks blood and its iron.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    marked_share(look, |block| block.yellow, 0.06)
}
