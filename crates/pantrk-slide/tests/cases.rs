//! Broken and odd files as data: each folder of `tests/cases` names a sound slide that the tests write, what is changed in it, and what must come of it.
//!
//! A case is `case.toml`:
//! - `base`: a slide of `bases()`; `file`: its name, where the ending matters.
//! - `[[patch]]`: changes in their order, see [`Patch`].
//! - `[limits]`: smaller limits than the default ones.
//! - `[expect]`: either `error` (the kind) and `says` (parts of its message), or what the opened slide is like.
//!
//! With `PANTRK_SEEDS` naming a folder, all files become seeds for `fuzz/` there.
//!
//! Whatever a case expects, every level and picture of a slide that opens is read whole, which must neither panic nor fail.

#![expect(
    clippy::expect_used,
    reason = "helpers of tests, whose failure is the test's"
)]

#[path = "common/bases.rs"]
mod bases;
mod common;
#[path = "common/seeds.rs"]
mod seeds;
#[path = "dicom/writer.rs"]
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bases::{bases, save};
use common::{check_reader, check_regions, read, rect};
use pantrk_slide::{Limits, Slide, SlideError};
use pantrk_space::{GapKind, LevelRect};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    base: String,
    file: Option<String>,
    #[serde(default)]
    patch: Vec<Patch>,
    limits: Option<SmallLimits>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SmallLimits {
    #[serde(rename = "max_ifds")]
    ifds: Option<usize>,
    #[serde(rename = "max_metadata_bytes")]
    metadata_bytes: Option<u64>,
    #[serde(rename = "max_tile_pixels")]
    tile_pixels: Option<u64>,
}

impl SmallLimits {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.max_ifds = self.ifds.unwrap_or(limits.max_ifds);
        limits.max_metadata_bytes = self.metadata_bytes.unwrap_or(limits.max_metadata_bytes);
        limits.max_tile_pixels = self.tile_pixels.unwrap_or(limits.max_tile_pixels);
        limits
    }
}

/// One change of the base's bytes.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Patch {
    /// Replaces one occurrence of a text by another that is not longer; the rest is filled with spaces.
    Text {
        find: String,
        replace: String,
        #[serde(default)]
        nth: usize,
    },
    /// Replaces every occurrence.
    Texts { find: String, replace: String },
    /// Changes a directory's entry: its number, type, count, or value field.
    Tag {
        page: usize,
        tag: u16,
        number: Option<u16>,
        r#type: Option<u16>,
        count: Option<u64>,
        value: Option<u64>,
        /// The value is where this page's directory lies.
        to_page: Option<usize>,
    },
    /// Changes one of a tag's values.
    Entry {
        page: usize,
        tag: u16,
        index: u64,
        value: u64,
    },
    /// Sets a page's link to the next one.
    Link {
        page: usize,
        to_page: Option<usize>,
        to: Option<u64>,
    },
    /// Overwrites bytes of a tile's or strip's data; negative places count from its end.
    Data {
        page: usize,
        index: u64,
        at: i64,
        bytes: Vec<u8>,
    },
    /// Overwrites all of a tile's data by one value.
    Fill { page: usize, index: u64, byte: u8 },
    /// Overwrites bytes of the file; negative places count from its end.
    Bytes { at: i64, bytes: Vec<u8> },
    /// Overwrites bytes at a distance behind the beginning of an occurrence of a text.
    Near {
        find: String,
        #[serde(default)]
        nth: usize,
        skip: usize,
        bytes: Vec<u8>,
    },
    /// Keeps this many bytes; a negative number takes as many off the end.
    Keep { bytes: i64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    error: Option<String>,
    #[serde(default)]
    says: Vec<String>,
    vendor: Option<String>,
    /// Sizes of the levels: `300x200`.
    levels: Option<Vec<String>>,
    /// In micrometres; 0 stands for none.
    mpp: Option<f64>,
    objective: Option<f64>,
    /// Tiles of level 0 that cannot be read, and parts of it that were not scanned.
    #[serde(default)]
    unreadable: usize,
    #[serde(default)]
    not_scanned: usize,
    /// What the first unreadable tile's reason holds.
    reason: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
    /// Names of the pictures beside the slide; those that cannot be read end with `!`.
    associated: Option<Vec<String>>,
}

/// Finds directories and entries in a TIFF's bytes, as far as patches need them.
struct Tiff<'a> {
    bytes: &'a mut Vec<u8>,
    big: bool,
    motorola: bool,
}

/// Where an entry's parts stand.
struct Found {
    at: usize,
    kind: u64,
    count: u64,
    values: usize,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a mut Vec<u8>) -> Self {
        let motorola = bytes[0] == b'M';
        let big = bytes[2..4].contains(&43);
        Self {
            bytes,
            big,
            motorola,
        }
    }

    fn field(&self) -> usize {
        if self.big { 8 } else { 4 }
    }

    fn number(&self, at: usize, len: usize) -> u64 {
        let bytes = &self.bytes[at..at + len];
        let push = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        if self.motorola {
            bytes.iter().fold(0, push)
        } else {
            bytes.iter().rev().fold(0, push)
        }
    }

    fn put(&mut self, at: usize, len: usize, value: u64) {
        let mut encoded = value.to_le_bytes()[..len].to_vec();
        if self.motorola {
            encoded.reverse();
        }
        self.bytes[at..at + len].copy_from_slice(&encoded);
    }

    fn page(&self, index: usize) -> usize {
        let field = self.field();
        let mut at = self.number(if self.big { 8 } else { 4 }, field) as usize;
        for _ in 0..index {
            at = self.number(self.link(at), field) as usize;
        }
        at
    }

    /// Where the link of the directory at `at` stands.
    fn link(&self, at: usize) -> usize {
        let (count_len, entry) = if self.big { (8, 20) } else { (2, 12) };
        at + count_len + self.number(at, count_len) as usize * entry
    }

    fn entry(&self, page: usize, tag: u16) -> Found {
        let (count_len, len) = if self.big { (8, 20) } else { (2, 12) };
        let page = self.page(page);
        let at = (0..self.number(page, count_len) as usize)
            .map(|n| page + count_len + n * len)
            .find(|&at| self.number(at, 2) == u64::from(tag))
            .expect("the base has the tag");
        let kind = self.number(at + 2, 2);
        let count = self.number(at + 4, self.field());
        let value = at + 4 + self.field();
        let stored = value_len(kind) as u64 * count;
        let values = if stored > self.field() as u64 {
            self.number(value, self.field()) as usize
        } else {
            value
        };
        Found {
            at,
            kind,
            count,
            values,
        }
    }

    /// Where a tile's or strip's data lie.
    fn data(&self, page: usize, index: u64) -> std::ops::Range<usize> {
        let (page_at, count_len) = (self.page(page), if self.big { 8 } else { 2 });
        let entries = self.number(page_at, count_len) as usize;
        let entry_len = if self.big { 20 } else { 12 };
        let tiled =
            (0..entries).any(|n| self.number(page_at + count_len + n * entry_len, 2) == 324);
        let value = |tag| {
            let found = self.entry(page, tag);
            assert!(index < found.count);
            let len = value_len(found.kind);
            self.number(found.values + index as usize * len, len) as usize
        };
        let (offset, count) = if tiled { (324, 325) } else { (273, 279) };
        let start = value(offset);
        start..start + value(count)
    }
}

fn value_len(kind: u64) -> usize {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        _ => 8,
    }
}

fn place(at: i64, len: usize) -> usize {
    if at < 0 {
        len - at.unsigned_abs() as usize
    } else {
        at as usize
    }
}

impl Patch {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Text { find, replace, nth } => replace_text(bytes, find, replace, Some(*nth)),
            Self::Texts { find, replace } => replace_text(bytes, find, replace, None),
            Self::Tag {
                page,
                tag,
                number,
                r#type,
                count,
                value,
                to_page,
            } => {
                let mut tiff = Tiff::new(bytes);
                let value = to_page.map(|page| tiff.page(page) as u64).or(*value);
                let (at, field) = (tiff.entry(*page, *tag).at, tiff.field());
                if let Some(number) = number {
                    tiff.put(at, 2, u64::from(*number));
                }
                if let Some(kind) = r#type {
                    tiff.put(at + 2, 2, u64::from(*kind));
                }
                if let Some(count) = count {
                    tiff.put(at + 4, field, *count);
                }
                if let Some(value) = value {
                    // As the type stores it, so that the byte order is right.
                    let kind = tiff.number(at + 2, 2);
                    let len = value_len(kind).min(field);
                    let is_inline =
                        value_len(kind) as u64 * tiff.number(at + 4, field) <= field as u64;
                    let len = if is_inline { len } else { field };
                    tiff.put(at + 4 + field, len, value);
                }
            }
            Self::Entry {
                page,
                tag,
                index,
                value,
            } => {
                let mut tiff = Tiff::new(bytes);
                let found = tiff.entry(*page, *tag);
                let len = value_len(found.kind);
                tiff.put(found.values + *index as usize * len, len, *value);
            }
            Self::Link { page, to_page, to } => {
                let mut tiff = Tiff::new(bytes);
                let (at, field) = (tiff.link(tiff.page(*page)), tiff.field());
                let to = to_page.map_or(to.unwrap_or(0), |page| tiff.page(page) as u64);
                tiff.put(at, field, to);
            }
            Self::Data {
                page,
                index,
                at,
                bytes: new,
            } => {
                let range = Tiff::new(bytes).data(*page, *index);
                let at = place(*at, range.len());
                bytes[range][at..at + new.len()].copy_from_slice(new);
            }
            Self::Fill { page, index, byte } => {
                let range = Tiff::new(bytes).data(*page, *index);
                bytes[range].fill(*byte);
            }
            Self::Bytes { at, bytes: new } => {
                let at = place(*at, bytes.len());
                bytes[at..at + new.len()].copy_from_slice(new);
            }
            Self::Near {
                find,
                nth,
                skip,
                bytes: new,
            } => {
                let at = occurrences(bytes, find)[*nth] + skip;
                bytes[at..at + new.len()].copy_from_slice(new);
            }
            Self::Keep { bytes: keep } => {
                let len = place(*keep, bytes.len());
                bytes.truncate(len);
            }
        }
    }
}

fn occurrences(bytes: &[u8], find: &str) -> Vec<usize> {
    let places: Vec<usize> = bytes
        .windows(find.len())
        .enumerate()
        .filter(|(_, window)| *window == find.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the base has no {find:?}");
    places
}

fn replace_text(bytes: &mut [u8], find: &str, replace: &str, nth: Option<usize>) {
    assert!(
        replace.len() <= find.len(),
        "{replace:?} is longer than {find:?}"
    );
    let mut new = replace.as_bytes().to_vec();
    new.resize(find.len(), b' ');
    let places = occurrences(bytes, find);
    for (index, at) in places.into_iter().enumerate() {
        if nth.is_none_or(|nth| nth == index) {
            bytes[at..at + new.len()].copy_from_slice(&new);
        }
    }
}

fn kind_of(error: &SlideError) -> &'static str {
    match error {
        SlideError::Io { .. } => "io",
        SlideError::NotRecognized { .. } => "not-recognized",
        SlideError::Broken { .. } => "broken",
        SlideError::Unsupported { .. } => "unsupported",
        SlideError::Limits { .. } => "limits",
        _ => "usage",
    }
}

/// What is wrong with an error: its kind, its words, its form.
fn judge_error(
    expect: &Expect,
    wanted: Option<&str>,
    error: &SlideError,
    path: &Path,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = error.to_string();
    if wanted != Some(kind_of(error)) {
        wrong.push(format!("{} and not {wanted:?}: {text}", kind_of(error)));
    }
    for part in &expect.says {
        if !text.contains(part) {
            wrong.push(format!("no {part:?} in {text:?}"));
        }
    }
    if text.contains('\n')
        || text
            .trim_end_matches(&*path.to_string_lossy())
            .ends_with('.')
    {
        wrong.push(format!(
            "an error is one line without a full stop: {text:?}"
        ));
    }
    wrong
}

/// What is wrong with the outcome of a case; nothing where it is as expected.
fn judge(case: &Case, path: &Path) -> Vec<String> {
    let expect = &case.expect;
    let mut wrong = Vec::new();
    let limits = case
        .limits
        .as_ref()
        .map_or_else(Limits::default, SmallLimits::limits);
    let slide = match (Slide::open_with_limits(path, limits), &expect.error) {
        (Ok(slide), None) => slide,
        (Ok(slide), Some(kind)) => {
            return vec![format!("opened as {}, {kind} wanted", slide.vendor())];
        }
        (Err(error), wanted) => {
            return judge_error(expect, wanted.as_deref(), &error, path);
        }
    };
    let mut differs = |what: &str, found: String, wanted: String| {
        if found != wanted {
            wrong.push(format!("{what} is {found}, {wanted} wanted"));
        }
    };
    if let Some(vendor) = &expect.vendor {
        differs("vendor", slide.vendor().to_owned(), vendor.clone());
    }
    if let Some(levels) = &expect.levels {
        let found: Vec<String> = slide
            .levels()
            .iter()
            .map(|level| format!("{}x{}", level.size.width, level.size.height))
            .collect();
        differs("levels", found.join(" "), levels.join(" "));
    }
    if let Some(mpp) = expect.mpp {
        let found = slide.mpp().map_or(0.0, |mpp| mpp.x.get());
        differs("mpp", format!("{found:.6}"), format!("{mpp:.6}"));
    }
    if let Some(objective) = expect.objective {
        let found = slide.objective_power().unwrap_or(0.0);
        differs("objective", found.to_string(), objective.to_string());
    }
    for (key, value) in &expect.properties {
        let found = slide.properties().get(key).cloned().unwrap_or_default();
        differs(key, found, value.clone());
    }
    if let Some(names) = &expect.associated {
        let found: Vec<String> = slide
            .associated_images()
            .iter()
            .map(|image| match slide.read_associated(&image.name) {
                Ok(_) => image.name.clone(),
                Err(_) => format!("{}!", image.name),
            })
            .collect();
        differs("associated", found.join(" "), names.join(" "));
    }
    let (mut unreadable, mut not_scanned, mut reason) = (0, 0, None);
    for (index, level) in slide.levels().iter().enumerate() {
        let area = if level.size.area() > 4_000_000 {
            rect(0, 0, 1000, 1000)
        } else {
            LevelRect::of_size(level.size)
        };
        let (_, gaps) = read(&slide, index, area);
        if index > 0 {
            continue;
        }
        for gap in gaps {
            match gap.kind {
                GapKind::Unreadable { reason: found, .. } => {
                    unreadable += 1;
                    reason.get_or_insert(found);
                }
                GapKind::NotScanned => not_scanned += 1,
                GapKind::OutsideSlide => {}
            }
        }
    }
    differs(
        "unreadable",
        unreadable.to_string(),
        expect.unreadable.to_string(),
    );
    differs(
        "not_scanned",
        not_scanned.to_string(),
        expect.not_scanned.to_string(),
    );
    if let Some(wanted) = &expect.reason {
        let found = reason.unwrap_or_default();
        if !found.contains(wanted) {
            wrong.push(format!("no {wanted:?} in the reason {found:?}"));
        }
    }
    wrong
}

#[test]
fn every_case_comes_out_as_it_says() {
    let bases: BTreeMap<&str, (&str, Vec<u8>)> = bases()
        .into_iter()
        .map(|(name, file, make)| (name, (file, make())))
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut names: Vec<String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let folder = tempfile::tempdir().unwrap();
    let seeds = std::env::var_os("PANTRK_SEEDS");
    if let Some(root) = &seeds {
        seeds::codecs(Path::new(root));
        for (name, (_, bytes)) in &bases {
            seeds::slide(Path::new(root), name, &format!("base-{name}"), bytes);
        }
    }
    let mut wrong = Vec::new();
    for name in &names {
        let text = fs::read_to_string(root.join(name).join("case.toml")).unwrap();
        let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (file, base) = bases.get(&*case.base).expect("a base");
        let mut bytes = base.clone();
        for patch in &case.patch {
            patch.apply(&mut bytes);
        }
        let path = folder.path().join(case.file.as_deref().unwrap_or(file));
        save(&case.base, &bytes, &path);
        if let Some(root) = &seeds {
            seeds::slide(Path::new(root), &case.base, name, &bytes);
        }
        let outcome = std::panic::catch_unwind(|| judge(&case, &path));
        let found = outcome.unwrap_or_else(|_| vec!["panicked".to_owned()]);
        wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    println!("{} cases", names.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_format_passes_the_suite() {
    let mut vendors = BTreeSet::new();
    for (name, file, make) in bases() {
        if name == "text" {
            continue;
        }
        // In a folder of its own: files of a series beside it would be part of it.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        save(name, &make(), &path);
        let slide = Slide::open(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}");
        // Each photograph of the written MIRAX slides is another, on each level; the one in real.rs is a scan.
        if slide.vendor() == "mirax" {
            check_regions(&slide);
        } else {
            check_reader(&slide);
        }
        for level in 0..slide.levels().len() {
            let size = slide.levels()[level].size;
            let (_, gaps) = read(&slide, level, LevelRect::of_size(size));
            assert!(
                gaps.iter().all(|gap| gap.kind == GapKind::NotScanned),
                "{name}: {gaps:?}"
            );
        }
        vendors.insert(slide.vendor());
    }
    let all = [
        "aperio",
        "dicom",
        "generic-tiff",
        "hamamatsu",
        "huron",
        "image",
        "leica",
        "mirax",
        "ome-tiff",
        "philips",
        "trestle",
        "ventana",
        "zeiss",
    ];
    assert_eq!(Vec::from_iter(vendors), all);
}
