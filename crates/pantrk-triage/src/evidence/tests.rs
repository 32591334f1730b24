use super::*;

/// Every table of a file, as plain TOML, so that this test shares nothing with the reader.
fn rows_of(text: &str) -> Vec<(String, toml::Table)> {
    let table: toml::Table = toml::from_str(text).unwrap();
    table
        .into_iter()
        .filter_map(|(name, value)| match value {
            toml::Value::Array(rows) => Some((name, rows)),
            _ => None,
        })
        .flat_map(|(name, rows)| {
            rows.into_iter().map(move |row| match row {
                toml::Value::Table(row) => (name.clone(), row),
                other => panic!("{name} holds {other}"),
            })
        })
        .collect()
}

#[test]
fn every_row_has_a_source_and_a_certainty() {
    let certainties = [
        "seen",
        "seen-truncated",
        "second-hand",
        "calculated",
        "unverified",
        "assumption",
    ];
    let mut n_rows = 0;
    for text in [
        EMBEDDED.prevalence,
        EMBEDDED.accuracy,
        EMBEDDED.tumour_types,
        EMBEDDED.rules,
        EMBEDDED.sentences,
        EMBEDDED.patterns,
        EMBEDDED.series,
    ] {
        for (name, row) in rows_of(text) {
            let source = row.get("source").and_then(|v| v.as_str()).unwrap_or("");
            assert!(source.len() > 5, "{name}: {row:?}");
            let certainty = row.get("certainty").and_then(|v| v.as_str()).unwrap_or("");
            assert!(certainties.contains(&certainty), "{name}: {row:?}");
            n_rows += 1;
        }
    }
    assert!(n_rows > 250, "{n_rows}");
}

#[test]
fn the_embedded_tables_are_whole() {
    let evidence = Evidence::embedded().unwrap();
    assert!(evidence.version().starts_with("2026."));
    assert!(!evidence.note().is_empty());
    for gene in ["NTRK1", "NTRK2", "NTRK3"] {
        assert!(
            evidence
                .accuracy
                .estimate
                .iter()
                .any(|row| row.gene.as_deref() == Some(gene)),
            "{gene}"
        );
    }
}

#[test]
fn a_broken_table_is_an_error_that_names_the_row() {
    let cut = EMBEDDED.rules.replace("id = \"EP1058Y\"", "id = \"\"");
    let no_row = EMBEDDED
        .accuracy
        .replace("id = \"colon-spec-chou\"", "id = \"other\"");
    let no_source = EMBEDDED
        .prevalence
        .replace("source = \"PMC10163158\"", "source = \"\"");
    let beyond = EMBEDDED
        .prevalence
        .replace("k = 16\nn = 688", "k = 689\nn = 688");
    let zero = EMBEDDED
        .prevalence
        .replace("percent = 2.34", "percent = 0.0");
    let key = EMBEDDED
        .sentences
        .replace("text = \"A seq", "words = \"A seq");
    let twice = EMBEDDED
        .rules
        .replace("id = \"dna-introns\"", "id = \"dna-misses\"");
    let cases: [(Texts<'_>, &str, &str); 7] = [
        (
            Texts {
                rules: &cut,
                ..EMBEDDED
            },
            "needs an id",
            RULES,
        ),
        (
            Texts {
                accuracy: &no_row,
                ..EMBEDDED
            },
            "colon-spec-chou",
            ACCURACY,
        ),
        (
            Texts {
                prevalence: &no_source,
                ..EMBEDDED
            },
            "sarcoma",
            PREVALENCE,
        ),
        (
            Texts {
                prevalence: &beyond,
                ..EMBEDDED
            },
            "sarcoma",
            PREVALENCE,
        ),
        (
            Texts {
                prevalence: &zero,
                ..EMBEDDED
            },
            "thyroid",
            PREVALENCE,
        ),
        (
            Texts {
                sentences: &key,
                ..EMBEDDED
            },
            "words",
            SENTENCES,
        ),
        (
            Texts {
                rules: &twice,
                ..EMBEDDED
            },
            "dna-misses",
            RULES,
        ),
    ];
    for (texts, wanted, file) in cases {
        match Evidence::from_texts(texts) {
            Err(TriageError::Evidence { message, table }) => {
                assert!(message.contains(wanted), "{message}");
                assert_eq!(table, file);
            }
            other => panic!("{wanted}: {:?}", other.map(|e| e.version().to_owned())),
        }
    }
}

#[test]
fn a_clone_is_found_in_a_longer_name() {
    let evidence = Evidence::embedded().unwrap();
    for (text, id) in [
        ("EPR17341", "EPR17341"),
        ("Ventana pan-TRK (EPR-17341) RTU", "EPR17341"),
        ("a7h6r", "A7H6R"),
        ("TrkA EP1058Y", "EP1058Y"),
    ] {
        assert_eq!(evidence.clone_row(text).unwrap().id, id, "{text}");
    }
    assert!(evidence.clone_row("EPR99999").is_none());
    assert!(evidence.clone_row("").is_none());
}

#[test]
fn the_pooled_rows_are_the_sums_of_their_studies() {
    let evidence = Evidence::embedded().unwrap();
    let accuracies = evidence.published_accuracies().unwrap();
    for gene in ["NTRK1", "NTRK2", "NTRK3"] {
        let of = evidence.gene_series().iter().filter(|s| s.gene == gene);
        let (k, n) = of.fold((0, 0), |(k, n), s| (k + s.k, n + s.n));
        let pooled = accuracies
            .iter()
            .find(|row| row.gene.as_deref() == Some(gene))
            .unwrap();
        assert_eq!(
            pooled.counts.map(|(k, n)| (u64::from(k), u64::from(n))),
            Some((k, n)),
            "{gene}"
        );
    }
    assert_eq!(
        evidence.published_prevalences().unwrap().len(),
        evidence.prevalence.estimate.len()
    );
}
