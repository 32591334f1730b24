//! `eval.json`.

use serde_json::{Map, Value, json};

use super::{EVAL_SCHEMA, Report, Show, Table};
use crate::EvalError;

impl Report {
    /// `eval.json` as a value.
    ///
    /// # Errors
    /// If a number is not finite; JSON has no such number.
    pub fn to_json(&self) -> Result<Value, EvalError> {
        for table in self.tables() {
            for row in &table.rows {
                if let Some(i) = row.iter().position(|cell| !cell.is_finite()) {
                    return Err(EvalError::NotFinite {
                        table: table.name.clone(),
                        column: table.columns.get(i).map_or("", |c| &c.key).to_owned(),
                    });
                }
            }
        }
        let mut headlines = Map::new();
        for headline in &self.headlines {
            headlines.insert(headline.label.clone(), headline.value.to_json());
        }
        let mut tables = Map::new();
        for table in self.tables() {
            tables.insert(table.name.clone(), table_json(table));
        }
        let inputs: Map<String, Value> = self
            .inputs
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let figures: Vec<Value> = self
            .figures()
            .map(|figure| {
                let why = match &figure.picture {
                    super::Picture::Missing(why) => json!(why),
                    _ => Value::Null,
                };
                json!({ "name": figure.name, "caption": figure.caption, "missing": why })
            })
            .collect();
        Ok(json!({
            "schema": EVAL_SCHEMA,
            "command": self.command,
            "version": env!("CARGO_PKG_VERSION"),
            "title": self.title,
            "subtitle": self.subtitle,
            "inputs": inputs,
            "seed": self.seed,
            "headlines": headlines,
            "warnings": self.warnings,
            "tables": tables,
            "figures": figures,
        }))
    }
}

fn table_json(table: &Table) -> Value {
    let file = format!("tables/{}.csv", table.name);
    let mut object = json!({
        "caption": table.caption,
        "file": file,
        "n_rows": table.rows.len(),
        "notes": table.notes,
    });
    if table.show != Show::FileOnly {
        let rows: Vec<Value> = table
            .rows
            .iter()
            .map(|row| {
                let fields = table.columns.iter().zip(row);
                fields
                    .map(|(column, cell)| (column.key.clone(), cell.to_json()))
                    .collect::<Map<String, Value>>()
                    .into()
            })
            .collect();
        if let Some(fields) = object.as_object_mut() {
            fields.insert("rows".to_owned(), rows.into());
        }
    }
    object
}
