//! A row of the worklist.

use rusqlite::types::Value;
use rusqlite::{Row, ToSql};

use crate::{SlideResult, Warning};

/// Where a slide stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlideState {
    /// Not begun.
    Waiting,
    /// Being scored.
    Running,
    /// Scored.
    Done,
    /// Could not be scored.
    Failed,
}

impl SlideState {
    /// All of them, in the order of their life.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Done, Self::Failed];

    /// As in the database and in `summary.csv`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What the worklist says of one slide.
#[derive(Debug, Clone, PartialEq)]
pub struct WorklistSlide {
    /// The name of its folder.
    pub slide_id: String,
    /// The slide's file, as given.
    pub slide_path: String,
    /// Where it stands.
    pub state: SlideState,
    /// Its result's folder, below the worklist's own; none until there is a result.
    pub result_folder: Option<String>,
    /// A small picture of it, below the worklist's folder.
    pub thumbnail: Option<String>,
    /// As given; none where nobody said.
    pub tumour_type: Option<String>,
    /// The antibody clone, as given.
    pub antibody_clone: Option<String>,
    /// `positive`, `indeterminate`, `negative` or `not-evaluable`.
    pub ihc_result: Option<String>,
    /// The profile that says so.
    pub ihc_profile: Option<String>,
    /// Percent of the tumour cells (0 to 100), any compartment; none where not evaluable.
    pub positive_percent: Option<f64>,
    /// 0 to 300, any compartment; none where not evaluable.
    pub h_score: Option<f64>,
    /// Tumour cells that count.
    pub tumour_cells: Option<u64>,
    /// What to do next, such as `order-rna-ngs`.
    pub action: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// The action's flag.
    pub flag: Option<pantrk_triage::Flag>,
    /// What a reader of the result must know.
    pub warnings: Vec<Warning>,
    /// When scoring began, RFC 3339.
    pub started: Option<String>,
    /// Wall-clock seconds that it took.
    pub seconds: Option<f64>,
    /// Why it could not be scored.
    pub error: Option<String>,
    /// Identity of the file that was scored.
    pub fingerprint: Option<String>,
    /// Identity of the parameters.
    pub parameter_hash: Option<String>,
    /// The segmenter: name, version, and the weights' SHA-256 where it has any.
    pub model: Option<WorklistModel>,
    /// The manifest's other columns, name and value, in the manifest's order.
    pub manifest_columns: Vec<(String, String)>,
}

/// The segmenter of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorklistModel {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Of its weights.
    pub sha256: Option<String>,
}

impl WorklistSlide {
    /// A slide that is not begun.
    pub fn waiting(slide_id: impl Into<String>, slide_path: impl Into<String>) -> Self {
        Self {
            slide_id: slide_id.into(),
            slide_path: slide_path.into(),
            state: SlideState::Waiting,
            result_folder: None,
            thumbnail: None,
            tumour_type: None,
            antibody_clone: None,
            ihc_result: None,
            ihc_profile: None,
            positive_percent: None,
            h_score: None,
            tumour_cells: None,
            action: None,
            rule: None,
            flag: None,
            warnings: Vec::new(),
            started: None,
            seconds: None,
            error: None,
            fingerprint: None,
            parameter_hash: None,
            model: None,
            manifest_columns: Vec::new(),
        }
    }

    /// A scored slide, whose folder is `<slide-id>` beside the worklist.
    pub fn done(result: &SlideResult) -> Self {
        let slide = &result.slide;
        let case = result.run.parameters.get("case");
        let of_case = |key: &str| case?.get(key)?.as_str().map(str::to_owned);
        let any = result.compartments.as_ref().map(|scores| scores.any);
        let model = &result.run.model;
        Self {
            state: SlideState::Done,
            result_folder: Some(slide.id.clone()),
            thumbnail: Some(format!("{}/thumbnail.png", slide.id)),
            tumour_type: of_case("tumour_type"),
            antibody_clone: of_case("antibody_clone"),
            ihc_result: Some(result.ihc.result.name().to_owned()),
            ihc_profile: Some(result.ihc.profile.clone()),
            positive_percent: any.map(|score| score.positive_percent),
            h_score: any.map(|score| score.h_score),
            tumour_cells: Some(result.cells.tumour),
            action: Some(result.triage.action.name().to_owned()),
            rule: Some(result.triage.rule.clone()),
            flag: Some(result.triage.flag.clone()),
            warnings: result.quality.warnings.clone(),
            started: result.run.started.clone(),
            seconds: result.run.seconds.get("total").copied(),
            fingerprint: Some(slide.fingerprint.clone()),
            parameter_hash: Some(result.run.parameter_hash.clone()),
            model: Some(WorklistModel {
                name: model.name.clone(),
                version: model.version.clone(),
                sha256: model.sha256.clone(),
            }),
            ..Self::waiting(slide.id.clone(), slide.path.clone())
        }
    }

    /// A slide that could not be scored.
    pub fn failed(
        slide_id: impl Into<String>,
        slide_path: impl Into<String>,
        error: impl Into<String>,
    ) -> Self {
        Self {
            state: SlideState::Failed,
            error: Some(error.into()),
            ..Self::waiting(slide_id, slide_path)
        }
    }
}

/// The table's columns, in the order of [`values`] and [`from_row`].
pub(super) const COLUMNS: [&str; 27] = [
    "slide_id",
    "slide_path",
    "state",
    "result_folder",
    "thumbnail",
    "tumour_type",
    "antibody_clone",
    "ihc_result",
    "ihc_profile",
    "positive_percent",
    "h_score",
    "tumour_cells",
    "action",
    "rule",
    "flag_word",
    "flag_icon",
    "flag_colour",
    "warnings",
    "started",
    "seconds",
    "error",
    "fingerprint",
    "parameter_hash",
    "model_name",
    "model_version",
    "model_sha256",
    "manifest_columns",
];

/// The row as SQLite takes it.
pub(super) fn values(slide: &WorklistSlide) -> rusqlite::Result<[Value; COLUMNS.len()]> {
    let json = |text: serde_json::Result<String>| {
        text.map(Value::Text)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
    };
    let text = |value: &Option<String>| value.clone().map_or(Value::Null, Value::Text);
    let number = |value: Option<f64>| value.map_or(Value::Null, Value::Real);
    let flag = |part: fn(&pantrk_triage::Flag) -> &String| {
        let part = slide.flag.as_ref().map(part);
        part.map_or(Value::Null, |word| Value::Text(word.clone()))
    };
    let model = |part: fn(&WorklistModel) -> Option<&String>| {
        let part = slide.model.as_ref().and_then(part);
        part.map_or(Value::Null, |word| Value::Text(word.clone()))
    };
    Ok([
        Value::Text(slide.slide_id.clone()),
        Value::Text(slide.slide_path.clone()),
        Value::Text(slide.state.name().to_owned()),
        text(&slide.result_folder),
        text(&slide.thumbnail),
        text(&slide.tumour_type),
        text(&slide.antibody_clone),
        text(&slide.ihc_result),
        text(&slide.ihc_profile),
        number(slide.positive_percent),
        number(slide.h_score),
        // A slide has fewer cells than an i64 holds.
        slide
            .tumour_cells
            .map_or(Value::Null, |n| Value::Integer(n as i64)),
        text(&slide.action),
        text(&slide.rule),
        flag(|flag| &flag.word),
        flag(|flag| &flag.icon),
        flag(|flag| &flag.colour),
        json(serde_json::to_string(&slide.warnings))?,
        text(&slide.started),
        number(slide.seconds),
        text(&slide.error),
        text(&slide.fingerprint),
        text(&slide.parameter_hash),
        model(|model| Some(&model.name)),
        model(|model| Some(&model.version)),
        model(|model| model.sha256.as_ref()),
        json(serde_json::to_string(&slide.manifest_columns))?,
    ])
}

/// The values as parameters of a statement.
pub(super) fn parameters(values: &[Value]) -> Vec<&dyn ToSql> {
    values.iter().map(|value| value as &dyn ToSql).collect()
}

/// Reads a row of [`COLUMNS`].
pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<WorklistSlide> {
    let broken = |column: usize, error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    };
    let state: String = row.get(2)?;
    let state = SlideState::from_name(&state)
        .ok_or_else(|| broken(2, format!("unknown state {state:?}").into()))?;
    let flag = match (row.get(14)?, row.get(15)?, row.get(16)?) {
        (Some(word), Some(icon), Some(colour)) => Some(pantrk_triage::Flag { word, icon, colour }),
        _ => None,
    };
    let model = match (row.get(23)?, row.get(24)?) {
        (Some(name), Some(version)) => Some(WorklistModel {
            name,
            version,
            sha256: row.get(25)?,
        }),
        _ => None,
    };
    let warnings: String = row.get(17)?;
    let columns: String = row.get(26)?;
    Ok(WorklistSlide {
        slide_id: row.get(0)?,
        slide_path: row.get(1)?,
        state,
        result_folder: row.get(3)?,
        thumbnail: row.get(4)?,
        tumour_type: row.get(5)?,
        antibody_clone: row.get(6)?,
        ihc_result: row.get(7)?,
        ihc_profile: row.get(8)?,
        positive_percent: row.get(9)?,
        h_score: row.get(10)?,
        tumour_cells: row.get::<_, Option<i64>>(11)?.map(|n| n as u64),
        action: row.get(12)?,
        rule: row.get(13)?,
        flag,
        warnings: serde_json::from_str(&warnings).map_err(|e| broken(17, e.into()))?,
        started: row.get(18)?,
        seconds: row.get(19)?,
        error: row.get(20)?,
        fingerprint: row.get(21)?,
        parameter_hash: row.get(22)?,
        model,
        manifest_columns: serde_json::from_str(&columns).map_err(|e| broken(26, e.into()))?,
    })
}
