//! The manifest of a batch: a CSV or TSV with a row per slide.
//!
//! What makes the table as a whole unusable (no column `slide_path`, two rows of one id) ends the run before any slide; what is wrong with one row fails that slide alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pantrk_slide::is_address;
use pantrk_space::MicronsPerPixel;
use pantrk_store::{safe_slide_id, slide_id_from_path};
use pantrk_triage::TumourTypes;

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs::{ScoreOptions, parse_mpp};

/// The columns that mean something; all others are carried through to the summary.
const KNOWN: [&str; 7] = [
    "slide_path",
    "slide_id",
    "mpp",
    "tumour_type",
    "clone",
    "regions",
    "case",
];

/// A slide of the manifest.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Its line in the file; the head is line 1.
    pub(crate) line: u64,
    pub(crate) slide_id: String,
    /// The id as given or as the file is called, where it was not safe as a folder's name.
    pub(crate) id_before: Option<String>,
    pub(crate) slide_path: PathBuf,
    mpp: Option<MicronsPerPixel>,
    tumour_type: Option<String>,
    clone: Option<String>,
    regions: Option<PathBuf>,
    case: Option<PathBuf>,
    /// The other columns, name and value.
    pub(crate) columns: Vec<(String, String)>,
    /// Why it cannot be scored, whatever the slide.
    pub(crate) trouble: Option<String>,
}

impl Row {
    /// The options of the run, overridden by what the row says.
    pub(crate) fn options(&self, run: &ScoreOptions) -> ScoreOptions {
        let mut options = run.clone();
        options.mpp = self.mpp.or(options.mpp);
        options.tumour_type = self.tumour_type.clone().or(options.tumour_type);
        options.clone = self.clone.clone().or(options.clone);
        options.regions = self.regions.clone().or(options.regions);
        options.case = self.case.clone().or(options.case);
        options
    }

    /// What can be seen to be wrong before the slide's turn; missing files may still come.
    pub(crate) fn problems(&self) -> Vec<String> {
        let files = [
            ("slide", Some(&self.slide_path)),
            ("regions", self.regions.as_ref()),
            ("case", self.case.as_ref()),
        ];
        let missing = files.into_iter().filter_map(|(what, path)| {
            let path = path.filter(|path| !path.is_file())?;
            match (what, is_address(path)) {
                // Whether it is there is known when it is opened.
                ("slide", true) => None,
                (_, true) => Some(format!(
                    "the {what} file is on a server; copy it to this machine: {}",
                    path.display()
                )),
                (_, false) => Some(format!("there is no {what} file {}", path.display())),
            }
        });
        self.trouble.iter().cloned().chain(missing).collect()
    }
}

/// Reads a manifest.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>, Failure> {
    let bytes = fs::read(path).map_err(|e| {
        Failure::new(
            Exit::NothingRead,
            anyhow::anyhow!("cannot read the manifest ({e}): {}", path.display()),
        )
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&bytes, folder)
        .map_err(|message| Failure::usage(format!("the manifest: {message}: {}", path.display())))
}

fn parse(bytes: &[u8], folder: &Path) -> Result<Vec<Row>, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let good = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
        let line = good.matches('\n').count() + 1;
        format!("line {line} is not UTF-8; save it as UTF-8 text")
    })?;
    // Spreadsheets mark UTF-8 by a sign that is no part of the first name.
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let delimiter = delimiter(first)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let head = reader.headers().map_err(|e| e.to_string())?.clone();
    let places = places(&head)?;
    let types = TumourTypes::embedded().or_exit(Exit::Usage);
    let types = types.map_err(|e| e.to_string())?;
    let mut rows = Vec::new();
    let mut lines = Lines::of(text);
    for record in reader.records() {
        let record = record.map_err(|e| ragged(&e, head.len(), &mut lines))?;
        // A row of nothing is what a spreadsheet leaves behind.
        if record.iter().all(str::is_empty) {
            continue;
        }
        let line = lines.at(record.position().map_or(0, csv::Position::byte));
        rows.push(row(
            &record,
            line,
            &Table {
                head: &head,
                places: &places,
                folder,
                types,
            },
        )?);
    }
    if rows.is_empty() {
        return Err("it has no rows; each slide is one row below the head".to_owned());
    }
    unique(&rows)?;
    Ok(rows)
}

/// The sign between columns: the one with which the head has a column `slide_path`.
fn delimiter(head: &str) -> Result<u8, String> {
    let has = |sign: char| {
        head.split(sign).any(|name| {
            name.trim()
                .trim_matches('"')
                .eq_ignore_ascii_case("slide_path")
        })
    };
    ['\t', ',', ';']
        .into_iter()
        .find(|&sign| head.contains(sign) && has(sign))
        .or_else(|| has(',').then_some(','))
        .map(|sign| sign as u8)
        .ok_or_else(|| {
            format!(
                "the first line has no column slide_path; found {:?}, wanted slide_path and any of {}",
                head.chars().take(120).collect::<String>(),
                KNOWN[1..].join(", ")
            )
        })
}

/// Where each known column stands.
fn places(head: &csv::StringRecord) -> Result<BTreeMap<&'static str, usize>, String> {
    let mut places = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (i, name) in head.iter().enumerate() {
        if name.is_empty() {
            return Err(format!("column {} has no name", i + 1));
        }
        let lower = name.to_lowercase();
        if let Some(before) = seen.insert(lower.clone(), i) {
            return Err(format!(
                "columns {} and {} are both called {name}",
                before + 1,
                i + 1
            ));
        }
        if let Some(known) = KNOWN.into_iter().find(|known| *known == lower) {
            places.insert(known, i);
        }
    }
    Ok(places)
}

/// Counts the lines of a text on the way through it; the reader's own count stops at empty lines.
struct Lines<'a> {
    text: &'a [u8],
    byte: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            byte: 0,
            line: 1,
        }
    }

    /// The line of the first row at or after a place that is not before the last one.
    fn at(&mut self, byte: u64) -> u64 {
        let wanted = usize::try_from(byte).unwrap_or(usize::MAX);
        while let Some(&sign) = self.text.get(self.byte) {
            if self.byte >= wanted && sign != b'\n' && sign != b'\r' {
                break;
            }
            self.line += u64::from(sign == b'\n');
            self.byte += 1;
        }
        self.line
    }
}

/// What all rows of a manifest share.
struct Table<'a> {
    head: &'a csv::StringRecord,
    places: &'a BTreeMap<&'static str, usize>,
    folder: &'a Path,
    types: &'a TumourTypes,
}

fn row(record: &csv::StringRecord, line: u64, table: &Table<'_>) -> Result<Row, String> {
    let Table {
        head,
        places,
        folder,
        types,
    } = *table;
    let value = |name: &str| {
        let text = record.get(*places.get(name)?)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let file = |name: &str| {
        value(name).map(|text| match PathBuf::from(text) {
            address if is_address(&address) => address,
            path => folder.join(path),
        })
    };
    let slide_path = file("slide_path").ok_or_else(|| format!("line {line} has no slide_path"))?;
    let (slide_id, wanted) = match value("slide_id") {
        Some(id) => (safe_slide_id(&id), id),
        None => (
            slide_id_from_path(&slide_path),
            slide_path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        ),
    };
    let mut trouble = None;
    let mpp = value("mpp").and_then(|text| {
        parse_mpp(&text)
            .map_err(|e| trouble = Some(format!("mpp is {text:?}: {e}")))
            .ok()
    });
    let tumour_type = value("tumour_type");
    if let Some(name) = &tumour_type
        && let Err(error) = types.find(name)
    {
        trouble = Some(error.to_string());
    }
    Ok(Row {
        line,
        id_before: (wanted != slide_id).then_some(wanted),
        slide_id,
        slide_path,
        mpp,
        tumour_type,
        clone: value("clone"),
        regions: file("regions"),
        case: file("case"),
        columns: head
            .iter()
            .zip(record)
            .filter(|(name, _)| !KNOWN.contains(&name.to_lowercase().as_str()))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        trouble,
    })
}

/// Two rows of one id would be written into one folder.
fn unique(rows: &[Row]) -> Result<(), String> {
    let mut lines: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in rows {
        lines.entry(&row.slide_id).or_default().push(row.line);
    }
    let twice: Vec<String> = lines
        .into_iter()
        .filter(|(_, lines)| lines.len() > 1)
        .map(|(id, lines)| {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            format!("lines {} are all slide {id}", lines.join(", "))
        })
        .collect();
    if twice.is_empty() {
        return Ok(());
    }
    let shown = twice.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
    let more = twice.len().saturating_sub(5);
    let more = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    Err(format!(
        "{shown}{more}; give each its own name in a column slide_id"
    ))
}

fn ragged(error: &csv::Error, wanted: usize, lines: &mut Lines<'_>) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, len, .. } => format!(
            "line {} has {len} columns, the first line has {wanted}; a value with the separator in it needs quotes",
            lines.at(pos.as_ref().map_or(0, csv::Position::byte))
        ),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Row> {
        parse(text.as_bytes(), Path::new("/m")).unwrap()
    }

    #[track_caller]
    fn refused(text: &str, words: &[&str]) {
        let error = parse(text.as_bytes(), Path::new("/m")).unwrap_err();
        for word in words {
            assert!(error.contains(word), "no {word:?} in {error:?}");
        }
    }

    #[test]
    fn known_columns_override_and_others_are_carried() {
        let rows = rows(
            "slide_path,site,mpp,Tumour_Type,regions,case,clone\n\
             a.svs,\"Zürich, Nord\",0.25,COADREAD,r/a.geojson,,EPR17341\n\
             \n/abs/b.svs,,,,,c.json,\n",
        );
        assert_eq!(rows.len(), 2);
        let a = &rows[0];
        assert_eq!((a.line, a.slide_id.as_str()), (2, "a"));
        assert_eq!(a.slide_path, Path::new("/m/a.svs"));
        assert_eq!(a.regions.as_deref(), Some(Path::new("/m/r/a.geojson")));
        assert_eq!(a.mpp.map(MicronsPerPixel::get), Some(0.25));
        assert_eq!(a.tumour_type.as_deref(), Some("COADREAD"));
        assert_eq!(a.clone.as_deref(), Some("EPR17341"));
        assert_eq!(a.case, None);
        assert_eq!(a.columns, [("site".to_owned(), "Zürich, Nord".to_owned())]);
        assert_eq!(a.trouble, None);
        let b = &rows[1];
        assert_eq!(b.slide_path, Path::new("/abs/b.svs"));
        assert_eq!(b.case.as_deref(), Some(Path::new("/m/c.json")));
        assert_eq!((b.line, b.mpp), (4, None));
    }

    #[test]
    fn tabs_semicolons_and_a_spreadsheets_mark_are_understood() {
        for text in [
            "slide_path\tslide_id\na, b.svs\tx\n",
            "slide_path;slide_id\r\n\"a, b.svs\";x\r\n",
            "\u{feff}slide_id,slide_path\nx,\"a, b.svs\"\n",
        ] {
            let rows = rows(text);
            assert_eq!(rows[0].slide_id, "x");
            assert_eq!(rows[0].slide_path, Path::new("/m/a, b.svs"));
        }
        assert_eq!(rows("slide_path\na.svs\n")[0].slide_id, "a");
    }

    #[test]
    fn an_id_that_is_made_safe_says_so() {
        let rows = rows("slide_path,slide_id\nS12 345.svs,\na.svs,x/y\nb.svs,fine\n");
        let before: Vec<_> = rows.iter().map(|row| row.id_before.as_deref()).collect();
        assert_eq!(before, [Some("S12 345"), Some("x/y"), None]);
        assert_eq!(rows[1].slide_id, "x_y");
    }

    #[test]
    fn what_is_wrong_with_one_row_is_that_rows() {
        let rows = rows(
            "slide_path,mpp,tumour_type\na.svs,quarter,\nb.svs,,colorectl carcinoma\nc.svs,250,\nd.svs,0.5,\n",
        );
        let trouble = |i: usize| rows[i].trouble.clone().unwrap_or_default();
        assert!(rows[0].line == 2 && trouble(0).contains("quarter"));
        assert!(rows[1].line == 3 && trouble(1).contains("colorectl"));
        assert!(trouble(2).contains("250"));
        assert_eq!(trouble(3), "");
        assert!(rows[3].problems()[0].contains("no slide file /m/d.svs"));
    }

    #[test]
    fn a_table_that_cannot_be_used_is_refused_with_its_line() {
        refused("", &["slide_path"]);
        refused("path,mpp\na.svs,0.5\n", &["slide_path", "path,mpp"]);
        refused("slide_path,mpp\n", &["no rows"]);
        refused("slide_path,mpp\na.svs\n", &["line 2", "1 columns", "2"]);
        refused("slide_path,mpp\n,0.5\n", &["line 2", "slide_path"]);
        refused("slide_path,mpp,MPP\na.svs,1,2\n", &["columns 2 and 3"]);
        refused("slide_path,\na.svs,x\n", &["column 2 has no name"]);
        refused(
            "slide_path\nx/a.svs\nb.svs\ny/a.tif\n",
            &["lines 2, 4", "slide a", "slide_id"],
        );
        refused("slide_path\na b.svs\na_b.svs\n", &["lines 2, 3", "a_b"]);
        let error = parse(b"slide_path\na\xff.svs\n", Path::new("")).unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("UTF-8"),
            "{error}"
        );
    }
}
