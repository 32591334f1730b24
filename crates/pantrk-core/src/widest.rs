//! Loops compiled for the widest vectors that the processor has, chosen when the program runs.
//!
//! **Architecture invariant:** what is inside does the same operations in the same order whatever the width, so every processor gives the same bits.

use fearless_simd::{Level, dispatch};

/// Runs `work` as it is compiled for this processor's vectors; what it calls is compiled so where it is always inlined.
#[expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]
#[inline(always)]
pub(crate) fn on_widest<R>(work: impl FnOnce() -> R) -> R {
    dispatch!(Level::new(), _ => work())
}
