//! From case facts and a pan-TRK score to an action, with reasons, sources and probabilities.
//!
//! [`decide`] is the whole of it: a [`Case`] and an [`IhcFinding`] go in, a [`Triage`] comes out.
//! It says what to do next about NTRK fusion testing and never what the tumour is; a pathologist decides.
//!
//! **Architecture invariant:** no clinical number stands in the code: prevalences, accuracies, thresholds and quoted facts are rows of `assets/evidence/`, each with its source and how sure it is, and the result names the tables' version.
//!
//! **Architecture invariant:** there is no chance in here: probabilities come from quadrature over fixed grids, so the same facts give the same bytes.
//!
//! **Architecture invariant:** of the core only the score types are used; this crate knows no pixel, no file and no clock.
#![forbid(unsafe_code)]

mod assessment;
mod case;
mod changes;
mod concordance;
mod decide;
mod error;
mod evidence;
mod fact_name;
mod facts;
mod finding;
mod gene_hint;
mod laboratory;
mod probability;
mod rules;
mod text;
mod triage;
mod tumours;

pub use case::{
    Braf, Case, ExternalControl, Frame, Mlh1, Mmr, NgsFinding, NgsMethod, NgsResult, Ras,
    RnaQuality, Setting, Stage,
};
pub use decide::decide;
pub use error::TriageError;
pub use evidence::{Certainty, Evidence, GeneSeries, PublishedEstimate};
pub use fact_name::fact_names;
pub use finding::IhcFinding;
pub use gene_hint::{GeneHint, gene_hint};
pub use laboratory::Laboratory;
pub use probability::text_from_probability;
pub use triage::{
    Abstention, Action, Change, Citation, Concordance, Flag, PostTest, Probability, RuleEntry,
    Triage, Verdict,
};
pub use tumours::{Group, TumourType, TumourTypes};
