//! The files, written beside and renamed into place.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Cell, ColumnKind, Report, Table};
use crate::EvalError;

impl Report {
    /// Writes `eval.html`, `tables/*.csv` and, last, `eval.json` into `out`, which is made; gives the path of the page.
    ///
    /// Files of an earlier evaluation in the same folder are replaced, tables that are no longer made are removed.
    ///
    /// # Errors
    /// If a number is not finite or a file cannot be written.
    pub fn write(&self, out: &Path) -> Result<PathBuf, EvalError> {
        let mut json = serde_json::to_string_pretty(&self.to_json()?)
            .map_err(|e| EvalError::Page(e.to_string()))?;
        json.push('\n');
        let html = self.to_html()?;
        let tables = out.join("tables");
        let fresh = out.join("tables.partial");
        remove_folder(&fresh)?;
        fs::create_dir_all(&fresh).map_err(io("make a folder for the tables", &fresh))?;
        for table in self.tables() {
            let path = fresh.join(format!("{}.csv", table.name));
            fs::write(&path, table_csv(table)?).map_err(io("write a table", &path))?;
        }
        remove_folder(&tables)?;
        fs::rename(&fresh, &tables).map_err(io("put the tables into place", &tables))?;
        let page = out.join("eval.html");
        write_beside(&page, html.as_bytes())?;
        write_beside(&out.join("eval.json"), json.as_bytes())?;
        Ok(page)
    }
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> EvalError + 'a {
    move |source| EvalError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn remove_folder(path: &Path) -> Result<(), EvalError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(io("remove what an earlier evaluation left", path)(e))
        }
        _ => Ok(()),
    }
}

fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), EvalError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let beside = path.with_file_name(name);
    fs::write(&beside, bytes).map_err(io("write a file", &beside))?;
    fs::rename(&beside, path).map_err(io("put a file into place", path))
}

/// Full precision; an estimate fills four columns.
fn table_csv(table: &Table) -> Result<Vec<u8>, EvalError> {
    let failed = |e: csv::Error| EvalError::Page(format!("table {}: {e}", table.name));
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut head = Vec::new();
    for column in &table.columns {
        head.push(column.key.clone());
        if column.kind == ColumnKind::Estimate {
            head.extend(["low", "high", "n"].map(|end| format!("{}_{end}", column.key)));
        }
    }
    csv.write_record(&head).map_err(failed)?;
    for row in &table.rows {
        let mut record = Vec::with_capacity(head.len());
        for (column, cell) in table.columns.iter().zip(row) {
            match column.kind {
                ColumnKind::Estimate => record.extend(estimate_fields(cell)),
                ColumnKind::Text | ColumnKind::Number => record.push(field(cell)),
            }
        }
        csv.write_record(&record).map_err(failed)?;
    }
    csv.into_inner()
        .map_err(|e| EvalError::Page(format!("table {}: {e}", table.name)))
}

fn field(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Count(n) => n.to_string(),
        Cell::Number(value, _) | Cell::PValue(value) => value.to_string(),
        Cell::Estimate(e) => e.value.to_string(),
        Cell::Missing { .. } => String::new(),
    }
}

fn estimate_fields(cell: &Cell) -> [String; 4] {
    match cell {
        Cell::Estimate(e) => {
            let end = |i: usize| {
                e.interval95
                    .map_or_else(String::new, |ends| ends[i].to_string())
            };
            [e.value.to_string(), end(0), end(1), e.n.to_string()]
        }
        Cell::Missing { n, .. } => [String::new(), String::new(), String::new(), n.to_string()],
        other => [field(other), String::new(), String::new(), String::new()],
    }
}
