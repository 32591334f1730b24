//! The truth of a cohort: a CSV or TSV with a row per slide, or a row per slide and reader.
//!
//! `slide_id` is needed, every other column may be missing:
//! `ihc_result, ihc_percent, h_score, reader, modality, read_date` are a reading;
//! `ngs_result, ngs_gene, ngs_partner, tumour_type, clone, site` are facts of the slide, the same on each of its rows;
//! any further column is a fact that `--by` can name.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use pantrk_core::score::IhcResult;

use crate::EvalError;

/// The name of a reading without a reader.
pub const REFERENCE: &str = "reference";

/// How a slide was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Modality {
    /// Under the microscope, or not said.
    Glass,
    /// On a screen.
    Digital,
}

/// What a person read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Who.
    pub reader: String,
    /// How.
    pub modality: Modality,
    /// The call.
    pub result: Option<IhcResult>,
    /// 0 to 100.
    pub percent: Option<f64>,
    /// 0 to 300.
    pub h_score: Option<f64>,
    /// When.
    pub date: Option<Date>,
}

/// What is known of a slide.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TruthSlide {
    /// Its id.
    pub slide_id: String,
    /// Whether sequencing found an NTRK fusion; `None` where it was not done or gave no result.
    pub ngs: Option<bool>,
    /// Whether sequencing was tried and failed.
    pub ngs_failed: bool,
    /// `NTRK1`, `NTRK2` or `NTRK3`.
    pub gene: Option<String>,
    /// The fusion's partner.
    pub partner: Option<String>,
    /// As written.
    pub tumour_type: Option<String>,
    /// The antibody clone.
    pub clone: Option<String>,
    /// Where it was stained or read.
    pub site: Option<String>,
    /// All further columns.
    pub facts: BTreeMap<String, String>,
    /// What people read.
    pub readings: Vec<Reading>,
}

/// A cohort's truth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Truth {
    /// By slide id.
    pub slides: BTreeMap<String, TruthSlide>,
    /// The columns that were there.
    pub columns: Vec<String>,
}

const KNOWN: [&str; 13] = [
    "slide_id",
    "ihc_result",
    "ihc_percent",
    "h_score",
    "ngs_result",
    "ngs_gene",
    "ngs_partner",
    "tumour_type",
    "clone",
    "site",
    "reader",
    "modality",
    "read_date",
];

impl Truth {
    /// Reads a truth.
    ///
    /// # Errors
    /// If the file cannot be read, has no `slide_id`, or a value cannot be; all such values (up to five) are named with row and column.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let text = std::fs::read_to_string(path).map_err(|source| EvalError::Io {
            action: "read the truth",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|message| EvalError::Format {
            what: "the truth",
            message,
            path: path.to_owned(),
        })
    }

    /// The same from text.
    ///
    /// # Errors
    /// See [`Truth::read`]; the message alone.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}');
        let head = text.lines().next().unwrap_or_default();
        let delimiter = [b'\t', b';']
            .into_iter()
            .find(|&d| head.contains(char::from(d)) && !head.contains(','))
            .unwrap_or(b',');
        let mut csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let columns: Vec<String> = csv
            .headers()
            .map_err(|e| e.to_string())?
            .iter()
            .map(str::to_lowercase)
            .collect();
        if !columns.iter().any(|name| name == "slide_id") {
            return Err(format!(
                "it has no column slide_id; found {}",
                columns.join(", ")
            ));
        }
        let mut truth = Self {
            columns,
            ..Self::default()
        };
        let mut problems = Vec::new();
        for (i, record) in csv.records().enumerate() {
            // The head is row 1.
            let row = i + 2;
            let record = record.map_err(|e| e.to_string())?;
            if let Err(problem) = truth.take(&record) {
                problems.push(format!("row {row}, {problem}"));
            }
        }
        if !problems.is_empty() {
            let more = problems.len().saturating_sub(5);
            problems.truncate(5);
            let more = if more > 0 {
                format!("; and {more} more")
            } else {
                String::new()
            };
            return Err(problems.join("; ") + &more);
        }
        if truth.slides.is_empty() {
            return Err("it has a head but no rows".to_owned());
        }
        Ok(truth)
    }

    fn take(&mut self, record: &csv::StringRecord) -> Result<(), String> {
        let get = |name: &str| {
            let i = self.columns.iter().position(|column| column == name)?;
            record.get(i).filter(|text| !text.is_empty())
        };
        let Some(id) = get("slide_id") else {
            return Err("column slide_id: it is empty".to_owned());
        };
        let (ngs, ngs_failed) = get("ngs_result").map_or(Ok((None, false)), ngs_from)?;
        let gene = get("ngs_gene").map(gene_from).transpose()?;
        if gene.is_some() && ngs != Some(true) {
            return Err(
                "column ngs_gene: a gene without a fusion detected in ngs_result".to_owned(),
            );
        }
        let reading = Reading {
            reader: get("reader").unwrap_or(REFERENCE).to_owned(),
            modality: get("modality").map_or(Ok(Modality::Glass), modality_from)?,
            result: get("ihc_result").map(ihc_from).transpose()?,
            percent: get("ihc_percent")
                .map(|text| number_from(text, "ihc_percent", 100.0))
                .transpose()?,
            h_score: get("h_score")
                .map(|text| number_from(text, "h_score", 300.0))
                .transpose()?,
            date: get("read_date").map(date_from).transpose()?,
        };
        let facts = self
            .columns
            .iter()
            .filter(|name| !KNOWN.contains(&name.as_str()));
        let facts: BTreeMap<String, String> = facts
            .filter_map(|name| Some((name.clone(), get(name)?.to_owned())))
            .collect();
        let own = |name: &str| get(name).map(str::to_owned);
        let fresh = TruthSlide {
            slide_id: id.to_owned(),
            ngs,
            ngs_failed,
            gene,
            partner: own("ngs_partner"),
            tumour_type: own("tumour_type"),
            clone: own("clone"),
            site: own("site"),
            facts,
            readings: Vec::new(),
        };
        let id = id.to_owned();
        let slide = match self.slides.entry(id.clone()) {
            std::collections::btree_map::Entry::Vacant(place) => place.insert(fresh),
            std::collections::btree_map::Entry::Occupied(place) => {
                let slide = place.into_mut();
                slide.merge(fresh)?;
                slide
            }
        };
        let says_something =
            reading.result.is_some() || reading.percent.is_some() || reading.h_score.is_some();
        if says_something {
            if slide
                .readings
                .iter()
                .any(|r| r.reader == reading.reader && r.modality == reading.modality)
            {
                return Err(format!(
                    "column slide_id: {id:?} by {:?} stands there twice; give each reader a name in the column reader, or glass and digital in modality",
                    reading.reader
                ));
            }
            slide.readings.push(reading);
        }
        Ok(())
    }

    /// All readers with a glass reading, by name.
    pub fn readers(&self) -> Vec<String> {
        let readings = self.slides.values().flat_map(|slide| &slide.readings);
        let mut names: Vec<String> = readings
            .filter(|r| r.modality == Modality::Glass)
            .map(|r| r.reader.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

impl TruthSlide {
    /// Takes what another row of the same slide adds.
    fn merge(&mut self, other: Self) -> Result<(), String> {
        fn one<T: PartialEq>(
            mine: &mut Option<T>,
            other: Option<T>,
            name: &str,
        ) -> Result<(), String> {
            match (&mine, &other) {
                (Some(a), Some(b)) if a != b => Err(format!(
                    "column {name}: another row of the same slide says otherwise"
                )),
                (None, Some(_)) => {
                    *mine = other;
                    Ok(())
                }
                _ => Ok(()),
            }
        }
        one(&mut self.ngs, other.ngs, "ngs_result")?;
        one(&mut self.gene, other.gene, "ngs_gene")?;
        one(&mut self.partner, other.partner, "ngs_partner")?;
        one(&mut self.tumour_type, other.tumour_type, "tumour_type")?;
        one(&mut self.clone, other.clone, "clone")?;
        one(&mut self.site, other.site, "site")?;
        self.ngs_failed |= other.ngs_failed;
        for (name, value) in other.facts {
            self.facts.entry(name).or_insert(value);
        }
        Ok(())
    }

    /// A reader's reading under the microscope.
    pub fn by(&self, reader: &str) -> Option<&Reading> {
        self.readings
            .iter()
            .find(|r| r.reader == reader && r.modality == Modality::Glass)
    }

    /// The readers' common call under the microscope: the one that most gave; none where two are as frequent.
    pub fn consensus(&self) -> Option<IhcResult> {
        let glass = self
            .readings
            .iter()
            .filter(|r| r.modality == Modality::Glass);
        let calls: Vec<IhcResult> = glass.filter_map(|r| r.result).collect();
        let count = |call: IhcResult| calls.iter().filter(|&&c| c == call).count();
        let most = calls.iter().map(|&c| count(c)).max()?;
        let mut leading: Vec<IhcResult> = calls
            .iter()
            .copied()
            .filter(|&c| count(c) == most)
            .collect();
        leading.dedup_by(|a, b| a == b);
        leading.sort_by_key(|c| c.name());
        leading.dedup();
        (leading.len() == 1).then(|| leading[0])
    }

    /// The readers' mean under the microscope of what `figure` takes.
    pub fn mean_of(&self, figure: impl Fn(&Reading) -> Option<f64>) -> Option<f64> {
        let glass = self
            .readings
            .iter()
            .filter(|r| r.modality == Modality::Glass);
        let values: Vec<f64> = glass.filter_map(figure).collect();
        (!values.is_empty()).then(|| crate::statistics::mean(&values))
    }
}

fn plain(text: &str) -> String {
    text.to_lowercase().replace(['-', '_', ' '], "")
}

fn ngs_from(text: &str) -> Result<(Option<bool>, bool), String> {
    match plain(text).as_str() {
        "positive" | "pos" | "detected" | "fusiondetected" | "fusion" | "yes" | "1" | "true" => {
            Ok((Some(true), false))
        }
        "negative" | "neg" | "notdetected" | "nofusiondetected" | "nofusion" | "no" | "0"
        | "false" => Ok((Some(false), false)),
        "failed" | "failure" | "invalid" => Ok((None, true)),
        "notdone" | "nottested" | "na" | "n/a" | "none" => Ok((None, false)),
        _ => Err(format!(
            "column ngs_result: found {text:?}, wanted fusion-detected, no-fusion-detected, failed, not-done or nothing"
        )),
    }
}

fn ihc_from(text: &str) -> Result<IhcResult, String> {
    match plain(text).as_str() {
        "positive" | "pos" => Ok(IhcResult::Positive),
        "negative" | "neg" => Ok(IhcResult::Negative),
        "indeterminate" | "equivocal" | "inconclusive" => Ok(IhcResult::Indeterminate),
        "notevaluable" | "inadequate" | "insufficient" => Ok(IhcResult::NotEvaluable),
        _ => Err(format!(
            "column ihc_result: found {text:?}, wanted positive, indeterminate, negative, not-evaluable or nothing"
        )),
    }
}

fn gene_from(text: &str) -> Result<String, String> {
    let gene = text.to_uppercase();
    if ["NTRK1", "NTRK2", "NTRK3"].contains(&gene.as_str()) {
        Ok(gene)
    } else {
        Err(format!(
            "column ngs_gene: found {text:?}, wanted NTRK1, NTRK2, NTRK3 or nothing"
        ))
    }
}

fn modality_from(text: &str) -> Result<Modality, String> {
    match plain(text).as_str() {
        "glass" | "microscope" => Ok(Modality::Glass),
        "digital" | "wsi" | "screen" => Ok(Modality::Digital),
        _ => Err(format!(
            "column modality: found {text:?}, wanted glass or digital"
        )),
    }
}

fn number_from(text: &str, column: &str, most: f64) -> Result<f64, String> {
    let plain = text.trim_end_matches('%').trim();
    plain
        .parse::<f64>()
        .ok()
        .filter(|v| (0.0..=most).contains(v))
        .ok_or_else(|| format!("column {column}: found {text:?}, wanted a number from 0 to {most}"))
}

fn date_from(text: &str) -> Result<Date, String> {
    text.parse().map_err(|e| {
        format!("column read_date: found {text:?}, wanted a date such as 2026-03-31 ({e})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_slide_are_put_together() {
        let truth = Truth::parse(
            "slide_id,reader,ihc_result,ihc_percent,ngs_result,ngs_gene,batch\n\
             a,ann,Positive,40 %,fusion detected,ntrk3,x\n\
             a,bob,negative,0.5,,,\n\
             a,cyd,pos,50,,,\n\
             b,ann,equivocal,2,NEG,,y\n\
             b,bob,negative,0,,,\n\
             c,,,,,,\n",
        )
        .unwrap();
        let a = &truth.slides["a"];
        assert_eq!((a.ngs, a.gene.as_deref()), (Some(true), Some("NTRK3")));
        assert_eq!(a.consensus(), Some(IhcResult::Positive));
        assert_eq!(a.facts["batch"], "x");
        let percent = a.mean_of(|r| r.percent).unwrap();
        assert!((percent - 90.5 / 3.0).abs() < 1e-12);
        // One each: no common call.
        assert_eq!(truth.slides["b"].consensus(), None);
        assert_eq!(truth.slides["c"].consensus(), None);
        assert_eq!(truth.readers(), ["ann", "bob", "cyd"]);
    }

    #[test]
    fn bad_values_are_named_with_row_column_and_what_was_wanted() {
        let of = |text: &str| Truth::parse(text).unwrap_err();
        let all = of(
            "slide_id,ihc_result,ihc_percent,ngs_result,read_date\na,maybe,1,,\nb,,101,,\nc,,,perhaps,\nd,,,,31.3.2026\n,,,,\n",
        );
        for part in [
            "row 2, column ihc_result: found \"maybe\"",
            "row 3, column ihc_percent: found \"101\", wanted a number from 0 to 100",
            "row 4, column ngs_result",
            "row 5, column read_date",
            "row 6, column slide_id",
        ] {
            assert!(all.contains(part), "no {part:?} in {all}");
        }
        assert!(of("id,x\n1,2\n").contains("no column slide_id; found id, x"));
        assert!(of("slide_id\n").contains("no rows"));
        assert!(of("slide_id,ihc_result\na,pos\na,neg\n").contains("twice"));
        assert!(of("slide_id,ngs_result,reader\na,pos,x\na,neg,y\n").contains("says otherwise"));
        assert!(of("slide_id,ngs_gene\na,NTRK1\n").contains("without a fusion"));
        assert!(of("slide_id,ngs_result,ngs_gene\na,pos,ALK\n").contains("NTRK1, NTRK2, NTRK3"));
    }

    #[test]
    fn tabs_semicolons_and_a_byte_order_mark_are_read() {
        for text in [
            "slide_id\tngs_result\na\tpos\n",
            "\u{feff}slide_id;ngs_result\na;pos\n",
        ] {
            assert_eq!(Truth::parse(text).unwrap().slides["a"].ngs, Some(true));
        }
    }
}
