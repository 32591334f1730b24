//! The slide's file: a pyramidal TIFF of JPEG tiles, in the layout of an Aperio slide or plain.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::PhantomError;
use crate::spec::SlideSpec;
use crate::tiff_write::{Bytes, Directory, TiffFile};

/// Side of a tile in pixels.
pub(crate) const TILE: u32 = 256;

/// The file format of a slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlideContainer {
    /// As Aperio scanners write it (`.svs`), with a thumbnail; a BigTIFF where 4 GiB would not hold it.
    AperioSvs,
    /// A plain pyramidal BigTIFF (`.tif`) with its resolution in the TIFF tags.
    BigTiff,
}

/// A slide that is being written.
pub(crate) struct SlideFile {
    file: TiffFile<BufWriter<File>>,
    path: PathBuf,
    container: SlideContainer,
    spec: SlideSpec,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    glass: Option<u64>,
}

impl SlideFile {
    pub(crate) fn create(
        spec: &SlideSpec,
        path: &Path,
        container: SlideContainer,
    ) -> Result<Self, PhantomError> {
        let output = File::create(path).map_err(|e| PhantomError::write(path, e))?;
        // Noisy tissue takes at most about one byte per pixel at the highest qualities.
        let expected = u64::from(spec.width) * u64::from(spec.height);
        let big = container == SlideContainer::BigTiff || expected > 3_000_000_000;
        let file = TiffFile::new(BufWriter::with_capacity(1 << 20, output), big)
            .map_err(|e| PhantomError::write(path, e))?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
            container,
            spec: spec.clone(),
            offsets: Vec::new(),
            lengths: Vec::new(),
            glass: None,
        })
    }

    /// Appends the next tile of level 0; all glass tiles share one place in the file.
    pub(crate) fn push_tile(&mut self, jpeg: &[u8], glass: bool) -> Result<(), PhantomError> {
        let offset = match self.glass {
            Some(offset) if glass => offset,
            _ => self
                .file
                .write_data(jpeg)
                .map_err(|e| PhantomError::write(&self.path, e))?,
        };
        if glass {
            self.glass = Some(offset);
        }
        self.offsets.push(offset);
        self.lengths.push(jpeg.len() as u64);
        Ok(())
    }

    pub(crate) fn finish_level0(&mut self) -> Result<(), PhantomError> {
        let size = (self.spec.width, self.spec.height);
        let offsets = std::mem::take(&mut self.offsets);
        let lengths = std::mem::take(&mut self.lengths);
        let directory = self.directory(size, &offsets, &lengths, 1.0);
        self.write(&directory)
    }

    /// Aperio slides carry a thumbnail as their second picture.
    pub(crate) fn push_thumbnail(
        &mut self,
        jpeg: &[u8],
        size: (u32, u32),
    ) -> Result<(), PhantomError> {
        if self.container == SlideContainer::BigTiff {
            return Ok(());
        }
        let offset = self
            .file
            .write_data(jpeg)
            .map_err(|e| PhantomError::write(&self.path, e))?;
        let mut directory = base(size);
        let spec = &self.spec;
        directory.text(
            270,
            &format!(
                "Aperio Image Library (pantrk phantom)\r\n{}x{} -> {}x{} - |AppMag = {}|MPP = {:.4}",
                spec.width, spec.height, size.0, size.1, app_mag(spec), spec.mpp
            ),
        );
        directory.put(273, &Bytes::Offsets(&[offset]));
        directory.put(278, &Bytes::Long(&[size.1]));
        directory.put(279, &Bytes::Offsets(&[jpeg.len() as u64]));
        self.write(&directory)
    }

    /// A lower level from its tiles, row by row.
    pub(crate) fn push_level<'a>(
        &mut self,
        size: (u32, u32),
        tiles: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), PhantomError> {
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for jpeg in tiles {
            let offset = self
                .file
                .write_data(jpeg)
                .map_err(|e| PhantomError::write(&self.path, e))?;
            offsets.push(offset);
            lengths.push(jpeg.len() as u64);
        }
        let scale = f64::from(self.spec.width) / f64::from(size.0);
        let directory = self.directory(size, &offsets, &lengths, scale);
        self.write(&directory)
    }

    pub(crate) fn finish(self) -> Result<(), PhantomError> {
        self.file
            .finish()
            .map_err(|e| PhantomError::write(&self.path, e))
    }

    fn write(&mut self, directory: &Directory) -> Result<(), PhantomError> {
        self.file
            .write_directory(directory)
            .map_err(|e| PhantomError::write(&self.path, e))
    }

    fn directory(
        &self,
        size: (u32, u32),
        offsets: &[u64],
        lengths: &[u64],
        scale: f64,
    ) -> Directory {
        let spec = &self.spec;
        let mut directory = base(size);
        let first = scale <= 1.0;
        if self.container == SlideContainer::AperioSvs {
            let reduced = if first {
                String::new()
            } else {
                format!(" -> {}x{}", size.0, size.1)
            };
            directory.text(
                270,
                &format!(
                    "Aperio Image Library (pantrk phantom)\r\n{w}x{h} [0,0 {w}x{h}] ({TILE}x{TILE}){reduced} JPEG/RGB Q={q}|AppMag = {mag}|Title = pantrk phantom seed {seed}|MPP = {mpp:.4}",
                    w = spec.width,
                    h = spec.height,
                    q = spec.jpeg_quality,
                    mag = app_mag(spec),
                    seed = spec.seed,
                    mpp = spec.mpp,
                ),
            );
        } else {
            if first {
                directory.text(
                    270,
                    &format!("pantrk phantom, seed {}, {} um/px", spec.seed, spec.mpp),
                );
            } else {
                // A reduced version of the first picture.
                directory.put(254, &Bytes::Long(&[1]));
            }
            let per_cm = 10_000.0 / (spec.mpp * scale);
            let resolution = [(per_cm * 1000.0).round() as u32, 1000];
            directory.put(282, &Bytes::Rational(resolution));
            directory.put(283, &Bytes::Rational(resolution));
            directory.put(296, &Bytes::Short(&[3]));
        }
        directory.put(322, &Bytes::Long(&[TILE]));
        directory.put(323, &Bytes::Long(&[TILE]));
        directory.put(324, &Bytes::Offsets(offsets));
        directory.put(325, &Bytes::Offsets(lengths));
        directory
    }
}

/// The objective that gives the slide's pixel size: 40 at 0.25 um.
fn app_mag(spec: &SlideSpec) -> u32 {
    (10.0 / spec.mpp).round().max(1.0) as u32
}

/// The tags of every picture: 8-bit YCbCr JPEG with chroma halved along x.
fn base(size: (u32, u32)) -> Directory {
    let mut directory = Directory::default();
    directory.put(256, &Bytes::Long(&[size.0]));
    directory.put(257, &Bytes::Long(&[size.1]));
    directory.put(258, &Bytes::Short(&[8, 8, 8]));
    directory.put(259, &Bytes::Short(&[7]));
    directory.put(262, &Bytes::Short(&[6]));
    directory.put(277, &Bytes::Short(&[3]));
    directory.put(284, &Bytes::Short(&[1]));
    directory.put(530, &Bytes::Short(&[2, 1]));
    directory
}
