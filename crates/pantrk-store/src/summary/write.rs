//! The summary as CSV and as Parquet.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::columns::{Cell, Column, Kind};
use super::{Entry, SUMMARY_SCHEMA};
use crate::StoreError;
use crate::folder::write_replaced;

/// Writes `summary.csv`: a head, then a row per slide; empty where a value is not known.
pub(super) fn write_csv(
    path: &Path,
    columns: &[Column],
    entries: &[Entry],
) -> Result<(), StoreError> {
    let failed = |e: csv::Error| StoreError::NotSerialisable(format!("the summary: {e}"));
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(columns.iter().map(|column| &column.name))
        .map_err(failed)?;
    for entry in entries {
        let cells = columns.iter().map(|column| match (column.of)(entry) {
            // One slide, one line: a line break in a value would break what reads line by line.
            Cell::Text(value) => value.unwrap_or_default().replace(['\r', '\n'], " "),
            Cell::Number(value) => value.map(|v| v.to_string()).unwrap_or_default(),
            Cell::Count(value) => value.map(|v| v.to_string()).unwrap_or_default(),
        });
        out.write_record(cells).map_err(failed)?;
    }
    let bytes = out
        .into_inner()
        .map_err(|e| StoreError::NotSerialisable(format!("the summary: {e}")))?;
    write_replaced(path, &bytes)
}

/// Writes `summary.parquet`: the same table with types; units stand in the metadata under `pantrk.units`.
pub(super) fn write_parquet(
    path: &Path,
    columns: &[Column],
    entries: &[Entry],
) -> Result<(), StoreError> {
    let bytes = encode(columns, entries).map_err(|source| StoreError::Parquet {
        path: path.to_owned(),
        source,
    })?;
    write_replaced(path, &bytes)
}

fn encode(columns: &[Column], entries: &[Entry]) -> Result<Vec<u8>, ParquetError> {
    let units: BTreeMap<&str, &str> = columns.iter().map(|c| (c.name.as_str(), c.unit)).collect();
    let units = serde_json::to_string(&units).map_err(|e| ParquetError::External(e.into()))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        // The library's version must not change the bytes.
        .set_created_by("pantrk".to_owned())
        .set_key_value_metadata(Some(vec![
            KeyValue::new("pantrk.schema".to_owned(), SUMMARY_SCHEMA.to_owned()),
            KeyValue::new("pantrk.units".to_owned(), units),
        ]))
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema(columns)?, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for column in columns {
        let Some(mut out) = group.next_column()? else {
            return Err(ParquetError::General(
                "fewer columns than the schema has".to_owned(),
            ));
        };
        write_column(&mut out, column, entries)?;
        out.close()?;
    }
    group.close()?;
    writer.into_inner()
}

/// Built and not parsed: a manifest's column may have any name.
fn schema(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let fields = columns
        .iter()
        .map(|column| {
            let (physical, logical) = match column.kind {
                Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
                Kind::Number => (Physical::DOUBLE, None),
                Kind::Count => (Physical::INT64, None),
            };
            Type::primitive_type_builder(&column.name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical)
                .build()
                .map(Arc::new)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let root = Type::group_type_builder("summary").with_fields(fields);
    root.build().map(Arc::new)
}

fn write_column(
    out: &mut SerializedColumnWriter<'_>,
    column: &Column,
    entries: &[Entry],
) -> Result<(), ParquetError> {
    let (mut texts, mut numbers, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    let mut levels = Vec::with_capacity(entries.len());
    for entry in entries {
        let there = match (column.of)(entry) {
            Cell::Text(value) => {
                let there = value.is_some();
                texts.extend(value.map(|text| ByteArray::from(text.into_bytes())));
                there
            }
            Cell::Number(value) => {
                numbers.extend(value);
                value.is_some()
            }
            Cell::Count(value) => {
                counts.extend(value.map(|n| n as i64));
                value.is_some()
            }
        };
        levels.push(i16::from(there));
    }
    match column.kind {
        Kind::Text => out
            .typed::<ByteArrayType>()
            .write_batch(&texts, Some(&levels), None)?,
        Kind::Number => out
            .typed::<DoubleType>()
            .write_batch(&numbers, Some(&levels), None)?,
        Kind::Count => out
            .typed::<Int64Type>()
            .write_batch(&counts, Some(&levels), None)?,
    };
    Ok(())
}
