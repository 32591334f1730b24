//! What an evaluation needs of each scored slide, read from many result folders at once.

use std::path::{Path, PathBuf};

use pantrk_core::score::IhcResult;
use pantrk_store::SCHEMA;
use pantrk_triage::{Action, Group};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use crate::EvalError;

/// A scored slide's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct SlideFigures {
    /// Its id.
    pub slide_id: String,
    /// The call.
    pub ihc: IhcResult,
    /// Tumour cells that stain in any compartment, 0 to 100; `None` where the slide is not evaluable.
    pub percent: Option<f64>,
    /// 0 to 300, likewise.
    pub h_score: Option<f64>,
    /// Tumour cells counted.
    pub tumour_cells: u64,
    /// What the triage says.
    pub action: Action,
    /// Probability of a fusion after the stain; `None` where it cannot be given.
    pub post_test: Option<f64>,
    /// Whether the triage was told the sequencing result, so that action and probability know the truth.
    pub knows_ngs: bool,
    /// As the triage understood it.
    pub tumour_type: Option<String>,
    /// The leading testing group.
    pub group: Option<Group>,
    /// As given when it was scored.
    pub clone: Option<String>,
    /// The scoring profile.
    pub profile: String,
    /// Model name and version.
    pub model: String,
    /// Of the parameters.
    pub parameter_hash: String,
    /// Of the evidence tables.
    pub table_version: String,
}

/// A folder of results.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Results {
    /// By slide id.
    pub slides: Vec<SlideFigures>,
    /// Results that could not be read, each as a sentence.
    pub broken: Vec<String>,
}

/// Reads every `<dir>/<slide-id>/result.json`, in parallel; the order is that of the ids.
///
/// Folders under work (`.partial`, `.old`) and folders without a result are passed over.
///
/// # Errors
/// If the folder cannot be listed or holds no result at all.
pub fn read_results(dir: &Path) -> Result<Results, EvalError> {
    let io = |source| EvalError::Io {
        action: "list the results",
        path: dir.to_owned(),
        source,
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.ends_with(".partial") && !name.ends_with(".old") {
            paths.push(path.join("result.json"));
        }
    }
    paths.sort_unstable();
    let read: Vec<Option<Result<SlideFigures, String>>> =
        paths.par_iter().map(|path| read_one(path)).collect();
    let mut results = Results::default();
    for one in read.into_iter().flatten() {
        match one {
            Ok(slide) => results.slides.push(slide),
            Err(why) => results.broken.push(why),
        }
    }
    if results.slides.is_empty() {
        let message = results.broken.first().map_or_else(
            || "no folder in it holds a result.json; score slides into it first".to_owned(),
            |first| {
                format!(
                    "none of {} results can be read; the first: {first}",
                    results.broken.len()
                )
            },
        );
        return Err(EvalError::Format {
            what: "the results",
            message,
            path: dir.to_owned(),
        });
    }
    results.slides.sort_by(|a, b| a.slide_id.cmp(&b.slide_id));
    Ok(results)
}

/// `None` where there is no result.
fn read_one(path: &Path) -> Option<Result<SlideFigures, String>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) => {
            use std::io::ErrorKind::{NotADirectory, NotFound};
            let absent = matches!(e.kind(), NotFound | NotADirectory);
            return (!absent).then(|| Err(format!("{e}: {}", path.display())));
        }
    };
    let parsed: Result<Wanted, _> = serde_json::from_slice(&bytes);
    Some(match parsed {
        Ok(wanted) if wanted.schema == SCHEMA => Ok(wanted.figures()),
        Ok(wanted) => Err(format!(
            "found schema {:?}, wanted {SCHEMA:?}: {}",
            wanted.schema,
            path.display()
        )),
        Err(e) => Err(format!("{e}: {}", path.display())),
    })
}

/// The part of `result.json` that is used; the rest is skipped without being built.
#[derive(Deserialize)]
struct Wanted {
    schema: String,
    slide: WantedSlide,
    run: WantedRun,
    cells: WantedCells,
    compartments: Option<WantedCompartments>,
    ihc: WantedIhc,
    triage: WantedTriage,
}

#[derive(Deserialize)]
struct WantedSlide {
    id: String,
}

#[derive(Deserialize)]
struct WantedRun {
    parameters: serde_json::Map<String, Value>,
    parameter_hash: String,
    model: WantedModel,
}

#[derive(Deserialize)]
struct WantedModel {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct WantedCells {
    tumour: u64,
}

#[derive(Deserialize)]
struct WantedCompartments {
    any: WantedScore,
}

#[derive(Deserialize)]
struct WantedScore {
    positive_percent: f64,
    h_score: f64,
}

#[derive(Deserialize)]
struct WantedIhc {
    result: IhcResult,
    profile: String,
}

#[derive(Deserialize)]
struct WantedTriage {
    action: Action,
    #[serde(default)]
    post_test: Option<WantedProbability>,
    #[serde(default)]
    tumour_type: Option<String>,
    #[serde(default)]
    groups: Vec<Group>,
    #[serde(default)]
    table_version: String,
    #[serde(default)]
    ngs: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct WantedProbability {
    p: f64,
}

impl Wanted {
    fn figures(self) -> SlideFigures {
        let clone = ["/case/antibody_clone", "/clone", "/antibody_clone"];
        let parameters = Value::Object(self.run.parameters);
        let clone = clone
            .iter()
            .find_map(|path| parameters.pointer(path)?.as_str());
        let any = self.compartments.as_ref().map(|c| &c.any);
        SlideFigures {
            slide_id: self.slide.id,
            ihc: self.ihc.result,
            percent: any.map(|a| a.positive_percent),
            h_score: any.map(|a| a.h_score),
            tumour_cells: self.cells.tumour,
            action: self.triage.action,
            post_test: self.triage.post_test.map(|p| p.p),
            knows_ngs: self.triage.ngs.is_some(),
            tumour_type: self.triage.tumour_type,
            group: self.triage.groups.first().copied(),
            clone: clone.map(str::to_owned),
            profile: self.ihc.profile,
            model: format!("{} {}", self.run.model.name, self.run.model.version),
            parameter_hash: self.run.parameter_hash,
            table_version: self.triage.table_version,
        }
    }
}
