//! The formats: one file and one row in [`FORMATS`] each.
//!
//! A format is two functions. `probe` is cheap, decodes nothing, and says why a file is not its own; `open` is only called after `probe` said yes, and its errors mean a broken or unsupported file of that format.
//! All probes share one parsed TIFF directory.
//!
//! **Architecture invariant:** the order of the table is the contract. Vendors stand before the generic readers, because a vendor's file is a valid generic one whose pixel size and levels would be read wrong.

mod aperio;
mod beside;
mod dicom;
mod generic_tiff;
mod hamamatsu;
mod huron;
mod leica;
mod mirax;
mod ome_tiff;
mod philips;
mod plain_image;
mod pyramid;
mod trestle;
mod unsupported;
mod ventana;
mod zeiss;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Fault, SlideError};
use crate::limits::Limits;
use crate::source::Source;
use crate::store::Parts;
use crate::tiff::{TiffError, TiffFile};

/// A file whose format is asked for.
pub(crate) struct Candidate {
    pub(crate) source: Arc<Source>,
    /// The first bytes, at most [`HEAD`].
    pub(crate) head: Vec<u8>,
    /// The name's ending, in lower case, without the dot.
    pub(crate) extension: String,
    /// `None` where the file is no TIFF.
    pub(crate) tiff: Option<TiffFile>,
    pub(crate) limits: Limits,
}

/// Bytes of [`Candidate::head`].
const HEAD: u64 = 4096;

/// A row of the table.
struct Format {
    /// As in `openslide.vendor`.
    vendor: &'static str,
    /// The error says why the file is not of this format.
    probe: fn(&Candidate) -> Result<(), String>,
    open: fn(&Candidate) -> Result<Parts, Fault>,
}

static FORMATS: &[Format] = &[
    Format {
        vendor: aperio::VENDOR,
        probe: aperio::probe,
        open: aperio::open,
    },
    Format {
        vendor: ventana::VENDOR,
        probe: ventana::probe,
        open: ventana::open,
    },
    Format {
        vendor: leica::VENDOR,
        probe: leica::probe,
        open: leica::open,
    },
    Format {
        vendor: philips::VENDOR,
        probe: philips::probe,
        open: philips::open,
    },
    Format {
        vendor: hamamatsu::VENDOR,
        probe: hamamatsu::probe,
        open: hamamatsu::open,
    },
    Format {
        vendor: huron::VENDOR,
        probe: huron::probe,
        open: huron::open,
    },
    Format {
        vendor: trestle::VENDOR,
        probe: trestle::probe,
        open: trestle::open,
    },
    Format {
        vendor: ome_tiff::VENDOR,
        probe: ome_tiff::probe,
        open: ome_tiff::open,
    },
    Format {
        vendor: dicom::VENDOR,
        probe: dicom::probe,
        open: dicom::open,
    },
    Format {
        vendor: mirax::VENDOR,
        probe: mirax::probe,
        open: mirax::open,
    },
    Format {
        vendor: zeiss::VENDOR,
        probe: zeiss::probe,
        open: zeiss::open,
    },
    Format {
        vendor: generic_tiff::VENDOR,
        probe: generic_tiff::probe,
        open: generic_tiff::open,
    },
    Format {
        vendor: plain_image::VENDOR,
        probe: plain_image::probe,
        open: plain_image::open,
    },
];

/// The file by which a folder's slide is opened: a DICOM slide is a folder of files.
pub(crate) fn file_in(folder: &Path, limits: &Limits) -> Result<PathBuf, SlideError> {
    dicom::file_in(folder, limits).map_err(|fault| fault.in_file(folder, dicom::VENDOR))
}

/// Finds the format of a file and opens it.
pub(crate) fn open(
    source: &Arc<Source>,
    limits: &Limits,
) -> Result<(&'static str, Parts), SlideError> {
    let path = source.path();
    let mut head = Vec::new();
    source
        .read_into(&mut head, 0, source.len().min(HEAD))
        .map_err(|error| Fault::Io(error).in_file(path, "unknown"))?;
    let tiff = match TiffFile::parse(Arc::clone(source), limits) {
        Ok(tiff) => Some(tiff),
        Err(TiffError::NotTiff(_)) => None,
        Err(error) => return Err(Fault::from(error).in_file(path, "tiff")),
    };
    let candidate = Candidate {
        source: Arc::clone(source),
        head,
        extension: path
            .extension()
            .map(|e| e.to_string_lossy().to_lowercase())
            .unwrap_or_default(),
        tiff,
        limits: limits.clone(),
    };
    if let Some((name, fault)) = unsupported::recognise(&candidate) {
        return Err(fault.in_file(path, name));
    }
    let mut reasons = Vec::new();
    for format in FORMATS {
        match (format.probe)(&candidate) {
            Ok(()) => {
                let parts = (format.open)(&candidate)
                    .map_err(|fault| fault.in_file(path, format.vendor))?;
                return Ok((format.vendor, parts));
            }
            Err(reason) => reasons.push((format.vendor, reason)),
        }
    }
    Err(SlideError::NotRecognized {
        path: path.to_path_buf(),
        reasons,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_have_names_of_their_own() {
        let mut names: Vec<_> = FORMATS.iter().map(|f| f.vendor).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FORMATS.len());
    }
}
