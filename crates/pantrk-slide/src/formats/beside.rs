//! Pictures beside the pyramid: label, macro photograph, thumbnail; shared by the formats.

use pantrk_space::{LevelSize, TileIndex};

use crate::codecs::jpeg::{self, StatedColour};
use crate::codecs::{CodecError, ImageRequest, Scratch};
use crate::error::Fault;
use crate::limits::Limits;
use crate::store::{Associated, TileState, TileStore, no_tile};
use crate::tiff::page::{TiffPage, size_of};
use crate::tiff::{Directory, TiffFile};

/// A TIFF page as a picture; one that cannot be read is kept with the reason, because a broken photograph is no reason to refuse the slide.
pub(super) fn page_image(
    tiff: &TiffFile,
    page: &Directory,
    name: &str,
    limits: &Limits,
) -> Result<Associated, Fault> {
    let store = match TiffPage::new(tiff, page, limits) {
        Ok(page) => Ok(Box::new(page) as Box<dyn TileStore>),
        Err(Fault::Unsupported { what, advice }) => Err((what, advice)),
        Err(fault) => Err((
            format!("the {name} image ({fault})"),
            "scan or export the slide again if it is needed".to_owned(),
        )),
    };
    Ok(Associated {
        name: name.to_owned(),
        size: size_of(tiff, page)?,
        store,
    })
}

/// A whole JPEG file that a header carries; `None` where it is none or too large.
pub(super) fn jpeg_image(bytes: Vec<u8>, name: &str, limits: &Limits) -> Option<Associated> {
    let size = jpeg::picture_size(&bytes).ok()?;
    if size.area() == 0 || size.area() > limits.max_tile_pixels {
        return None;
    }
    Some(Associated {
        name: name.to_owned(),
        size,
        store: Ok(Box::new(JpegFile { bytes, size })),
    })
}

/// A JPEG that is kept as it is and decoded when asked for.
struct JpegFile {
    bytes: Vec<u8>,
    size: LevelSize,
}

impl TileStore for JpegFile {
    fn size(&self) -> LevelSize {
        self.size
    }

    fn tile_size(&self) -> LevelSize {
        self.size
    }

    fn decode(
        &self,
        tile: TileIndex,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<TileState, Fault> {
        if (tile.column, tile.row) != (0, 0) {
            return Err(no_tile(tile));
        }
        let request = ImageRequest {
            stored: self.size,
            needed: self.size,
            colour: StatedColour::Unstated,
            tables: None,
        };
        jpeg::decode(&request, &self.bytes, &mut scratch.stream, out)
            .map_err(|error: CodecError| Fault::Broken(error.to_string()))?;
        Ok(TileState::Pixels)
    }

    fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.bytes);
    }
}
