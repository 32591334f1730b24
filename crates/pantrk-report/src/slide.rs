//! One slide's report, from its folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pantrk_store::SlideResult;
use pantrk_triage::Case;

use crate::model::SlidePage;
use crate::{Pictures, ReportError, ReportOptions, html};

/// The case as it was given, beside `result.json`; it alone holds what only the report shows.
pub const CASE_FILE: &str = "case.json";

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The PDF; `None` where the program was built without it.
    pub pdf: Option<PathBuf>,
}

/// Writes `report.html` and `report.pdf` into a slide's folder, with the pictures that are there.
///
/// # Errors
/// If a picture or the case cannot be read, a template does not fit, or a file cannot be written.
pub fn write_report(
    result: &SlideResult,
    folder: &Path,
    options: &ReportOptions,
) -> Result<Written, ReportError> {
    let pictures = Pictures::read(folder)?;
    let case = match &options.case {
        Some(case) => case.clone(),
        None => read_case(folder, result)?,
    };
    let html = folder.join("report.html");
    write(
        &html,
        render_html(result, &case, &pictures, options)?.as_bytes(),
    )?;
    #[cfg(feature = "pdf")]
    let pdf = {
        let path = folder.join("report.pdf");
        write(&path, &render_pdf(result, &case, &pictures, options)?)?;
        Some(path)
    };
    #[cfg(not(feature = "pdf"))]
    let pdf = None;
    Ok(Written { html, pdf })
}

/// The case of a slide's folder: its `case.json`, or the facts in the result.
///
/// # Errors
/// If `case.json` is there but cannot be read.
pub fn read_case(folder: &Path, result: &SlideResult) -> Result<Case, ReportError> {
    let path = folder.join(CASE_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Case::from_json(&text).map_err(|source| ReportError::Case { path, source }),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let facts = result.run.parameters.get("case").cloned();
            let facts = facts.and_then(|facts| serde_json::from_value(facts).ok());
            Ok(facts.unwrap_or_default())
        }
        Err(source) => Err(ReportError::Io {
            action: "read the case",
            path,
            source,
        }),
    }
}

/// The page as text.
///
/// # Errors
/// If the template does not fit the result.
pub fn render_html(
    result: &SlideResult,
    case: &Case,
    pictures: &Pictures,
    options: &ReportOptions,
) -> Result<String, ReportError> {
    let page = SlidePage::new(result, case, pictures, options);
    html::render("slide.html", &result.slide.id, &page, pictures.files())
}

/// The PDF (PDF/A-2a and PDF/UA-1) as bytes.
///
/// # Errors
/// If the template does not fit the result.
#[cfg(feature = "pdf")]
pub fn render_pdf(
    result: &SlideResult,
    case: &Case,
    pictures: &Pictures,
    options: &ReportOptions,
) -> Result<Vec<u8>, ReportError> {
    let page = SlidePage::new(result, case, pictures, options);
    let sheet = crate::pdf::Sheet {
        template: include_str!("../../../assets/report/slide.typ"),
        subject: &result.slide.id,
        title: &format!("Pan-TRK IHC {}", result.slide.id),
        made: result.run.started.as_deref(),
        paper: options.paper,
        fonts: &options.fonts,
        pictures: pictures.files(),
    };
    crate::pdf::render(&sheet, &page)
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    std::fs::write(path, bytes).map_err(|source| ReportError::Io {
        action: "write the report",
        path: path.to_owned(),
        source,
    })
}
