//! Reads tiled whole-slide images.
//!
//! [`Slide::open`] asks the formats of `formats/` in their order whether a file is theirs; the slide that comes out is a [`RegionReader`](pantrk_space::RegionReader) that any number of threads may read at once.
//!
//! - `formats/`: one file per vendor and one row in its table: who made the file, which pages are levels, where the pixel size stands.
//! - `codecs/`: one file per compression and one row in its table.
//! - `tiff/`: directories and pages, shared by all formats that are TIFF below.
//! - `mosaic.rs` says where tiles lie that overlap or leave places open.
//! - `source.rs` reads the file by places, `remote.rs` one on a server (feature `cloud`).
//! - `region.rs` puts tiles together, `cache.rs` keeps the latest, `limits.rs` bounds what a header can ask for.
//!
//! **Architecture invariant:** no file can make this crate panic or allocate without bound: header arithmetic is checked, slices go through `get`, and every size read from a file meets [`Limits`] first.
//!
//! **Architecture invariant:** a tile that cannot be read is a [`Gap`](pantrk_space::Gap), never white or black pixels.
//!
//! **Architecture invariant:** no lock is held while a tile is read or decoded.
//!
//! **Architecture invariant:** codecs know no vendor and vendor files decode nothing.
#![forbid(unsafe_code)]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod cache;
mod codecs;
mod error;
mod fingerprint;
mod formats;
mod limits;
mod mosaic;
mod region;
#[cfg(feature = "cloud")]
mod remote;
mod scattered;
mod slide;
mod source;
mod store;
mod tiff;
mod xml;

pub use error::SlideError;
pub use limits::Limits;
pub use slide::{AssociatedImage, Slide};
pub use source::is_address;
