//! What an evaluation says, and the files it leaves: `eval.json`, a CSV for each table, one self-contained `eval.html`, and a short text for the terminal.
//!
//! A command fills a [`Report`]; every figure in it is an [`Estimate`] with its n and interval, or a [`Cell::Missing`] that says in words why there is none.
//!
//! **Architecture invariant:** the bytes depend on the values alone, not on the clock, the machine or the number of threads.
//!
//! **Architecture invariant:** no NaN is ever written; a figure that cannot be worked out says so.

mod cell;
mod files;
mod html;
mod json;
mod text;

pub use cell::{Cell, Estimate, Unit};

/// The schema of `eval.json`.
pub const EVAL_SCHEMA: &str = "pantrk.eval/1";

/// An evaluation, ready to be written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The command, such as `eval cohort`.
    pub command: String,
    /// The heading.
    pub title: String,
    /// A sentence below it: what was compared with what, and how many.
    pub subtitle: String,
    /// What was read and how it was run, by name, in the order to show.
    pub inputs: Vec<(String, String)>,
    /// Of everything random; `None` where nothing is.
    pub seed: Option<u64>,
    /// The few figures that matter most, at most four.
    pub headlines: Vec<Headline>,
    /// What a reader must know before relying on it, as sentences.
    pub warnings: Vec<String>,
    /// The rest, in order.
    pub sections: Vec<Section>,
}

/// One of the large figures on top.
#[derive(Debug, Clone, PartialEq)]
pub struct Headline {
    /// What it is.
    pub label: String,
    /// The figure.
    pub value: Cell,
    /// A few words below it; where empty, the interval and n stand there.
    pub below: String,
}

/// A part of the page under one heading.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What stands there, in order.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A paragraph that must not be overlooked.
    Note(String),
    /// A table.
    Table(Table),
    /// Figures side by side, or one alone.
    Figures(Vec<Figure>),
}

/// A table; it becomes `tables/<name>.csv` and an entry of `eval.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// As a file's stem and a key: letters, digits and `_`.
    pub name: String,
    /// What it shows, as a short title.
    pub caption: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a cell per column.
    pub rows: Vec<Vec<Cell>>,
    /// Sentences below it: the methods, what was left out.
    pub notes: Vec<String>,
    /// How much of it is shown where.
    pub show: Show,
    /// Whether it is printed on the terminal.
    pub on_terminal: bool,
}

/// How much of a table is shown where; the CSV always has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// All rows on the page and in `eval.json`.
    All,
    /// So many rows on the page, all of them in `eval.json`.
    First(usize),
    /// The CSV alone, which the others name: tables with a row per slide.
    FileOnly,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As a key of `eval.json` and the head of the CSV.
    pub key: String,
    /// As people read it.
    pub label: String,
    /// What its cells are.
    pub kind: ColumnKind,
    /// Whether the terminal shows an estimate's value alone.
    pub is_brief: bool,
    /// Whether the page leaves it to the files.
    pub is_file_only: bool,
}

/// What a column's cells are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Words, to the left.
    Text,
    /// Single numbers, to the right.
    Number,
    /// [`Estimate`]s: four columns of the CSV, `key`, `key_low`, `key_high`, `key_n`.
    Estimate,
}

/// A picture with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Stable, such as `roc_percent`.
    pub name: String,
    /// Below it.
    pub caption: String,
    /// The picture.
    pub picture: Picture,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// An `<svg>` element.
    Svg(String),
    /// The bytes of a PNG.
    Png(Vec<u8>),
    /// None, and why.
    Missing(String),
}

impl Report {
    /// A report of a command.
    pub fn new(command: &str, title: &str) -> Self {
        Self {
            command: command.to_owned(),
            title: title.to_owned(),
            ..Self::default()
        }
    }

    /// All tables, in order.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.blocks().filter_map(|block| match block {
            Block::Table(table) => Some(table),
            _ => None,
        })
    }

    /// All figures, in order.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.blocks().flat_map(|block| match block {
            Block::Figures(figures) => figures.as_slice(),
            _ => &[],
        })
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(|section| &section.blocks)
    }
}

impl Section {
    /// An empty section.
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            blocks: Vec::new(),
        }
    }

    /// The same with one more block.
    #[must_use]
    pub fn with(mut self, block: impl Into<Block>) -> Self {
        self.blocks.push(block.into());
        self
    }
}

impl From<Table> for Block {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl From<Figure> for Block {
    fn from(figure: Figure) -> Self {
        Self::Figures(vec![figure])
    }
}

impl Table {
    /// A table without rows, shown whole.
    pub fn new(name: &str, caption: &str, columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            name: name.to_owned(),
            caption: caption.to_owned(),
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
            notes: Vec::new(),
            show: Show::All,
            on_terminal: false,
        }
    }

    /// Adds a row; cells beyond the columns are dropped, missing ones are empty words.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<Cell> = cells.into_iter().take(self.columns.len()).collect();
        row.resize(self.columns.len(), Cell::text(""));
        self.rows.push(row);
    }

    /// The same with a sentence below it.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same, also printed on the terminal.
    #[must_use]
    pub const fn on_terminal(mut self) -> Self {
        self.on_terminal = true;
        self
    }

    /// The same, shown so far.
    #[must_use]
    pub const fn shown(mut self, show: Show) -> Self {
        self.show = show;
        self
    }
}

impl Column {
    /// A column of words.
    pub fn text(key: &str, label: &str) -> Self {
        Self::of(key, label, ColumnKind::Text)
    }

    /// A column of single numbers.
    pub fn number(key: &str, label: &str) -> Self {
        Self::of(key, label, ColumnKind::Number)
    }

    /// A column of estimates.
    pub fn estimate(key: &str, label: &str) -> Self {
        Self::of(key, label, ColumnKind::Estimate)
    }

    /// The same, of whose estimates the terminal shows the value alone.
    #[must_use]
    pub const fn brief(mut self) -> Self {
        self.is_brief = true;
        self
    }

    /// The same, left out of the page: long words that the files have.
    #[must_use]
    pub const fn file_only(mut self) -> Self {
        self.is_file_only = true;
        self
    }

    fn of(key: &str, label: &str, kind: ColumnKind) -> Self {
        Self {
            key: key.to_owned(),
            label: label.to_owned(),
            kind,
            is_brief: false,
            is_file_only: false,
        }
    }
}

impl Figure {
    /// A drawing.
    pub fn svg(name: &str, caption: impl Into<String>, svg: impl Into<String>) -> Self {
        Self::of(name, caption, Picture::Svg(svg.into()))
    }

    /// A picture of pixels.
    pub fn png(name: &str, caption: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self::of(name, caption, Picture::Png(bytes))
    }

    /// A figure that cannot be drawn, and why.
    pub fn missing(name: &str, caption: impl Into<String>, why: impl Into<String>) -> Self {
        Self::of(name, caption, Picture::Missing(why.into()))
    }

    fn of(name: &str, caption: impl Into<String>, picture: Picture) -> Self {
        Self {
            name: name.to_owned(),
            caption: caption.into(),
            picture,
        }
    }
}

#[cfg(test)]
mod tests;
