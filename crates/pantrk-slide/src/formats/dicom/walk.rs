//! Walks the elements of a DICOM file up to its pixels, without keeping their values.
//!
//! It runs before the parser for three reasons: a length that lies is found before anything is allocated for it; the places of a hundred thousand frames are read as numbers and not as objects; and the place of the pixels in the file is known.
//!
//! Facts: DICOM PS3.5 sections 7 (data set), A.1 and A.2 (little endian), PS3.10 section 7 (file).

use dicom_core::{DataDictionary as _, Tag, VR, dictionary::DataDictionaryEntry as _};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};

use crate::error::Fault;
use crate::source::Source;

/// Sequences in sequences; slides have four.
const MAX_DEPTH: usize = 12;
/// Bytes of one value before the pixels: the longest is a colour profile of some megabytes.
const MAX_VALUE_BYTES: u64 = 64 << 20;
/// Items and delimiters, which have no value representation.
const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);
const UNDEFINED: u32 = u32::MAX;
/// Explicit VR Big Endian, retired from the standard.
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// Preamble and magic word.
const PREAMBLE: u64 = 132;

/// Where a frame lies in the total pixel matrix, counted from 1 as in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) column: Option<i32>,
    pub(super) row: Option<i32>,
}

/// The value field of the pixel data.
#[derive(Debug, Clone, Copy)]
pub(super) struct PixelData {
    pub(super) offset: u64,
    /// `None` where the pixels are encapsulated in items.
    pub(super) len: Option<u64>,
}

/// What the walk found.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) transfer_syntax: String,
    /// The file before its pixels, the frames' functional groups left out: what the parser gets.
    pub(super) header: Vec<u8>,
    /// One for each item of the per-frame functional groups.
    pub(super) positions: Vec<Position>,
    pub(super) pixels: Option<PixelData>,
}

#[derive(Debug, Clone, Copy)]
struct Element {
    tag: Tag,
    vr: VR,
    len: u32,
}

struct Walker<'a> {
    source: &'a Source,
    at: u64,
    window: Vec<u8>,
    window_at: u64,
    implicit: bool,
    max_frames: usize,
    positions: Vec<Position>,
}

/// Bytes fetched at a time.
const WINDOW: u64 = 64 << 10;

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

/// Walks a whole file.
pub(super) fn walk(
    source: &Source,
    max_metadata_bytes: u64,
    max_frames: usize,
) -> Result<Walked, Fault> {
    let mut walker = Walker {
        source,
        at: PREAMBLE,
        window: Vec::new(),
        window_at: 0,
        implicit: false,
        max_frames,
        positions: Vec::new(),
    };
    let mut transfer_syntax = String::new();
    let mut kept: Vec<std::ops::Range<u64>> = Vec::new();
    let mut start = 0;
    let mut pixels = None;
    let mut in_meta = true;
    while walker.at < source.len() {
        let begin = walker.at;
        let group = walker.peek_group()?;
        if in_meta && group != 2 {
            in_meta = false;
            walker.implicit = transfer_syntax == uids::IMPLICIT_VR_LITTLE_ENDIAN;
            refuse_syntax(&transfer_syntax)?;
        }
        let element = walker.element()?;
        match element.tag {
            tags::TRANSFER_SYNTAX_UID => transfer_syntax = walker.text(element)?,
            tags::PIXEL_DATA => {
                kept.push(start..begin);
                start = begin;
                pixels = Some(PixelData {
                    offset: walker.at,
                    len: (element.len != UNDEFINED).then_some(u64::from(element.len)),
                });
                break;
            }
            tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA => break,
            tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE => {
                kept.push(start..begin);
                walker.frames(element)?;
                start = walker.at;
            }
            _ => walker.skip_value(element, 0)?,
        }
    }
    if pixels.is_none() {
        kept.push(start..walker.at.min(source.len()));
    }
    let bytes = kept
        .iter()
        .map(|range| range.end.saturating_sub(range.start))
        .fold(0, u64::saturating_add);
    Fault::within(
        "bytes of metadata in a DICOM file",
        bytes,
        max_metadata_bytes,
    )?;
    let mut header = Vec::new();
    let mut part = Vec::new();
    for range in kept {
        source.read_into(
            &mut part,
            range.start,
            range.end.saturating_sub(range.start),
        )?;
        header.extend_from_slice(&part);
    }
    Ok(Walked {
        transfer_syntax,
        header,
        positions: walker.positions,
        pixels,
    })
}

/// What the walk itself cannot follow.
fn refuse_syntax(uid: &str) -> Result<(), Fault> {
    let what = match uid {
        BIG_ENDIAN => "a DICOM file in big-endian byte order",
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => "a deflated DICOM file",
        _ => return Ok(()),
    };
    Err(Fault::Unsupported {
        what: what.to_owned(),
        advice: super::CONVERT.to_owned(),
    })
}

impl Walker<'_> {
    /// `N` bytes at `at`, which stays.
    fn peek<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let offset = self.at.checked_sub(self.window_at);
        let held = |window: &[u8], offset: u64| {
            let from = usize::try_from(offset).ok()?;
            window.get(from..)?.first_chunk::<N>().copied()
        };
        if let Some(bytes) = offset.and_then(|offset| held(&self.window, offset)) {
            return Ok(bytes);
        }
        let left = self.source.len().saturating_sub(self.at);
        self.source
            .read_into(&mut self.window, self.at, left.min(WINDOW))?;
        self.window_at = self.at;
        held(&self.window, 0).ok_or_else(|| {
            broken(format!(
                "the file ends at {} in the middle of an element",
                self.source.len()
            ))
        })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.peek::<N>()?;
        self.at = self.at.saturating_add(N as u64);
        Ok(bytes)
    }

    fn u16(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn peek_group(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_le_bytes(self.peek()?))
    }

    /// Reads a tag, its representation and length.
    fn element(&mut self) -> Result<Element, Fault> {
        let tag = Tag(self.u16()?, self.u16()?);
        if matches!(tag, ITEM | ITEM_END | SEQUENCE_END) {
            let len = self.u32()?;
            return Ok(Element {
                tag,
                vr: VR::UN,
                len,
            });
        }
        if self.implicit && tag.group() != 2 {
            let vr = StandardDataDictionary
                .by_tag(tag)
                .map_or(VR::UN, |entry| entry.vr().relaxed());
            let len = self.u32()?;
            return Ok(Element { tag, vr, len });
        }
        let letters = self.take::<2>()?;
        let vr = VR::from_binary(letters).ok_or_else(|| {
            broken(format!(
                "element {tag} has the representation {letters:?}, which there is not"
            ))
        })?;
        let is_long = matches!(
            vr,
            VR::OB
                | VR::OD
                | VR::OF
                | VR::OL
                | VR::OV
                | VR::OW
                | VR::SQ
                | VR::SV
                | VR::UC
                | VR::UN
                | VR::UR
                | VR::UT
                | VR::UV
        );
        let len = if is_long {
            self.take::<2>()?;
            self.u32()?
        } else {
            u32::from(self.u16()?)
        };
        Ok(Element { tag, vr, len })
    }

    /// The end of a value, held against the file's and a limit.
    fn end_of(&self, element: Element) -> Result<u64, Fault> {
        let len = u64::from(element.len);
        let end = self.at.saturating_add(len);
        if end > self.source.len() {
            return Err(broken(format!(
                "element {} of {len} bytes at {} reaches beyond the file's end at {}",
                element.tag,
                self.at,
                self.source.len()
            )));
        }
        Ok(end)
    }

    fn text(&mut self, element: Element) -> Result<String, Fault> {
        let end = self.end_of(element)?;
        Fault::within("bytes of a DICOM identifier", element.len.into(), 128)?;
        let mut bytes = Vec::new();
        self.source
            .read_into(&mut bytes, self.at, u64::from(element.len))?;
        self.at = end;
        Ok(String::from_utf8_lossy(&bytes)
            .trim_end_matches(['\0', ' '])
            .to_owned())
    }

    /// Steps over a value, into sequences to check what they hold.
    fn skip_value(&mut self, element: Element, depth: usize) -> Result<(), Fault> {
        if element.vr == VR::SQ || element.len == UNDEFINED {
            return self.items(element, depth, &mut |walker| {
                walker.item_elements(depth, &mut |walker, element| {
                    walker.skip_value(element, depth.saturating_add(1))
                })
            });
        }
        let end = self.end_of(element)?;
        // The tables of frame offsets may be long; they are bounded by the file.
        if element.tag.group() != 0x7fe0 {
            Fault::within(
                "bytes of one DICOM element",
                element.len.into(),
                MAX_VALUE_BYTES,
            )?;
        }
        self.at = end;
        Ok(())
    }

    /// Calls `each` at the start of the content of each item of a sequence, whose end it must reach.
    fn items(
        &mut self,
        sequence: Element,
        depth: usize,
        each: &mut dyn FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(broken(format!(
                "more than {MAX_DEPTH} sequences in each other"
            )));
        }
        let end = match sequence.len {
            UNDEFINED => None,
            _ => Some(self.end_of(sequence)?),
        };
        while end.is_none_or(|end| self.at < end) {
            let item = self.peek::<4>()?;
            let tag = Tag(
                u16::from_le_bytes([item[0], item[1]]),
                u16::from_le_bytes([item[2], item[3]]),
            );
            match tag {
                SEQUENCE_END if end.is_none() => {
                    self.take::<8>()?;
                    return Ok(());
                }
                ITEM => each(self)?,
                other => {
                    return Err(broken(format!(
                        "{other} at {} where an item of {} is wanted",
                        self.at, sequence.tag
                    )));
                }
            }
        }
        if end.is_some_and(|end| self.at != end) {
            return Err(broken(format!(
                "the items of {} reach beyond its end",
                sequence.tag
            )));
        }
        Ok(())
    }

    /// Calls `each` for the elements of the item at `at`; it must step over each value.
    fn item_elements(
        &mut self,
        depth: usize,
        each: &mut dyn FnMut(&mut Self, Element) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(broken(format!(
                "more than {MAX_DEPTH} sequences in each other"
            )));
        }
        let item = self.element()?;
        let end = match item.len {
            UNDEFINED => None,
            _ => Some(self.end_of(item)?),
        };
        while end.is_none_or(|end| self.at < end) {
            let element = self.element()?;
            if element.tag == ITEM_END && end.is_none() {
                return Ok(());
            }
            if matches!(element.tag, ITEM | ITEM_END | SEQUENCE_END) {
                return Err(broken(format!("{} inside an item", element.tag)));
            }
            each(self, element)?;
        }
        if end.is_some_and(|end| self.at != end) {
            return Err(broken("the elements of an item reach beyond its end"));
        }
        Ok(())
    }

    /// Reads the frames' places out of the per-frame functional groups.
    fn frames(&mut self, sequence: Element) -> Result<(), Fault> {
        let max = self.max_frames;
        self.items(sequence, 0, &mut |walker| {
            Fault::within(
                "frames of a DICOM file",
                walker.positions.len().saturating_add(1) as u64,
                max as u64,
            )?;
            let mut position = Position::default();
            walker.item_elements(1, &mut |walker, group| {
                if group.tag != tags::PLANE_POSITION_SLIDE_SEQUENCE {
                    return walker.skip_value(group, 1);
                }
                walker.items(group, 2, &mut |walker| {
                    walker.item_elements(2, &mut |walker, element| {
                        let place = match element.tag {
                            tags::COLUMN_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX => {
                                &mut position.column
                            }
                            tags::ROW_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX => &mut position.row,
                            _ => return walker.skip_value(element, 3),
                        };
                        if element.len != 4 {
                            return Err(broken(format!(
                                "{} of {} bytes, 4 wanted",
                                element.tag, element.len
                            )));
                        }
                        *place = Some(i32::from_le_bytes(walker.take()?));
                        Ok(())
                    })
                })
            })?;
            walker.positions.push(position);
            Ok(())
        })
    }
}
