//! `cells.parquet`: a row per cell.
//!
//! Numbers are `f32`; a number that was not measured (a cell without cytoplasm has no cytoplasmic optical density) is null.
//! Units stand in each column's metadata under `unit`, where readers of Arrow schemas find them, and once more in the file's under `pantrk.units`, as a JSON object from column to unit; the layout's name stands under `pantrk.schema`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use pantrk_core::score::Compartment;
use pantrk_space::SlideMpp;
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use crate::StoreError;
use crate::arrow_schema::{self, ArrowField, ArrowType};
use crate::folder::create_buffered;

/// The layout that this crate writes.
pub const CELLS_SCHEMA: &str = "pantrk.cells/1";
/// Rows that are coded together: large enough to pack well, small enough to hold in memory.
const ROW_GROUP: usize = 100_000;
/// Values read at a time.
const BATCH: usize = 8192;

/// The cells of a slide, borrowed column by column; all of one length.
#[derive(Debug, Clone, Copy)]
pub struct CellColumns<'a> {
    /// The pixel size of level 0.
    pub mpp: SlideMpp,
    /// Centroids, level-0 pixels.
    pub x_px: &'a [f64],
    /// Centroids, level-0 pixels.
    pub y_px: &'a [f64],
    /// um2.
    pub nucleus_area_um2: &'a [f32],
    /// um2, the nucleus included.
    pub cell_area_um2: &'a [f32],
    /// 4 pi area / perimeter squared, 1 for a circle.
    pub circularity: &'a [f32],
    /// Mean DAB optical density (log10), background taken off, in the order of [`Compartment::ALL`].
    pub dab_od: [&'a [f32]; 4],
    /// Mean hematoxylin optical density (log10) of the nucleus.
    pub nucleus_hematoxylin_od: &'a [f32],
    /// Standard deviation over mean of the hematoxylin optical density within the nucleus.
    pub nucleus_hematoxylin_cv: &'a [f32],
    /// The fraction of the membrane that is stained, 0 to 1.
    pub membrane_completeness: &'a [f32],
    /// How granular the cytoplasmic stain is, 0 (even) upwards.
    pub cytoplasm_granularity: &'a [f32],
    /// 0 to 3, in the order of [`Compartment::ALL`].
    pub grades: [&'a [u8]; 4],
    /// 0 for a cell that counts, else the place of its reason in `exclusion_reasons`.
    pub excluded: &'a [u8],
    /// The reasons; the one at place 0 is not used.
    pub exclusion_reasons: &'a [&'a str],
    /// Whether the cell is a tumour cell that the scores count.
    pub tumour: &'a [bool],
}

impl CellColumns<'_> {
    /// How many cells.
    pub fn len(&self) -> usize {
        self.x_px.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.x_px.is_empty()
    }

    fn check(&self) -> Result<(), StoreError> {
        let mut lengths = vec![
            ("y_px", self.y_px.len()),
            ("nucleus_area_um2", self.nucleus_area_um2.len()),
            ("cell_area_um2", self.cell_area_um2.len()),
            ("circularity", self.circularity.len()),
            ("nucleus_hematoxylin_od", self.nucleus_hematoxylin_od.len()),
            ("nucleus_hematoxylin_cv", self.nucleus_hematoxylin_cv.len()),
            ("membrane_completeness", self.membrane_completeness.len()),
            ("cytoplasm_granularity", self.cytoplasm_granularity.len()),
            ("excluded", self.excluded.len()),
            ("tumour", self.tumour.len()),
        ];
        lengths.extend(self.dab_od.iter().map(|c| ("dab_od", c.len())));
        lengths.extend(self.grades.iter().map(|c| ("grades", c.len())));
        let wanted = self.len();
        if let Some((name, found)) = lengths.into_iter().find(|&(_, n)| n != wanted) {
            return Err(StoreError::Usage {
                what: format!("the cells' columns must be of one length, {name}"),
                found: format!("{found} rows"),
                wanted: format!("{wanted}"),
            });
        }
        let reasons = self.exclusion_reasons.len();
        if let Some(code) = self
            .excluded
            .iter()
            .find(|&&code| code > 0 && usize::from(code) >= reasons)
        {
            return Err(StoreError::Usage {
                what: "a cell's reason for being left out".to_owned(),
                found: format!("{code}"),
                wanted: format!("below {reasons}, the number of reasons"),
            });
        }
        Ok(())
    }

    /// The highest grade of any compartment.
    fn grade_any(&self, row: usize) -> u8 {
        self.grades.iter().map(|g| g[row]).max().unwrap_or(0)
    }
}

/// The cells of a slide as read back; all columns of one length, NaN where nothing was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CellTable {
    /// The row number in the table, from 0.
    pub cell_id: Vec<u64>,
    /// Micrometres from the origin of level 0.
    pub x_um: Vec<f32>,
    /// Micrometres from the origin of level 0.
    pub y_um: Vec<f32>,
    /// Level-0 pixels.
    pub x_px: Vec<f32>,
    /// Level-0 pixels.
    pub y_px: Vec<f32>,
    /// um2.
    pub nucleus_area_um2: Vec<f32>,
    /// um2.
    pub cell_area_um2: Vec<f32>,
    /// 4 pi area / perimeter squared.
    pub circularity: Vec<f32>,
    /// Whether the cell is counted by the scores.
    pub tumour: Vec<bool>,
    /// Why a cell is left out.
    pub excluded_reason: Vec<Option<String>>,
    /// DAB optical density (log10) in the order of [`Compartment::ALL`].
    pub dab_od: [Vec<f32>; 4],
    /// Optical density (log10).
    pub nucleus_hematoxylin_od: Vec<f32>,
    /// Standard deviation over mean, 0 upwards; NaN throughout where the file is older than the column.
    pub nucleus_hematoxylin_cv: Vec<f32>,
    /// 0 to 1.
    pub membrane_completeness: Vec<f32>,
    /// 0 upwards.
    pub cytoplasm_granularity: Vec<f32>,
    /// 0 to 3 in the order of [`Compartment::ALL`].
    pub grades: [Vec<u8>; 4],
    /// The highest of them.
    pub grade_any: Vec<u8>,
}

impl CellTable {
    /// How many cells.
    pub fn len(&self) -> usize {
        self.cell_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cell_id.is_empty()
    }
}

/// How a column is stored.
#[derive(Clone, Copy)]
enum Kind {
    Id,
    Number,
    Measured,
    Flag,
    Reason,
    Grade,
}

/// Where a column's values come from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Row,
    Scaled(&'a [f64], f64),
    Numbers(&'a [f32]),
    Flags(&'a [bool]),
    Reasons,
    Grades(&'a [u8]),
    AnyGrade,
}

struct Column<'a> {
    name: String,
    unit: &'static str,
    kind: Kind,
    source: Source<'a>,
}

/// All columns in their order; the one place that knows names, units and kinds.
fn columns<'a>(cells: &CellColumns<'a>) -> Vec<Column<'a>> {
    use Kind::{Flag, Grade, Id, Measured, Number, Reason};
    use Source::{AnyGrade, Flags, Grades, Numbers, Reasons, Row, Scaled};
    let column = |name: &str, unit, kind, source| Column {
        name: name.to_owned(),
        unit,
        kind,
        source,
    };
    let mut all = vec![
        column("cell_id", "row number", Id, Row),
        column("x_um", "um", Number, Scaled(cells.x_px, cells.mpp.x.get())),
        column("y_um", "um", Number, Scaled(cells.y_px, cells.mpp.y.get())),
        column("x_px", "level-0 px", Number, Scaled(cells.x_px, 1.0)),
        column("y_px", "level-0 px", Number, Scaled(cells.y_px, 1.0)),
        column(
            "nucleus_area_um2",
            "um2",
            Measured,
            Numbers(cells.nucleus_area_um2),
        ),
        column(
            "cell_area_um2",
            "um2",
            Measured,
            Numbers(cells.cell_area_um2),
        ),
        column("circularity", "1", Measured, Numbers(cells.circularity)),
        column("tumour", "bool", Flag, Flags(cells.tumour)),
        column("excluded_reason", "text", Reason, Reasons),
    ];
    for (compartment, values) in Compartment::ALL.into_iter().zip(cells.dab_od) {
        let name = format!("{}_dab_od", compartment.name());
        all.push(column(&name, "OD log10", Measured, Numbers(values)));
    }
    all.push(column(
        "nucleus_hematoxylin_od",
        "OD log10",
        Measured,
        Numbers(cells.nucleus_hematoxylin_od),
    ));
    all.push(column(
        "nucleus_hematoxylin_cv",
        "1",
        Measured,
        Numbers(cells.nucleus_hematoxylin_cv),
    ));
    all.push(column(
        "membrane_completeness",
        "fraction",
        Measured,
        Numbers(cells.membrane_completeness),
    ));
    all.push(column(
        "cytoplasm_granularity",
        "1",
        Measured,
        Numbers(cells.cytoplasm_granularity),
    ));
    for (compartment, values) in Compartment::ALL.into_iter().zip(cells.grades) {
        let name = format!("grade_{}", compartment.name());
        all.push(column(&name, "0-3", Grade, Grades(values)));
    }
    all.push(column("grade_any", "0-3", Grade, AnyGrade));
    all
}

fn message_type(columns: &[Column<'_>]) -> String {
    let fields: String = columns
        .iter()
        .map(|column| {
            let name = &column.name;
            match column.kind {
                Kind::Id => format!("REQUIRED INT64 {name} (INTEGER(64,false)); "),
                Kind::Number => format!("REQUIRED FLOAT {name}; "),
                Kind::Measured => format!("OPTIONAL FLOAT {name}; "),
                Kind::Flag => format!("REQUIRED BOOLEAN {name}; "),
                Kind::Reason => format!("OPTIONAL BYTE_ARRAY {name} (STRING); "),
                Kind::Grade => format!("REQUIRED INT32 {name} (INTEGER(8,false)); "),
            }
        })
        .collect();
    format!("message cells {{ {fields} }}")
}

/// The columns as Arrow's readers see them, with their units.
fn arrow_fields<'a>(columns: &'a [Column<'_>]) -> Vec<ArrowField<'a>> {
    let field = |column: &'a Column<'_>| ArrowField {
        name: &column.name,
        kind: match column.kind {
            Kind::Id => ArrowType::UInt64,
            Kind::Number | Kind::Measured => ArrowType::Float32,
            Kind::Flag => ArrowType::Bool,
            Kind::Reason => ArrowType::Utf8,
            Kind::Grade => ArrowType::UInt8,
        },
        nullable: matches!(column.kind, Kind::Measured | Kind::Reason),
        unit: column.unit,
    };
    columns.iter().map(field).collect()
}

/// Writes `cells.parquet`; the same columns give the same bytes.
///
/// # Errors
/// If the columns differ in length, a reason is not among the reasons, or the file cannot be written.
pub fn write_cells(path: &Path, cells: &CellColumns<'_>) -> Result<(), StoreError> {
    cells.check()?;
    let failed = |source| parquet_error(path, source);
    let columns = columns(cells);
    let schema = parse_message_type(&message_type(&columns)).map_err(failed)?;
    let units: BTreeMap<&str, &str> = columns.iter().map(|c| (c.name.as_str(), c.unit)).collect();
    let units =
        serde_json::to_string(&units).map_err(|e| failed(ParquetError::External(e.into())))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        // The library's version must not change a result's bytes.
        .set_created_by("pantrk".to_owned())
        // Measured numbers hardly repeat; grades and reasons do, and packing serves them.
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_key_value_metadata(Some(vec![
            KeyValue::new("pantrk.schema".to_owned(), CELLS_SCHEMA.to_owned()),
            KeyValue::new("pantrk.units".to_owned(), units),
            KeyValue::new(
                arrow_schema::KEY.to_owned(),
                arrow_schema::encoded(&arrow_fields(&columns)),
            ),
        ]))
        .build();
    let file = create_buffered(path)?;
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
    for start in (0..cells.len()).step_by(ROW_GROUP) {
        let rows = start..(start + ROW_GROUP).min(cells.len());
        let mut group = writer.next_row_group().map_err(failed)?;
        for column in &columns {
            let Some(mut out) = group.next_column().map_err(failed)? else {
                return Err(failed(ParquetError::General(
                    "fewer columns than the schema has".to_owned(),
                )));
            };
            write_column(&mut out, column, cells, rows.clone()).map_err(failed)?;
            out.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
    }
    let mut file = writer.into_inner().map_err(failed)?;
    std::io::Write::flush(&mut file)
        .and_then(|()| file.get_ref().sync_all())
        .map_err(|e| StoreError::io("write the cell table", path, e))
}

fn write_column(
    out: &mut SerializedColumnWriter<'_>,
    column: &Column<'_>,
    cells: &CellColumns<'_>,
    rows: std::ops::Range<usize>,
) -> Result<(), ParquetError> {
    match column.source {
        Source::Row => {
            let values: Vec<i64> = rows.map(|row| row as i64).collect();
            out.typed::<Int64Type>().write_batch(&values, None, None)?;
        }
        Source::Scaled(values, factor) => {
            let values: Vec<f32> = values[rows].iter().map(|v| (v * factor) as f32).collect();
            out.typed::<FloatType>().write_batch(&values, None, None)?;
        }
        Source::Numbers(values) => {
            let values = &values[rows];
            let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_finite())).collect();
            let present: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
            out.typed::<FloatType>()
                .write_batch(&present, Some(&levels), None)?;
        }
        Source::Flags(values) => {
            out.typed::<BoolType>()
                .write_batch(&values[rows], None, None)?;
        }
        Source::Reasons => {
            let codes = &cells.excluded[rows];
            let levels: Vec<i16> = codes.iter().map(|&c| i16::from(c > 0)).collect();
            let present: Vec<ByteArray> = codes
                .iter()
                .filter(|&&c| c > 0)
                .map(|&c| ByteArray::from(cells.exclusion_reasons[usize::from(c)]))
                .collect();
            out.typed::<ByteArrayType>()
                .write_batch(&present, Some(&levels), None)?;
        }
        Source::Grades(values) => {
            let values: Vec<i32> = values[rows].iter().map(|&g| i32::from(g)).collect();
            out.typed::<Int32Type>().write_batch(&values, None, None)?;
        }
        Source::AnyGrade => {
            let values: Vec<i32> = rows.map(|row| i32::from(cells.grade_any(row))).collect();
            out.typed::<Int32Type>().write_batch(&values, None, None)?;
        }
    }
    Ok(())
}

fn parquet_error(path: &Path, source: ParquetError) -> StoreError {
    match source {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => StoreError::io("write the cell table", path, *io),
            Err(inner) => StoreError::Parquet {
                path: path.to_owned(),
                source: ParquetError::External(inner),
            },
        },
        source => StoreError::Parquet {
            path: path.to_owned(),
            source,
        },
    }
}

/// Reads a `cells.parquet`; columns that this version does not know are passed over.
///
/// # Errors
/// If the file cannot be read or lacks a column of [`CELLS_SCHEMA`].
pub fn read_cells(path: &Path) -> Result<CellTable, StoreError> {
    let broken = |message: String| StoreError::Format {
        what: "the cell table",
        message,
        path: path.to_owned(),
    };
    let file = File::open(path).map_err(|e| StoreError::io("read the cell table", path, e))?;
    let reader = SerializedFileReader::new(file).map_err(|e| broken(e.to_string()))?;
    let metadata = reader.metadata().file_metadata();
    let found = metadata
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == "pantrk.schema"))
        .and_then(|pair| pair.value.as_deref());
    if found != Some(CELLS_SCHEMA) {
        return Err(broken(format!(
            "found layout {found:?}, wanted {CELLS_SCHEMA:?}"
        )));
    }
    let places: BTreeMap<String, usize> = metadata
        .schema_descr()
        .columns()
        .iter()
        .enumerate()
        .map(|(i, column)| (column.name().to_owned(), i))
        .collect();
    let mut table = CellTable::default();
    for group in 0..reader.num_row_groups() {
        let group = reader
            .get_row_group(group)
            .map_err(|e| broken(e.to_string()))?;
        let reader = GroupReader {
            group: group.as_ref(),
            places: &places,
        };
        read_group(&reader, &mut table).map_err(broken)?;
    }
    Ok(table)
}

fn read_group(reader: &GroupReader<'_>, table: &mut CellTable) -> Result<(), String> {
    let ids = reader.values::<Int64Type>("cell_id")?;
    table
        .cell_id
        .extend(ids.into_iter().map(|id| id.unwrap_or_default() as u64));
    for (name, out) in [
        ("x_um", &mut table.x_um),
        ("y_um", &mut table.y_um),
        ("x_px", &mut table.x_px),
        ("y_px", &mut table.y_px),
        ("nucleus_area_um2", &mut table.nucleus_area_um2),
        ("cell_area_um2", &mut table.cell_area_um2),
        ("circularity", &mut table.circularity),
        ("nucleus_hematoxylin_od", &mut table.nucleus_hematoxylin_od),
        ("membrane_completeness", &mut table.membrane_completeness),
        ("cytoplasm_granularity", &mut table.cytoplasm_granularity),
    ] {
        out.extend(reader.floats(name)?);
    }
    let texture = "nucleus_hematoxylin_cv";
    if reader.places.contains_key(texture) {
        table.nucleus_hematoxylin_cv.extend(reader.floats(texture)?);
    } else {
        table
            .nucleus_hematoxylin_cv
            .resize(table.cell_id.len(), f32::NAN);
    }
    let tumour = reader.values::<BoolType>("tumour")?;
    table
        .tumour
        .extend(tumour.into_iter().map(Option::unwrap_or_default));
    let reasons = reader.values::<ByteArrayType>("excluded_reason")?;
    table.excluded_reason.extend(
        reasons
            .into_iter()
            .map(|reason| reason.map(|r| String::from_utf8_lossy(r.data()).into_owned())),
    );
    for (i, compartment) in Compartment::ALL.into_iter().enumerate() {
        let name = compartment.name();
        table.dab_od[i].extend(reader.floats(&format!("{name}_dab_od"))?);
        table.grades[i].extend(reader.grades(&format!("grade_{name}"))?);
    }
    table.grade_any.extend(reader.grades("grade_any")?);
    Ok(())
}

struct GroupReader<'a> {
    group: &'a dyn RowGroupReader,
    places: &'a BTreeMap<String, usize>,
}

impl GroupReader<'_> {
    fn floats(&self, name: &str) -> Result<impl Iterator<Item = f32> + use<>, String> {
        let values = self.values::<FloatType>(name)?;
        Ok(values.into_iter().map(|v| v.unwrap_or(f32::NAN)))
    }

    fn grades(&self, name: &str) -> Result<impl Iterator<Item = u8> + use<>, String> {
        let values = self.values::<Int32Type>(name)?;
        Ok(values
            .into_iter()
            .map(|v| u8::try_from(v.unwrap_or_default()).unwrap_or(u8::MAX)))
    }

    /// One column of the group; `None` where it is null.
    fn values<T: parquet::data_type::DataType>(
        &self,
        name: &str,
    ) -> Result<Vec<Option<T::T>>, String> {
        let place = *self
            .places
            .get(name)
            .ok_or_else(|| format!("it has no column {name:?}"))?;
        let descriptor = self.group.metadata().column(place).column_descr_ptr();
        if descriptor.physical_type() != T::get_physical_type() {
            return Err(format!(
                "column {name:?} is of type {}, wanted {}",
                descriptor.physical_type(),
                T::get_physical_type()
            ));
        }
        let failed = |e: ParquetError| format!("column {name:?}: {e}");
        let reader = self.group.get_column_reader(place).map_err(failed)?;
        let mut reader = parquet::column::reader::get_typed_column_reader::<T>(reader);
        let optional = descriptor.max_def_level() > 0;
        let rows = usize::try_from(self.group.metadata().num_rows()).unwrap_or_default();
        let mut out = Vec::with_capacity(rows.min(1 << 20));
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        while out.len() < rows {
            values.clear();
            levels.clear();
            let (records, _, _) = reader
                .read_records(BATCH, optional.then_some(&mut levels), None, &mut values)
                .map_err(failed)?;
            if records == 0 {
                return Err(format!(
                    "column {name:?} ends at row {} of {rows}",
                    out.len()
                ));
            }
            let mut present = values.drain(..);
            if optional {
                out.extend(
                    levels
                        .iter()
                        .map(|&level| if level > 0 { present.next() } else { None }),
                );
            } else {
                out.extend(present.map(Some));
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use pantrk_space::MicronsPerPixel;

    use super::*;

    fn with_cells<R>(n: usize, run: impl FnOnce(CellColumns<'_>) -> R) -> R {
        let x: Vec<f64> = (0..n).map(|i| i as f64 * 1.5).collect();
        let f: Vec<f32> = (0..n)
            .map(|i| {
                if i % 7 == 3 {
                    f32::NAN
                } else {
                    i as f32 * 0.25
                }
            })
            .collect();
        let g: Vec<u8> = (0..n).map(|i| (i % 4) as u8).collect();
        let zero = vec![0_u8; n];
        let excluded: Vec<u8> = (0..n).map(|i| (i % 3) as u8).collect();
        let tumour: Vec<bool> = (0..n).map(|i| i % 2 == 0).collect();
        run(CellColumns {
            mpp: SlideMpp::square(MicronsPerPixel::new(0.25).unwrap()),
            x_px: &x,
            y_px: &x,
            nucleus_area_um2: &f,
            cell_area_um2: &f,
            circularity: &f,
            dab_od: [&f; 4],
            nucleus_hematoxylin_od: &f,
            nucleus_hematoxylin_cv: &f,
            membrane_completeness: &f,
            cytoplasm_granularity: &f,
            grades: [&zero, &g, &zero, &zero],
            excluded: &excluded,
            exclusion_reasons: &["", "fold", "pen"],
            tumour: &tumour,
        })
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cells.parquet");
        // More than one row group, and more than one read per group.
        let n = ROW_GROUP + 12_345;
        with_cells(n, |cells| write_cells(&path, &cells)).unwrap();
        let table = read_cells(&path).unwrap();
        assert_eq!(table.len(), n);
        assert_eq!(table.cell_id[n - 1], n as u64 - 1);
        for row in [0, 3, 10, 8192, ROW_GROUP - 1, ROW_GROUP, n - 1] {
            assert_eq!(table.x_px[row].to_bits(), (row as f32 * 1.5).to_bits());
            assert_eq!(table.x_um[row].to_bits(), (row as f32 * 0.375).to_bits());
            let od = table.dab_od[2][row];
            if row % 7 == 3 {
                assert!(od.is_nan(), "row {row}");
            } else {
                assert_eq!(od.to_bits(), (row as f32 * 0.25).to_bits());
            }
            assert_eq!(table.grade_any[row], (row % 4) as u8);
            assert_eq!(table.grades[1][row], (row % 4) as u8);
            assert_eq!(table.grades[0][row], 0);
            let reason = [None, Some("fold"), Some("pen")][row % 3];
            assert_eq!(table.excluded_reason[row].as_deref(), reason);
            assert_eq!(table.tumour[row], row % 2 == 0);
        }
    }

    #[test]
    fn the_same_cells_give_the_same_bytes_and_none_is_a_table_too() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| dir.path().join(name));
        for path in &paths {
            with_cells(1000, |cells| write_cells(path, &cells)).unwrap();
        }
        assert_eq!(
            std::fs::read(&paths[0]).unwrap(),
            std::fs::read(&paths[1]).unwrap()
        );
        with_cells(0, |cells| write_cells(&paths[0], &cells)).unwrap();
        assert!(read_cells(&paths[0]).unwrap().is_empty());
    }

    #[test]
    fn the_columns_are_those_of_the_contract() {
        let names: Vec<String> = with_cells(0, |cells| {
            columns(&cells).into_iter().map(|c| c.name).collect()
        });
        assert_eq!(
            names.join(" "),
            "cell_id x_um y_um x_px y_px nucleus_area_um2 cell_area_um2 circularity tumour \
             excluded_reason nucleus_dab_od nuclear_rim_dab_od cytoplasm_dab_od membrane_dab_od \
             nucleus_hematoxylin_od nucleus_hematoxylin_cv membrane_completeness \
             cytoplasm_granularity grade_nucleus grade_nuclear_rim grade_cytoplasm grade_membrane grade_any"
        );
    }

    #[test]
    fn columns_that_do_not_belong_together_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cells.parquet");
        let error = with_cells(10, |cells| {
            write_cells(
                &path,
                &CellColumns {
                    tumour: &[],
                    ..cells
                },
            )
        })
        .unwrap_err()
        .to_string();
        assert!(
            error.contains("tumour") && error.contains("wanted 10"),
            "{error}"
        );
        let error = with_cells(10, |cells| {
            write_cells(
                &path,
                &CellColumns {
                    exclusion_reasons: &["", "fold"],
                    ..cells
                },
            )
        });
        assert!(error.is_err());
        std::fs::write(&path, b"PAR1 not a table").unwrap();
        assert!(read_cells(&path).is_err());
    }
}
