//! The trail of a review: who changed what and when, with what it was before and is after.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::text::LayoutJob;
use egui::{FontId, Id, Label, RichText, TextFormat, Ui};
use pantrk_space::{LevelSize, SlideMpp};
use pantrk_store::{AuditChange, AuditEntry};
use pantrk_triage::Action;
use serde_json::{Value, json};

use super::{capital, describe, faint, section};
use crate::drawing::{Shape, geojson};
use crate::state::OpenItem;
use crate::tokens;

/// Entries that stand open; the earlier ones unfold.
const OPEN: usize = 6;
/// Shapes that are told one by one.
const SHAPES: usize = 4;

/// Digits of a SHA-256.
const DIGEST: usize = 64;
/// Digits of it that are shown.
const SHOWN_DIGITS: usize = 12;

/// One thing that an entry tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// Of what; empty where the entry's title says it.
    name: String,
    /// What it was.
    before: String,
    /// What it is.
    after: String,
}

/// Who did what, the newest first.
pub(super) fn trail_ui(ui: &mut Ui, open: &OpenItem) {
    let trail = &open.kept.trail;
    if trail.is_empty() {
        return;
    }
    section(ui, "Trail");
    let (new, old) = trail.split_at(trail.len().min(OPEN));
    for entry in new {
        entry_ui(ui, open, entry);
    }
    if !old.is_empty() {
        egui::CollapsingHeader::new(format!("Earlier ({})", old.len()))
            .id_salt("earlier entries")
            .show_unindented(ui, |ui| {
                for entry in old {
                    entry_ui(ui, open, entry);
                }
            });
    }
}

fn entry_ui(ui: &mut Ui, open: &OpenItem, entry: &AuditEntry) {
    let slide = open.slide.ready().map(|slide| (slide.size(), slide.mpp));
    // Worked out once: regions may have many corners.
    let id = Id::unique(("trail", &entry.hash, slide.is_some()));
    let known = ui.data(|data| data.get_temp::<Arc<Vec<Line>>>(id));
    let lines = known.unwrap_or_else(|| {
        let lines = Arc::new(lines(&entry.change, slide));
        ui.data_mut(|data| data.insert_temp(id, Arc::clone(&lines)));
        lines
    });
    ui.add_space(3.0);
    let shown = ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        ui.add(Label::new(RichText::new(title(&entry.change.what)).size(13.0).strong()).wrap());
        let stamp = &entry.stamp;
        faint(ui, format!("{}, {}", super::when(&stamp.at), stamp.who));
        for line in lines.iter() {
            line_ui(ui, line);
        }
    });
    shown.response.on_hover_text(format!(
        "Entry {} of the trail\n{}\nbound to the one before:\n{}",
        entry.sequence, entry.hash, entry.previous
    ));
}

fn line_ui(ui: &mut Ui, line: &Line) {
    let tokens = tokens::of(ui);
    let mut job = LayoutJob::default();
    let of = |colour| TextFormat::simple(FontId::proportional(12.5), colour);
    let mut say = |text: &str, colour| job.append(text, 0.0, of(colour));
    if !line.name.is_empty() {
        say(&format!("{}: ", line.name), tokens.faint);
    }
    let parts = [("before ", &line.before), ("after ", &line.after)];
    let mut first = true;
    for (word, value) in parts {
        if value.is_empty() {
            continue;
        }
        if !std::mem::take(&mut first) {
            say(";  ", tokens.faint);
        }
        // What has a name and was not something else before needs no word.
        if line.name.is_empty() || !line.before.is_empty() {
            say(word, tokens.faint);
        }
        say(value, tokens.ink);
    }
    ui.indent("line", |ui| ui.add(Label::new(job).wrap()));
}

/// What was done, in words.
fn title(what: &str) -> String {
    match what {
        "thresholds" => "Thresholds moved".to_owned(),
        "case" => "Case facts changed".to_owned(),
        "regions" => "Regions changed".to_owned(),
        "training strokes" => "Training strokes changed".to_owned(),
        "correct" => "Cell corrected".to_owned(),
        "sign" => "Signed".to_owned(),
        "return" => "Sent back".to_owned(),
        "reopen" => "Opened again".to_owned(),
        "carried over" => "Recorded before the slide was scored".to_owned(),
        "scored" => "Slide scored".to_owned(),
        "scored again" => "Slide scored again".to_owned(),
        other => capital(other),
    }
}

/// What an entry tells, as lines that people read.
fn lines(change: &AuditChange, slide: Option<(LevelSize, Option<SlideMpp>)>) -> Vec<Line> {
    let (before, after) = (&change.before, &change.after);
    let line = |name: &str, before: String, after: String| Line {
        name: name.to_owned(),
        before,
        after,
    };
    match change.what.as_str() {
        "thresholds" => vec![line("", thresholds(before), thresholds(after))],
        "regions" | "training strokes" => {
            vec![line("", shapes(before, slide), shapes(after, slide))]
        }
        "correct" => {
            let cell = format!("cell {}", word(&after["cell_id"]));
            vec![line(&cell, verdict(before), verdict(after))]
        }
        "carried over" => {
            let n = after["entries"].as_array().map_or(0, Vec::len);
            vec![line("entries carried over", String::new(), n.to_string())]
        }
        "scored" => {
            let none = AuditChange {
                before: json!({}),
                ..change.clone()
            };
            objects(&none)
        }
        _ => objects(change),
    }
}

/// What differs between two sets of facts, else both as they are.
fn objects(change: &AuditChange) -> Vec<Line> {
    let (before, after) = (&change.before, &change.after);
    let line = |name: &str, before: String, after: String| Line {
        name: name.to_owned(),
        before,
        after,
    };
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let mut lines = Vec::new();
            for key in keys {
                let (old, new) = (old.get(key), new.get(key));
                let told = |value: Option<&Value>| value.map_or_else(String::new, word);
                if key == "result" {
                    lines.extend(figures(new.or(old)));
                } else if old != new && (old, new) != (None, Some(&Value::Null)) {
                    let name = name(key);
                    // What is told only once was not something else before.
                    lines.push(line(&name, told(old), told(new)));
                }
            }
            lines
        }
        _ => vec![line("", word(before), word(after))],
    }
}

/// The figures that were signed.
fn figures(result: Option<&Value>) -> Option<Line> {
    let percent = result?["any"]["positive_percent"].as_f64()?;
    Some(Line {
        name: "positive tumour cells".to_owned(),
        before: String::new(),
        after: format!("{percent:.1} %"),
    })
}

fn name(key: &str) -> String {
    match key {
        "own_result" => "IHC result".to_owned(),
        "own_action" => "next step".to_owned(),
        "state" => "review".to_owned(),
        "ngs" => "NGS".to_owned(),
        "mmr" | "mlh1" | "ras" | "braf" => key.to_uppercase(),
        key => key.replace('_', " "),
    }
}

fn thresholds(value: &Value) -> String {
    let values = value.as_array().into_iter().flatten();
    let values: Vec<String> = values
        .filter_map(Value::as_f64)
        .map(|od| format!("{od:.2}"))
        .collect();
    format!("{} OD", values.join(", "))
}

fn verdict(value: &Value) -> String {
    match value["verdict"].as_str() {
        None => "as measured".to_owned(),
        Some("not-tumour") => "not a tumour cell".to_owned(),
        Some("0") => "negative".to_owned(),
        Some(grade) => format!("{grade}+"),
    }
}

/// A value as people read it.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "not known".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => Action::ALL
            .iter()
            .find(|action| action.name() == text)
            .map_or_else(|| said(text), |action| action.label().to_owned()),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Array(list) => list.iter().map(word).collect::<Vec<_>>().join(", "),
        Value::Object(map) => {
            let parts = map.iter().filter(|(_, value)| !value.is_null());
            let parts = parts.map(|(key, value)| format!("{} {}", name(key), word(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}

/// A time as a time, a name of a table as words, all else as it was written.
fn said(text: &str) -> String {
    let time = super::when(text);
    if text.len() == DIGEST && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        // The beginning tells it from others; all of it is in the database.
        return format!("{}...", &text[..SHOWN_DIGITS]);
    }
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if time == text && text.chars().all(is_name) {
        text.replace(['-', '_'], " ")
    } else {
        time
    }
}

/// Shapes that came or went, by class and size.
fn shapes(value: &Value, slide: Option<(LevelSize, Option<SlideMpp>)>) -> String {
    let features = value.as_array().map_or(&[][..], Vec::as_slice);
    if features.is_empty() {
        return "none of these".to_owned();
    }
    let class = |feature: &Value| {
        let name = feature["properties"]["classification"]["name"].as_str();
        name.unwrap_or("no class").to_owned()
    };
    let read = |feature: &Value| -> Option<Vec<Shape>> {
        geojson::from_geojson(&json!([feature]).to_string(), slide?.0).ok()
    };
    if features.len() <= SHAPES {
        let one = |feature: &Value| match read(feature).as_deref() {
            Some([shape]) => describe(shape, slide.and_then(|(_, mpp)| mpp)),
            _ => class(feature),
        };
        return features.iter().map(one).collect::<Vec<_>>().join(", ");
    }
    let mut counts: Vec<(String, usize)> = Vec::new();
    for class in features.iter().map(class) {
        match counts.iter_mut().find(|(known, _)| *known == class) {
            Some((_, n)) => *n += 1,
            None => counts.push((class, 1)),
        }
    }
    let counts = counts.into_iter().map(|(class, n)| format!("{n} {class}"));
    counts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(what: &str, before: Value, after: Value) -> Vec<[String; 3]> {
        let change = AuditChange {
            what: what.to_owned(),
            before,
            after,
        };
        let told = lines(&change, None).into_iter();
        told.map(|line| [line.name, line.before, line.after])
            .collect()
    }

    #[test]
    fn an_entry_tells_what_was_and_what_is() {
        assert_eq!(
            told(
                "thresholds",
                json!([0.2, 0.4, 0.6]),
                json!([0.25, 0.4, 0.6])
            ),
            [["", "0.20, 0.40, 0.60 OD", "0.25, 0.40, 0.60 OD"]]
        );
        let case = |age: Value| json!({ "age_years": age, "mmr": "deficient", "drivers": [] });
        assert_eq!(
            told("case", case(Value::Null), case(json!(61.0))),
            [["age years", "not known", "61.0"]]
        );
        assert_eq!(
            told(
                "correct",
                json!({ "cell_id": 7, "verdict": null }),
                json!({ "cell_id": 7, "verdict": "not-tumour" })
            ),
            [["cell 7", "as measured", "not a tumour cell"]]
        );
        let nerve = json!({ "properties": { "classification": { "name": "Nerve" } } });
        assert_eq!(
            told("regions", json!([]), json!([nerve])),
            [["", "none of these", "Nerve"]]
        );
    }

    #[test]
    fn a_signature_tells_the_result_the_step_and_the_figures() {
        let after = json!({
            "state": "signed",
            "own_result": "positive",
            "own_action": Action::OrderRnaNgs.name(),
            "reason": null,
            "result": { "any": { "positive_percent": 39.14 } },
        });
        let found = told("sign", json!({ "state": "in-review" }), after);
        let told = |name: &str| found.iter().find(|line| line[0] == name);
        assert_eq!(told("review").unwrap()[1..], ["in review", "signed"]);
        assert_eq!(told("IHC result").unwrap()[2], "positive");
        assert_eq!(told("next step").unwrap()[2], Action::OrderRnaNgs.label());
        assert_eq!(told("positive tumour cells").unwrap()[2], "39.1 %");
        assert!(told("reason").is_none(), "none was given: {found:?}");
    }
}
