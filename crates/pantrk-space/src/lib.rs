//! Units, coordinate spaces, the RGB buffer and the trait through which slides are read.
//!
//! Everything above speaks in these types: no function of the workspace takes four bare integers, and no length stands without its unit.
//!
//! **Architecture invariant:** this crate does no IO and depends on nothing that decodes.
//!
//! **Architecture invariant:** a pixel that is not on the slide, or that could not be read, is never handed out silently: [`RegionReader::read_region`] returns every such place as a [`Gap`].
#![forbid(unsafe_code)]

mod buffer;
mod reader;
mod resample;
mod spaces;
mod units;

pub use buffer::RgbBuffer;
pub use reader::{Gap, GapKind, Level, ReadError, RegionReader};
pub use resample::{Axis, MppRegion, MppRequest, MppSource, read_at_mpp, read_source};
pub use spaces::{LevelIndex, LevelPoint, LevelRect, LevelSize, SlidePoint, SlideRect, TileIndex};
pub use units::{Downsample, Microns, MicronsPerPixel, PixelsPerMicron, SlideMpp};
