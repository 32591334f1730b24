//! The Arrow schema beside a Parquet file's own, where readers look for what a column means.
//!
//! Parquet has no place for words on a column; pyarrow, polars and the like read an Arrow schema from the file's metadata under [`KEY`]: a schema message of Arrow's IPC format, in base64 (arrow.apache.org/docs/format/Columnar.html).
//! This writes that one message, so that the whole of Arrow need not be linked for a few words.

use base64::Engine as _;
use flatbuffers::{FlatBufferBuilder, TableFinishedWIPOffset, VOffsetT, WIPOffset};

/// Under which readers look.
pub(crate) const KEY: &str = "ARROW:schema";

/// What a column is to Arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArrowType {
    UInt64,
    UInt8,
    Float32,
    Bool,
    Utf8,
}

/// A column with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArrowField<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: ArrowType,
    pub(crate) nullable: bool,
    /// Stands in the column's metadata under `unit`.
    pub(crate) unit: &'a str,
}

type Table = WIPOffset<TableFinishedWIPOffset>;

/// Where the `n`th member of a table is noted.
const fn slot(n: VOffsetT) -> VOffsetT {
    4 + 2 * n
}

/// The schema as it stands in the metadata.
pub(crate) fn encoded(fields: &[ArrowField<'_>]) -> String {
    // Numbers of Arrow's Schema.fbs and Message.fbs.
    const VERSION_5: i16 = 4;
    const SCHEMA_HEADER: u8 = 1;
    let mut builder = FlatBufferBuilder::with_capacity(4096);
    let fields: Vec<Table> = fields.iter().map(|f| field(&mut builder, f)).collect();
    let fields = builder.create_vector(&fields);
    let start = builder.start_table();
    builder.push_slot_always(slot(1), fields);
    let schema = builder.end_table(start);
    let start = builder.start_table();
    builder.push_slot_always(slot(0), VERSION_5);
    builder.push_slot_always(slot(1), SCHEMA_HEADER);
    builder.push_slot_always(slot(2), schema);
    builder.push_slot_always(slot(3), 0_i64);
    let message = builder.end_table(start);
    builder.finish_minimal(message);
    let body = builder.finished_data();
    // A message is a mark, its length, and itself padded to eight bytes.
    let length = body.len().next_multiple_of(8);
    let mut bytes = vec![0xff; 4];
    bytes.extend((length as u32).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.resize(8 + length, 0);
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn field(builder: &mut FlatBufferBuilder<'_>, field: &ArrowField<'_>) -> Table {
    let name = builder.create_string(field.name);
    let (type_number, of_type) = type_table(builder, field.kind);
    let children = builder.create_vector::<Table>(&[]);
    let key = builder.create_string("unit");
    let value = builder.create_string(field.unit);
    let start = builder.start_table();
    builder.push_slot_always(slot(0), key);
    builder.push_slot_always(slot(1), value);
    let pair = builder.end_table(start);
    let metadata = builder.create_vector(&[pair]);
    let start = builder.start_table();
    builder.push_slot_always(slot(0), name);
    builder.push_slot_always(slot(1), field.nullable);
    builder.push_slot_always(slot(2), type_number);
    builder.push_slot_always(slot(3), of_type);
    builder.push_slot_always(slot(5), children);
    builder.push_slot_always(slot(6), metadata);
    builder.end_table(start)
}

/// The number of the type in Arrow's union, and its table.
fn type_table(builder: &mut FlatBufferBuilder<'_>, kind: ArrowType) -> (u8, Table) {
    const INT: u8 = 2;
    const FLOAT: u8 = 3;
    const UTF8: u8 = 5;
    const BOOL: u8 = 6;
    const SINGLE: i16 = 1;
    let start = builder.start_table();
    let number = match kind {
        ArrowType::UInt64 | ArrowType::UInt8 => {
            let bits: i32 = if kind == ArrowType::UInt8 { 8 } else { 64 };
            builder.push_slot_always(slot(0), bits);
            builder.push_slot_always(slot(1), false);
            INT
        }
        ArrowType::Float32 => {
            builder.push_slot_always(slot(0), SINGLE);
            FLOAT
        }
        ArrowType::Bool => BOOL,
        ArrowType::Utf8 => UTF8,
    };
    (number, builder.end_table(start))
}
