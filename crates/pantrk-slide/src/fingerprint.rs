//! A cheap identity for a slide file: enough to notice that a result belongs to another file.
//!
//! SHA-256 over the file's length, the levels' sizes and tile tables, and sampled blocks.
//! It does not prove that a file is unchanged: a byte between the samples can differ.

use std::fmt::Write as _;
use std::io;

use sha2::{Digest as _, Sha256};

use crate::source::Source;
use crate::store::TileStore;

/// Changed whenever the recipe changes, so that old and new figures never meet.
const RECIPE: &[u8] = b"pantrk-slide fingerprint 2";

const BLOCK: u64 = 16 << 10;

/// Blocks spread over the file, the first and the last byte included.
const BLOCKS: u64 = 17;

pub(crate) fn of(source: &Source, levels: &[Box<dyn TileStore>]) -> io::Result<String> {
    // Any one file of a slide of several files must give the same figure.
    let source = levels
        .first()
        .and_then(|level| level.main_source())
        .unwrap_or(source);
    let mut hash = Sha256::new();
    hash.update(RECIPE);
    hash.update(source.len().to_le_bytes());
    for level in levels {
        level.identify(&mut |bytes| hash.update(bytes));
    }
    let last = source.len().saturating_sub(BLOCK);
    let mut block = Vec::new();
    for i in 0..BLOCKS {
        let step = u128::from(last).saturating_mul(u128::from(i));
        let at = step.checked_div(u128::from(BLOCKS.saturating_sub(1)));
        let at = at.and_then(|at| u64::try_from(at).ok()).unwrap_or(0);
        source.read_into(&mut block, at, BLOCK.min(source.len()))?;
        hash.update(&block);
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(text)
}

/// A table as one number that changes with any of its entries and their order.
pub(crate) fn fold(table: &[u64]) -> u64 {
    /// An odd number of well mixed bits (the golden ratio's).
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    table.iter().fold(table.len() as u64, |sum, entry| {
        (sum.rotate_left(23) ^ entry).wrapping_mul(MULTIPLIER)
    })
}
