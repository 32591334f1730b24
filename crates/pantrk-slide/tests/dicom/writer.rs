//! Writes whole slide series for the tests, element by element.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, whose failure is the test's"
)]

use std::path::{Path, PathBuf};

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, dicom_value, value::DataSetSequence};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use pantrk_space::RgbBuffer;

use crate::common::crop;

/// How frames are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Storage {
    Native,
    NativePlanar,
    Implicit,
    Rle,
    Jpeg(jpeg_encoder::SamplingFactor),
    /// A file of `tests/data` that holds the picture of 64 x 48.
    HighThroughput(&'static str),
}

pub(crate) struct Writer<'a> {
    pub(crate) series: &'a str,
    pub(crate) uid: &'a str,
    pub(crate) image_type: &'a str,
    pub(crate) photometric: &'a str,
    pub(crate) storage: Storage,
    pub(crate) tile: (u16, u16),
    /// Which frames are kept, of all in order; with their places if `sparse`.
    pub(crate) frames: Vec<usize>,
    pub(crate) sparse: bool,
    /// Unique identifier of the whole, first frame, number of parts.
    pub(crate) part: Option<(&'a str, u32, u16)>,
    pub(crate) mpp: f64,
    /// Whether an offset table is written.
    pub(crate) table: bool,
}

impl Default for Writer<'_> {
    fn default() -> Self {
        Self {
            series: "1.2.3.4",
            uid: "1.2.3.4.1",
            image_type: "VOLUME",
            photometric: "RGB",
            storage: Storage::Native,
            tile: (64, 48),
            frames: Vec::new(),
            sparse: false,
            part: None,
            mpp: 0.25,
            table: true,
        }
    }
}

fn put(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
    object.put(DataElement::new(tag, vr, value.into()));
}

fn sequence(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

impl Writer<'_> {
    fn frame_pixels(&self, picture: &RgbBuffer, index: usize) -> Vec<u8> {
        let columns = picture.width().div_ceil(self.tile.0.into()) as usize;
        let x = (index % columns) as u32 * u32::from(self.tile.0);
        let y = (index / columns) as u32 * u32::from(self.tile.1);
        crop(picture, x, y, self.tile.0.into(), self.tile.1.into())
    }

    fn pack(&self, rgb: &[u8]) -> Vec<u8> {
        let planes: Vec<u8> = (0..3)
            .flat_map(|c| rgb.iter().skip(c).step_by(3).copied())
            .collect();
        match self.storage {
            Storage::Native | Storage::Implicit => rgb.to_vec(),
            Storage::NativePlanar => planes,
            Storage::Rle => {
                let segments: Vec<Vec<u8>> =
                    planes.chunks(planes.len() / 3).map(pack_bits).collect();
                let mut header = vec![3_u32];
                let mut at = 64;
                for segment in &segments {
                    header.push(at);
                    at += segment.len() as u32;
                }
                header.resize(16, 0);
                let mut all: Vec<u8> = header.iter().flat_map(|v| v.to_le_bytes()).collect();
                all.extend(segments.concat());
                all
            }
            Storage::HighThroughput(name) => {
                let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
                std::fs::read(data.join(name)).unwrap()
            }
            Storage::Jpeg(sampling) => {
                let mut out = Vec::new();
                let mut encoder = jpeg_encoder::Encoder::new(&mut out, 95);
                encoder.set_sampling_factor(sampling);
                encoder
                    .encode(rgb, self.tile.0, self.tile.1, jpeg_encoder::ColorType::Rgb)
                    .unwrap();
                out
            }
        }
    }

    /// All frames of a picture in order.
    pub(crate) fn all_frames(&self, picture: &RgbBuffer) -> Vec<usize> {
        let columns = picture.width().div_ceil(self.tile.0.into());
        let rows = picture.height().div_ceil(self.tile.1.into());
        (0..(columns * rows) as usize).collect()
    }

    pub(crate) fn save(&self, picture: &RgbBuffer, folder: &Path, name: &str) -> PathBuf {
        let frames = if self.frames.is_empty() {
            self.all_frames(picture)
        } else {
            self.frames.clone()
        };
        let mut object = self.header(picture, &frames);
        let packed: Vec<Vec<u8>> = frames
            .iter()
            .map(|&i| self.pack(&self.frame_pixels(picture, i)))
            .collect();
        let native = matches!(
            self.storage,
            Storage::Native | Storage::NativePlanar | Storage::Implicit
        );
        if native {
            put(&mut object, tags::PIXEL_DATA, VR::OB, packed.concat());
        } else {
            let mut offsets = Vec::new();
            let mut at = 0;
            let fragments: Vec<Vec<u8>> = packed
                .into_iter()
                .map(|mut frame| {
                    frame.resize(frame.len().next_multiple_of(2), 0);
                    offsets.push(at);
                    at += frame.len() as u32 + 8;
                    frame
                })
                .collect();
            if !self.table {
                offsets.clear();
            }
            object.put(DataElement::new(
                tags::PIXEL_DATA,
                VR::OB,
                dicom_core::value::PixelFragmentSequence::new(offsets, fragments),
            ));
        }
        let syntax = match self.storage {
            Storage::Native | Storage::NativePlanar => uids::EXPLICIT_VR_LITTLE_ENDIAN,
            Storage::Implicit => uids::IMPLICIT_VR_LITTLE_ENDIAN,
            Storage::Rle => uids::RLE_LOSSLESS,
            Storage::Jpeg(_) => uids::JPEG_BASELINE8_BIT,
            Storage::HighThroughput("ht_lossless.j2c") => uids::HTJ2K_LOSSLESS,
            Storage::HighThroughput("ht_grey.j2c") => uids::HTJ2K_LOSSLESS_RPCL,
            Storage::HighThroughput(_) => uids::HTJ2K,
        };
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(syntax)
            .media_storage_sop_class_uid(uids::VL_WHOLE_SLIDE_MICROSCOPY_IMAGE_STORAGE)
            .media_storage_sop_instance_uid(self.uid);
        let path = folder.join(name);
        object
            .with_meta(meta)
            .unwrap()
            .write_to_file(&path)
            .unwrap();
        path
    }

    fn header(&self, picture: &RgbBuffer, frames: &[usize]) -> InMemDicomObject {
        let mut o = InMemDicomObject::new_empty();
        let text = |o: &mut InMemDicomObject, tag, vr, value: &str| put(o, tag, vr, value);
        let kind = format!("DERIVED\\PRIMARY\\{}\\NONE", self.image_type);
        text(&mut o, tags::IMAGE_TYPE, VR::CS, &kind);
        let class = uids::VL_WHOLE_SLIDE_MICROSCOPY_IMAGE_STORAGE;
        text(&mut o, tags::SOP_CLASS_UID, VR::UI, class);
        text(&mut o, tags::SOP_INSTANCE_UID, VR::UI, self.uid);
        text(&mut o, tags::PATIENT_NAME, VR::PN, "Phantom^Digital");
        text(&mut o, tags::SERIES_INSTANCE_UID, VR::UI, self.series);
        put(
            &mut o,
            tags::SAMPLES_PER_PIXEL,
            VR::US,
            dicom_value!(U16, 3),
        );
        text(
            &mut o,
            tags::PHOTOMETRIC_INTERPRETATION,
            VR::CS,
            self.photometric,
        );
        let planar = u16::from(self.storage == Storage::NativePlanar);
        put(
            &mut o,
            tags::PLANAR_CONFIGURATION,
            VR::US,
            PrimitiveValue::from(planar),
        );
        let count = frames.len().to_string();
        text(&mut o, tags::NUMBER_OF_FRAMES, VR::IS, &count);
        put(
            &mut o,
            tags::ROWS,
            VR::US,
            PrimitiveValue::from(self.tile.1),
        );
        put(
            &mut o,
            tags::COLUMNS,
            VR::US,
            PrimitiveValue::from(self.tile.0),
        );
        for (tag, value) in [
            (tags::BITS_ALLOCATED, 8_u16),
            (tags::BITS_STORED, 8),
            (tags::HIGH_BIT, 7),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            put(&mut o, tag, VR::US, PrimitiveValue::from(value));
        }
        let wide = PrimitiveValue::from(picture.width());
        put(&mut o, tags::TOTAL_PIXEL_MATRIX_COLUMNS, VR::UL, wide);
        let high = PrimitiveValue::from(picture.height());
        put(&mut o, tags::TOTAL_PIXEL_MATRIX_ROWS, VR::UL, high);
        let organization = if self.sparse {
            "TILED_SPARSE"
        } else {
            "TILED_FULL"
        };
        text(
            &mut o,
            tags::DIMENSION_ORGANIZATION_TYPE,
            VR::CS,
            organization,
        );
        let mut path = InMemDicomObject::new_empty();
        text(&mut path, tags::OBJECTIVE_LENS_POWER, VR::DS, "20");
        put(&mut path, tags::ICC_PROFILE, VR::OB, vec![7_u8; 12]);
        sequence(&mut o, tags::OPTICAL_PATH_SEQUENCE, vec![path]);
        if let Some((whole, first, parts)) = self.part {
            text(&mut o, tags::CONCATENATION_UID, VR::UI, whole);
            let first = PrimitiveValue::from(first);
            put(
                &mut o,
                tags::CONCATENATION_FRAME_OFFSET_NUMBER,
                VR::UL,
                first,
            );
            let parts = PrimitiveValue::from(parts);
            put(&mut o, tags::IN_CONCATENATION_TOTAL_NUMBER, VR::US, parts);
        }
        self.functional_groups(picture, frames, &mut o);
        o
    }

    /// Pixel size, and the frames' places where they are sparse.
    fn functional_groups(&self, picture: &RgbBuffer, frames: &[usize], o: &mut InMemDicomObject) {
        let mut measures = InMemDicomObject::new_empty();
        let spacing = format!("{}\\{}", self.mpp / 1000.0, self.mpp / 1000.0);
        put(&mut measures, tags::PIXEL_SPACING, VR::DS, spacing.as_str());
        let mut shared = InMemDicomObject::new_empty();
        sequence(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
        sequence(o, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]);
        if self.sparse {
            let columns = picture.width().div_ceil(self.tile.0.into()) as usize;
            let items = frames
                .iter()
                .map(|&index| {
                    let mut position = InMemDicomObject::new_empty();
                    let x = (index % columns) as i32 * i32::from(self.tile.0) + 1;
                    let y = (index / columns) as i32 * i32::from(self.tile.1) + 1;
                    let column = tags::COLUMN_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX;
                    put(&mut position, column, VR::SL, PrimitiveValue::from(x));
                    let row = tags::ROW_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX;
                    put(&mut position, row, VR::SL, PrimitiveValue::from(y));
                    let mut item = InMemDicomObject::new_empty();
                    sequence(
                        &mut item,
                        tags::PLANE_POSITION_SLIDE_SEQUENCE,
                        vec![position],
                    );
                    item
                })
                .collect();
            sequence(o, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, items);
        }
    }
}

/// `PackBits`, with repeats where there are any.
fn pack_bits(plane: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < plane.len() {
        let run = plane[at..]
            .iter()
            .take(128)
            .take_while(|&&v| v == plane[at])
            .count();
        if run > 1 {
            out.extend([(257 - run) as u8, plane[at]]);
            at += run;
        } else {
            let literal = plane[at..].len().min(5);
            out.push(literal as u8 - 1);
            out.extend(&plane[at..at + literal]);
            at += literal;
        }
    }
    out.resize(out.len().next_multiple_of(2), 128);
    out
}
