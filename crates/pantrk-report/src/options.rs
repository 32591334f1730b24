//! What a report shows beside the result.

use pantrk_core::score::IhcResult;
use pantrk_triage::{Action, Case};
use serde::Serialize;

/// What a report shows beside the result, and on which paper.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportOptions {
    /// The score beside the truth, for a slide whose truth is known.
    pub truth: Vec<TruthRow>,
    /// A sentence below the title, such as that the slide is a phantom.
    pub note: Option<String>,
    /// The case, with the laboratory's own fields; without it the folder's `case.json` is read, and without that the facts in the result.
    pub case: Option<Case>,
    /// Who signed, once someone has.
    pub sign_off: Option<SignOff>,
    /// Of the PDF; the page prints on any.
    pub paper: Paper,
    /// Typefaces (the bytes of TTF or OTF files) for scripts that the one on board lacks; of the PDF alone.
    pub fonts: Vec<Vec<u8>>,
}

/// A pathologist's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOff {
    /// Who signed.
    pub name: String,
    /// When, RFC 3339.
    pub time: String,
    /// The pathologist's own result.
    pub result: IhcResult,
    /// The next step that was signed.
    pub action: Action,
    /// The rule that asks for it; none where the pathologist chose it.
    pub rule: Option<String>,
    /// Why either is another than the program's.
    pub reason: Option<String>,
}

/// A page size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Paper {
    /// 210 x 297 mm.
    #[default]
    A4,
    /// 8.5 x 11 inches.
    Letter,
}

impl Paper {
    #[cfg(feature = "pdf")]
    pub(crate) const fn typst_name(self) -> &'static str {
        match self {
            Self::A4 => "a4",
            Self::Letter => "us-letter",
        }
    }
}

/// One figure beside its truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TruthRow {
    /// What is compared.
    pub figure: String,
    /// As measured.
    pub measured: String,
    /// As it is.
    pub truth: String,
    /// Measured less truth; empty where it is no number.
    pub difference: String,
    /// The most that it may differ; empty where it must be equal.
    pub bar: String,
    /// Whether it is within the bar.
    pub within: bool,
}
