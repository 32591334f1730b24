use super::*;

/// One of each kind.
fn sample() -> Report {
    let mut report = Report::new("eval sample", "A <sample>");
    report.subtitle = "Two slides.".to_owned();
    report.inputs = vec![("results".to_owned(), "results".to_owned())];
    report.seed = Some(1);
    report.warnings = vec!["Only positives were sequenced.".to_owned()];
    report.headlines = vec![Headline {
        label: "Sensitivity".to_owned(),
        value: Estimate::proportion(9, 10, [0.596, 0.982]).into(),
        below: String::new(),
    }];
    let mut table = Table::new(
        "accuracy",
        "Accuracy",
        [
            Column::text("measure", "Measure"),
            Column::estimate("value", "Value"),
            Column::number("p", "p"),
        ],
    )
    .with_note("Wilson intervals.")
    .on_terminal();
    table.push([
        Cell::text("sensitivity, \"all\""),
        Estimate::proportion(9, 10, [0.596, 0.982]).into(),
        Cell::PValue(0.000_02),
    ]);
    table.push([
        Cell::text("specificity"),
        Cell::missing(0, "no slide without a fusion"),
        Cell::Number(-0.001, 2),
    ]);
    table.push([
        Cell::text("correlation"),
        Estimate::plain(1.0, None, 8, 2)
            .or_because("all lie on one line")
            .into(),
        Cell::text(""),
    ]);
    let slides = Table::new("slides", "Every slide", [Column::text("slide_id", "Slide")])
        .shown(Show::FileOnly);
    report.sections = vec![
        Section::new("Accuracy")
            .with(Block::Text("Words.".to_owned()))
            .with(table)
            .with(Block::Note("Mind.".to_owned()))
            .with(Figure::svg("roc", "A curve.", "<svg></svg>"))
            .with(Figure::png("worst", "A picture.", vec![1, 2, 3]))
            .with(Figure::missing("pr", "No curve.", "one class only")),
        Section::new("Slides").with(slides),
    ];
    report
}

#[test]
fn the_files_hold_the_same_figures_and_words_for_what_is_missing() {
    let out = tempfile::tempdir().unwrap();
    std::fs::create_dir(out.path().join("tables")).unwrap();
    std::fs::write(out.path().join("tables/outdated.csv"), "x").unwrap();
    let page = sample().write(out.path()).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(out.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["eval.html", "eval.json", "tables"]);
    assert!(!out.path().join("tables/outdated.csv").exists());
    assert_eq!(
        std::fs::read_to_string(out.path().join("tables/accuracy.csv")).unwrap(),
        "measure,value,value_low,value_high,value_n,p\n\
         \"sensitivity, \"\"all\"\"\",0.9,0.596,0.982,10,0.00002\n\
         specificity,,,,0,-0.001\n\
         correlation,1,,,8,\n"
    );
    let html = std::fs::read_to_string(page).unwrap();
    for part in [
        "A &lt;sample&gt;",
        "90.0 %",
        "59.6 to 98.2",
        // The template engine escapes a slash, too.
        "9&#x2f;10",
        "no slide without a fusion",
        "no interval: all lie on one line",
        "<svg></svg>",
        "data:image/png;base64,AQID",
        "one class only",
        "Only positives were sequenced.",
        "&lt; 0.001",
    ] {
        assert!(html.contains(part), "no {part:?}");
    }
    // The letters before it are base64, which may spell anything.
    let body = html.split("<body>").nth(1).unwrap();
    assert!(!body.contains("NaN") && !body.contains("http"), "{body}");
}

#[test]
fn the_schema_is_the_one_promised() {
    let json = sample().to_json().unwrap();
    assert_eq!(json["schema"], EVAL_SCHEMA);
    let mut keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "command",
            "figures",
            "headlines",
            "inputs",
            "schema",
            "seed",
            "subtitle",
            "tables",
            "title",
            "version",
            "warnings"
        ]
    );
    let rows = &json["tables"]["accuracy"]["rows"];
    assert_eq!(
        rows[0]["value"],
        serde_json::json!({ "value": 0.9, "interval95": [0.596, 0.982], "n": 10, "k": 9 })
    );
    assert_eq!(
        rows[1]["value"],
        serde_json::json!({ "value": null, "n": 0, "why": "no slide without a fusion" })
    );
    assert_eq!(
        rows[2]["value"],
        serde_json::json!({ "value": 1.0, "interval95": null, "no_interval": "all lie on one line", "n": 8 })
    );
    // A table with a row per slide is in its CSV alone.
    assert!(json["tables"]["slides"].get("rows").is_none());
    assert_eq!(json["tables"]["slides"]["file"], "tables/slides.csv");
}

#[test]
fn a_number_that_is_none_is_never_written() {
    let nan = Estimate::plain(f64::NAN, None, 3, 2);
    assert!(matches!(Cell::from(nan), Cell::Missing { n: 3, .. }));
    let mut report = sample();
    let mut table = Table::new("bad", "", [Column::number("x", "x")]);
    table.push([Cell::Number(f64::INFINITY, 1)]);
    report.sections.push(Section::new("").with(table));
    let error = report.to_json().unwrap_err().to_string();
    assert!(
        error.contains("bad") && error.contains("not finite"),
        "{error}"
    );
}

#[test]
fn the_terminal_shows_the_short_tables_alone() {
    let text = sample().to_text();
    assert!(text.contains("90.0 % (59.6 to 98.2) [9/10]"), "{text}");
    assert!(
        text.contains("1.00 (no interval: all lie on one line) [n = 8]"),
        "{text}"
    );
    assert!(text.contains("! Only positives"), "{text}");
    assert!(!text.contains("Every slide"), "{text}");
}
