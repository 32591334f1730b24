//! A review under work, as it is kept; and what changed between two of them.

use std::collections::BTreeMap;

use pantrk_core::score::Thresholds;
use pantrk_space::{LevelSize, MicronsPerPixel};
use pantrk_store::AuditChange;
use pantrk_triage::Case;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Given;
use crate::app::Opinion;
use crate::drawing::{Shape, geojson};
use crate::reading::Figures;
use crate::review::{Correction, Review};

/// The layout that is written.
const SCHEMA: &str = "pantrk.review/1";

/// A review under work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Draft {
    schema: String,
    thresholds: Thresholds,
    case: Case,
    /// By the row in the cell table.
    pub(crate) corrections: BTreeMap<u32, Correction>,
    /// GeoJSON.
    shapes: Value,
    /// Strokes that train the region classifier, GeoJSON.
    #[serde(default)]
    strokes: Value,
    /// The pixel size that a person gave, um, where the file does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mpp: Option<f64>,
    /// What the person says of the slide as a whole; no signature.
    #[serde(default)]
    pub(crate) opinion: Opinion,
    /// What came of it, for whoever lists reviews without opening them; no change of its own.
    #[serde(default)]
    pub(crate) figures: Option<Figures>,
}

impl Draft {
    /// Of a review as it is now.
    pub(crate) fn of(review: &Review) -> Self {
        let shapes = |trains: bool| {
            let all = review.drawing.shapes().iter();
            all.filter(move |shape| shape.trains == trains)
        };
        Self {
            schema: SCHEMA.to_owned(),
            thresholds: review.thresholds,
            case: review.case.clone(),
            corrections: review.corrections.cells.clone(),
            shapes: geojson::to_geojson(shapes(false)),
            strokes: geojson::to_geojson(shapes(true)),
            mpp: review.given_mpp.map(MicronsPerPixel::get),
            opinion: Opinion::default(),
            figures: Figures::of(review),
        }
    }

    /// With what the person says of the slide as a whole.
    pub(crate) fn with(self, opinion: &Opinion) -> Self {
        Self {
            opinion: opinion.clone(),
            ..self
        }
    }

    /// From the text that was kept.
    ///
    /// # Errors
    /// If it is of another layout or broken.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let draft: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if draft.schema == SCHEMA {
            Ok(draft)
        } else {
            Err(format!(
                "found layout {:?}, wanted {SCHEMA:?}",
                draft.schema
            ))
        }
    }

    /// As it is kept.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What was drawn, and why something of it cannot be on this slide.
    pub(crate) fn drawn(&self, slide: LevelSize) -> (Vec<Shape>, Option<String>) {
        let mut problem = None;
        let mut shapes: Vec<Shape> = Vec::new();
        for (features, trains) in [(&self.shapes, false), (&self.strokes, true)] {
            for feature in features["features"].as_array().into_iter().flatten() {
                let one = json!([feature]).to_string();
                match geojson::from_geojson(&one, slide) {
                    Ok(found) => {
                        shapes.extend(found.into_iter().map(|s| Shape { trains, ..s }));
                    }
                    Err(error) => problem = Some(error.to_string()),
                }
            }
        }
        (shapes, problem)
    }

    /// Puts it into a review; a shape that cannot be on this slide is left out.
    ///
    /// # Errors
    /// If something was left out; the rest is restored.
    pub(crate) fn restore(&self, review: &mut Review, slide: LevelSize) -> Result<(), String> {
        let (shapes, mut problem) = self.drawn(slide);
        match Thresholds::new(self.thresholds.values()) {
            Some(thresholds) => review.thresholds = thresholds,
            None => problem = Some("the thresholds do not rise".to_owned()),
        }
        review.case = self.case.clone();
        review.given_mpp = self.mpp.and_then(MicronsPerPixel::new);
        review.drawing.start_from(shapes);
        review.set_corrections(self.corrections.clone());
        review.take_regions();
        review.seal();
        problem.map_or(Ok(()), Err)
    }

    /// What of it a slide is scored with.
    pub(crate) fn given(&self) -> Given {
        let features = self.shapes["features"].as_array();
        let is_area = |feature: &Value| {
            let kind = feature["geometry"]["type"].as_str();
            matches!(kind, Some("Polygon" | "MultiPolygon"))
        };
        let any = features.is_some_and(|features| features.iter().any(is_area));
        Given {
            case: self.case.clone(),
            // Rulers and points among them stay with the regions, so that the result has all that was drawn.
            regions: any.then(|| format!("{}\n", self.shapes)),
            mpp: self.mpp.and_then(MicronsPerPixel::new),
            again: None,
        }
    }

    /// The facts that it adds to those of another case, or knows otherwise.
    pub(crate) fn case_over(&self, other: &Case) -> Case {
        let merged = || {
            let mut facts = serde_json::to_value(other).ok()?;
            let own = serde_json::to_value(&self.case).ok()?;
            facts.as_object_mut()?.extend(own.as_object()?.clone());
            serde_json::from_value(facts).ok()
        };
        merged().unwrap_or_else(|| other.clone())
    }

    /// The corrected cells as the database has them.
    pub(crate) fn correction_rows(&self) -> Vec<(u64, String)> {
        let rows = self.corrections.iter();
        rows.map(|(&row, &c)| (u64::from(row), verdict(c)))
            .collect()
    }

    /// What changed since `before`, for the trail; shapes that are in both are not told.
    pub(crate) fn changes_since(&self, before: &Self) -> Vec<AuditChange> {
        let mut changes = Vec::new();
        let mut tell = |what: &str, before: Value, after: Value| {
            if before != after {
                changes.push(AuditChange {
                    what: what.to_owned(),
                    before,
                    after,
                });
            }
        };
        tell(
            "thresholds",
            thresholds(before.thresholds),
            thresholds(self.thresholds),
        );
        let case = |draft: &Self| serde_json::to_value(&draft.case).unwrap_or_default();
        tell("case", case(before), case(self));
        // Not the reason, which is kept in the middle of a word too.
        let own = |draft: &Self| {
            let Opinion { result, action, .. } = draft.opinion;
            json!({ "result": result, "action": action })
        };
        tell("own result, not signed", own(before), own(self));
        tell("pixel size", json!(before.mpp), json!(self.mpp));
        let features = |of: &Value| of["features"].as_array().cloned().unwrap_or_default();
        let only = |a: &[Value], b: &[Value]| -> Value {
            a.iter().filter(|f| !b.contains(f)).cloned().collect()
        };
        for (what, old, new) in [
            ("regions", &before.shapes, &self.shapes),
            ("training strokes", &before.strokes, &self.strokes),
        ] {
            let (old, new) = (features(old), features(new));
            tell(what, only(&old, &new), only(&new, &old));
        }
        let rows = before.corrections.keys().chain(self.corrections.keys());
        for row in rows.collect::<std::collections::BTreeSet<_>>() {
            let of = |draft: &Self| {
                let verdict = draft.corrections.get(row).map(|&c| verdict(c));
                json!({ "cell_id": row, "verdict": verdict })
            };
            tell("correct", of(before), of(self));
        }
        changes
    }
}

/// The shortest decimals, not the long images of f32.
fn thresholds(of: Thresholds) -> Value {
    of.values()
        .iter()
        .filter_map(|v| v.to_string().parse::<f64>().ok())
        .collect()
}

fn verdict(correction: Correction) -> String {
    match correction {
        Correction::NotTumour => "not-tumour".to_owned(),
        Correction::Grade(grade) => grade.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::geometry;
    use pantrk_space::SlidePoint;

    const SLIDE: LevelSize = LevelSize {
        width: 2_000,
        height: 2_000,
    };

    #[test]
    fn a_draft_is_restored_and_its_changes_are_told() {
        let mut review = Review::new(None);
        let before = Draft::of(&review);
        assert!(before.changes_since(&before).is_empty());
        review.thresholds = Thresholds::new([0.25, 0.4, 0.6]).unwrap();
        review.case.age_years = Some(61.0);
        review.correct(7, Some(Correction::NotTumour));
        review.correct(9, Some(Correction::Grade(2)));
        let at = |x, y| SlidePoint { x, y };
        let area = geometry::rectangle(at(10.0, 10.0), at(90.0, 90.0)).unwrap();
        let shape = Shape::of_class("Nerve", area);
        let stroke = Shape {
            trains: true,
            ..shape.clone()
        };
        review.drawing.add("draw", vec![shape]);
        review.drawing.add("stroke", vec![stroke]);
        review.take_regions();
        let after = Draft::of(&review);
        let words: Vec<String> = after
            .changes_since(&before)
            .into_iter()
            .map(|change| change.what)
            .collect();
        assert_eq!(
            words,
            [
                "thresholds",
                "case",
                "regions",
                "training strokes",
                "correct",
                "correct"
            ]
        );
        assert_eq!(
            after.correction_rows(),
            [(7, "not-tumour".to_owned()), (9, "2".to_owned())]
        );
        let mut other = Review::new(None);
        Draft::parse(&after.to_json())
            .unwrap()
            .restore(&mut other, SLIDE)
            .unwrap();
        assert_eq!(Draft::of(&other), after);
        assert_eq!(other.drawing.strokes().len(), 1);
        assert_eq!(other.changes(), review.changes());
        assert!(Draft::parse("{}").is_err());
    }
}
