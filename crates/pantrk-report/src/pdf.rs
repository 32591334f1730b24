//! The PDF: the same words and pictures as the page, set by Typst from a template, as PDF/A-2a and PDF/UA-1: archival, and readable by a screen reader.
//!
//! **Architecture invariant:** nothing outside this program enters: template and typefaces are on board, no package is fetched, no clock is read.

use std::collections::BTreeMap;

use serde::Serialize;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use crate::ReportError;
use crate::options::Paper;
use crate::pictures::Picture;

const STYLE: &str = include_str!("../../../assets/report/style.typ");
const FONTS: [&[u8]; 2] = [
    include_bytes!("../../../assets/fonts/Inter-Regular.otf"),
    include_bytes!("../../../assets/fonts/Inter-SemiBold.otf"),
];
/// The name under which a template finds its words.
const WORDS: &str = "words.json";

/// What is set, and how.
pub(crate) struct Sheet<'a> {
    /// The template.
    pub(crate) template: &'static str,
    /// The slide's id or the cohort's folder, for errors.
    pub(crate) subject: &'a str,
    /// The document's title, for its metadata.
    pub(crate) title: &'a str,
    /// RFC 3339; becomes the document's time.
    pub(crate) made: Option<&'a str>,
    /// The page size.
    pub(crate) paper: Paper,
    /// Typefaces for scripts that the one on board lacks, as files hold them.
    pub(crate) fonts: &'a [Vec<u8>],
    /// Named in the template.
    pub(crate) pictures: &'a [Picture],
}

/// Sets a document.
pub(crate) fn render(sheet: &Sheet<'_>, page: &impl Serialize) -> Result<Vec<u8>, ReportError> {
    let failed = |message: String| ReportError::Typeset {
        subject: sheet.subject.to_owned(),
        message,
    };
    let fonts = fonts(sheet.fonts);
    let mut words = serde_json::to_value(page).map_err(|e| failed(e.to_string()))?;
    make_printable(&mut words, &fonts);
    let words = serde_json::json!({
        "page": words,
        "paper": sheet.paper.typst_name(),
        "title": printable(sheet.title, &fonts),
    });
    let desk = Desk::new(sheet, words.to_string(), fonts).map_err(failed)?;
    let compiled = typst::compile::<PagedDocument>(&desk);
    // The compiler keeps what it worked out for a next time that does not come here.
    typst::comemo::evict(0);
    let told = |problems: &[SourceDiagnostic]| {
        let messages: Vec<_> = problems.iter().map(|p| p.message.to_string()).collect();
        failed(messages.join("; "))
    };
    let document = compiled.output.map_err(|problems| told(&problems))?;
    let standards = PdfStandards::new(&[PdfStandard::A_2a, PdfStandard::Ua_1])
        .map_err(|e| failed(e.message().to_string()))?;
    let options = PdfOptions {
        ident: Smart::Custom(format!("pantrk {}", sheet.title)),
        creator: Smart::Custom(Some(
            concat!("pantrk ", env!("CARGO_PKG_VERSION")).to_owned(),
        )),
        timestamp: sheet.made.and_then(timestamp),
        standards,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(|problems| told(&problems))
}

/// The run's time; the clock would make the same result into another file each time.
fn timestamp(made: &str) -> Option<Timestamp> {
    let time = made.parse::<jiff::Timestamp>().ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    let part = |v: i8| u8::try_from(v).unwrap_or(0);
    let date = Datetime::from_ymd_hms(
        time.year().into(),
        part(time.month()),
        part(time.day()),
        part(time.hour()),
        part(time.minute()),
        part(time.second()),
    )?;
    Some(Timestamp::new_utc(date))
}

fn fonts(more: &[Vec<u8>]) -> Vec<Font> {
    let on_board = FONTS.into_iter().map(Bytes::new);
    let more = more.iter().map(|bytes| Bytes::new(bytes.clone()));
    on_board.chain(more).flat_map(Font::iter).collect()
}

/// Every character that no typeface has is written as its number: an archive must not hold boxes.
fn make_printable(value: &mut serde_json::Value, fonts: &[Font]) {
    match value {
        serde_json::Value::String(text) => *text = printable(text, fonts),
        serde_json::Value::Array(values) => {
            for value in values {
                make_printable(value, fonts);
            }
        }
        serde_json::Value::Object(values) => {
            for value in values.values_mut() {
                make_printable(value, fonts);
            }
        }
        _ => {}
    }
}

fn printable(text: &str, fonts: &[Font]) -> String {
    let known = |c: char| {
        c.is_ascii_graphic()
            || c.is_whitespace()
            || fonts
                .iter()
                .any(|font| font.info().coverage.contains(u32::from(c)))
    };
    if text.chars().all(known) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if known(c) {
            out.push(c);
        } else if !c.is_control() {
            let number = format!("[U+{:04X}]", u32::from(c));
            out.push_str(&number);
        }
    }
    out
}

/// All that the compiler may see.
struct Desk {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    main: Source,
    style: Source,
    files: BTreeMap<String, Bytes>,
}

fn file_id(name: &str) -> Result<FileId, String> {
    let path = VirtualPath::new(name).map_err(|e| format!("{name}: {e:?}"))?;
    Ok(FileId::new(RootedPath::new(VirtualRoot::Project, path)))
}

impl Desk {
    fn new(sheet: &Sheet<'_>, words: String, fonts: Vec<Font>) -> Result<Self, String> {
        let mut files = BTreeMap::from([(WORDS.to_owned(), Bytes::from_string(words))]);
        for picture in sheet.pictures {
            files.insert(picture.name.clone(), Bytes::new(picture.bytes.clone()));
        }
        Ok(Self {
            library: LazyHash::new(Library::builder().build()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            main: Source::new(file_id("main.typ")?, sheet.template.to_owned()),
            style: Source::new(file_id("style.typ")?, STYLE.to_owned()),
            files,
        })
    }
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        [&self.main, &self.style]
            .into_iter()
            .find(|source| source.id() == id)
            .cloned()
            .ok_or(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let path = id.vpath().get_without_slash();
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| FileError::NotFound(path.into()))
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
