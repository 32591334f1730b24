//! Every file in `cases/` is a case with what must come out of it.

#![expect(
    clippy::unwrap_used,
    reason = "a case that cannot be read must fail the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use pantrk_triage::{Action, Case, IhcFinding, Triage, decide};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    action: Action,
    rule: String,
    /// Rules that must be among those that apply, in this order.
    #[serde(default)]
    rules: Vec<String>,
    /// Rules that must not apply.
    #[serde(default)]
    not_rules: Vec<String>,
    /// Rules that must abstain.
    #[serde(default)]
    abstained: Vec<String>,
    /// `"fact: value -> action"` that must be among what would change it.
    #[serde(default)]
    would_change: Vec<String>,
    /// Words of some reason.
    #[serde(default)]
    reason: Option<String>,
    /// Words of some warning.
    #[serde(default)]
    warning: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: serde_json::Value,
    ihc: IhcFinding,
    expect: Expect,
}

fn run(path: &Path) -> (Triage, Expect) {
    let file: File = serde_json::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let case = Case::from_json(&file.case.to_string())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (decide(&case, &file.ihc).unwrap(), file.expect)
}

fn is_in_order(wanted: &[String], found: &[&str]) -> bool {
    let mut found = found.iter();
    wanted.iter().all(|id| found.any(|f| f == id))
}

#[test]
fn every_case_gives_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut by_rule: BTreeMap<String, usize> = BTreeMap::new();
    let mut actions = BTreeSet::new();
    let mut wrong = Vec::new();
    for path in &paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (triage, expect) = run(path);
        let rules: Vec<&str> = triage.rules.iter().map(|r| r.id.as_str()).collect();
        let changes: Vec<String> = triage
            .would_change
            .iter()
            .map(|c| format!("{}: {} -> {}", c.fact, c.value, c.action))
            .collect();
        let abstained: Vec<&str> = triage.abstained.iter().map(|a| a.id.as_str()).collect();
        let fits = triage.action == expect.action
            && triage.rule == expect.rule
            && is_in_order(&expect.rules, &rules)
            && !expect.not_rules.iter().any(|r| rules.contains(&r.as_str()))
            && expect
                .abstained
                .iter()
                .all(|r| abstained.contains(&r.as_str()))
            && expect.would_change.iter().all(|c| changes.contains(c))
            && expect
                .reason
                .as_ref()
                .is_none_or(|words| triage.reasons.iter().any(|r| r.contains(words)))
            && expect
                .warning
                .as_ref()
                .is_none_or(|words| triage.warnings.iter().any(|w| w.contains(words)));
        if !fits {
            wrong.push(format!(
                "{name}: {} by {} of {rules:?}, abstained {abstained:?}, changes {changes:#?}, reasons {:#?}, warnings {:#?}",
                triage.action, triage.rule, triage.reasons, triage.warnings
            ));
        }
        check_whole(&name, &triage);
        for rule in rules {
            *by_rule.entry(rule.to_owned()).or_default() += 1;
        }
        actions.insert(triage.action.name());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // At least two cases for each rule, and each action once.
    for n in (0..=18).chain([99]) {
        let id = format!("R{n}");
        assert!(
            by_rule.get(&id).copied().unwrap_or(0) >= 2,
            "{id}: {by_rule:?}"
        );
    }
    assert_eq!(actions.len(), Action::ALL.len());
}

/// What holds for every decision.
fn check_whole(name: &str, triage: &Triage) {
    let text = triage.to_string();
    let json = serde_json::to_string(triage).unwrap();
    let lower = text.to_lowercase();
    assert!(
        !lower.contains("ntrk positive") && !lower.contains("ntrk-positive"),
        "{name}"
    );
    assert!(!lower.contains("diagnosed"), "{name}");
    assert!(
        text.contains("A pathologist") && triage.limits.contains("research use"),
        "{name}"
    );
    assert_eq!(triage.flag, triage.action.flag(), "{name}");
    assert!(
        !triage.flag.word.is_empty() && !triage.flag.icon.is_empty(),
        "{name}"
    );
    assert!(
        !triage.reasons.is_empty() && !triage.table_version.is_empty(),
        "{name}"
    );
    for line in text.lines() {
        let one_word = line.split_whitespace().filter(|w| *w != "-").count() <= 1;
        assert!(line.chars().count() <= 90 || one_word, "{name}: {line}");
    }
    let again: Triage = serde_json::from_str(&json).unwrap();
    assert_eq!(&again, triage, "{name}");
    if let Some(probability) = &triage.pre_test {
        let [low, high] = probability.interval95;
        assert!(low > 0.0 && low < high && high < 1.0, "{name}");
        assert!(!probability.source.is_empty(), "{name}");
    }
    assert!(
        triage.citations.iter().all(|c| !c.source.is_empty()),
        "{name}"
    );
}

#[test]
fn the_keys_of_the_result_are_those_of_the_contract() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases/rule-r04-colorectal-mlh1-lost-positive.json");
    let (triage, _) = run(&path);
    let json = serde_json::to_value(&triage).unwrap();
    for key in [
        "action",
        "flag",
        "rule",
        "rules",
        "reasons",
        "pre_test",
        "post_test",
        "citations",
        "table_version",
    ] {
        assert!(json.get(key).is_some(), "{key}");
    }
    for (part, keys) in [
        ("pre_test", ["p", "interval95", "source"].as_slice()),
        ("post_test", ["p", "interval95"].as_slice()),
        ("flag", ["word", "icon", "colour"].as_slice()),
    ] {
        for key in keys {
            assert!(json[part].get(key).is_some(), "{part}.{key}");
        }
    }
}

#[test]
fn flags_differ_by_word_and_by_shape() {
    for pick in [
        |a: Action| a.flag().word,
        |a: Action| a.flag().icon,
        |a: Action| a.flag().colour,
    ] {
        let all: BTreeSet<String> = Action::ALL.into_iter().map(pick).collect();
        assert_eq!(all.len(), Action::ALL.len());
    }
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases/rule-r04-colorectal-mlh1-lost-positive.json");
    let json = |_| serde_json::to_string(&run(&path).0).unwrap();
    assert_eq!(json(0), json(1));
}
