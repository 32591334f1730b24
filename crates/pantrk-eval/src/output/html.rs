//! `eval.html`: one page that needs nothing beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::{
    Block, Cell, Column, ColumnKind, Figure, Headline, Picture, Report, Show, Table, cell,
};
use crate::EvalError;

const TEMPLATE: &str = include_str!("../../../../assets/report/eval.html");
/// The look of the slide's report, and what tables and plots add to it.
const STYLES: [&str; 2] = [
    include_str!("../../../../assets/report/style.css"),
    include_str!("../../../../assets/report/eval.css"),
];

const REGULAR: &[u8] = include_bytes!("../../../../assets/fonts/Inter-Regular.woff2");
const SEMIBOLD: &[u8] = include_bytes!("../../../../assets/fonts/Inter-SemiBold.woff2");

impl Report {
    /// The page.
    ///
    /// # Errors
    /// If the template does not fit.
    pub fn to_html(&self) -> Result<String, EvalError> {
        let failed = |e: minijinja::Error| EvalError::Page(e.to_string());
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(failed)?,
        );
        environment
            .add_template("eval.html", TEMPLATE)
            .map_err(failed)?;
        let sections: Vec<SectionView<'_>> = self
            .sections
            .iter()
            .enumerate()
            .map(|(i, section)| SectionView {
                id: format!("s{}", i + 1),
                title: &section.title,
                blocks: section.blocks.iter().map(block_view).collect(),
            })
            .collect();
        let headlines: Vec<HeadlineView<'_>> = self.headlines.iter().map(headline_view).collect();
        let template = environment.get_template("eval.html").map_err(failed)?;
        let page = template.render(context! {
            version => env!("CARGO_PKG_VERSION"),
            styles => STYLES.concat(),
            regular => STANDARD.encode(REGULAR),
            semibold => STANDARD.encode(SEMIBOLD),
            command => &self.command,
            title => &self.title,
            subtitle => &self.subtitle,
            inputs => &self.inputs,
            seed => self.seed,
            warnings => &self.warnings,
            headlines => Value::from(Serde(&headlines)),
            sections => Value::from(Serde(&sections)),
        });
        page.map_err(failed)
    }
}

#[derive(Serialize)]
struct HeadlineView<'a> {
    label: &'a str,
    value: String,
    /// Whether `value` is a figure rather than words that say why there is none.
    is_figure: bool,
    below: String,
}

#[derive(Serialize)]
struct SectionView<'a> {
    id: String,
    title: &'a str,
    blocks: Vec<BlockView<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum BlockView<'a> {
    Text { text: &'a str },
    Note { text: &'a str },
    Table { table: TableView<'a> },
    Figures { figures: Vec<FigureView<'a>> },
}

#[derive(Serialize)]
struct TableView<'a> {
    class: &'static str,
    caption: &'a str,
    columns: Vec<ColumnView<'a>>,
    rows: Vec<Vec<CellView<'a>>>,
    notes: &'a [String],
    file: String,
    /// Rows that are in the file alone.
    hidden_rows: usize,
    n_rows: usize,
}

#[derive(Serialize)]
struct ColumnView<'a> {
    label: &'a str,
    class: &'static str,
}

#[derive(Serialize)]
struct CellView<'a> {
    class: &'a str,
    value: String,
    interval: String,
    /// Whether `interval` says why there is none.
    is_why: bool,
    count: String,
}

#[derive(Serialize)]
struct FigureView<'a> {
    caption: &'a str,
    svg: Option<&'a str>,
    png: Option<String>,
    missing: Option<&'a str>,
}

fn headline_view(headline: &Headline) -> HeadlineView<'_> {
    let (value, is_figure, own) = match &headline.value {
        Cell::Estimate(e) => {
            let level = if e.interval95.is_some() { "95 % " } else { "" };
            let below = format!("{level}{}; {}", e.interval_text(), e.count_text());
            (e.value_text(), true, below)
        }
        Cell::Missing { why, n } => (why.clone(), false, format!("n = {}", cell::grouped(*n))),
        other => (other.to_line(), true, String::new()),
    };
    let below = if headline.below.is_empty() {
        own
    } else {
        headline.below.clone()
    };
    HeadlineView {
        label: &headline.label,
        value,
        is_figure,
        below,
    }
}

fn block_view(block: &Block) -> BlockView<'_> {
    match block {
        Block::Text(text) => BlockView::Text { text },
        Block::Note(text) => BlockView::Note { text },
        Block::Table(table) => BlockView::Table {
            table: table_view(table),
        },
        Block::Figures(figures) => BlockView::Figures {
            figures: figures.iter().map(figure_view).collect(),
        },
    }
}

fn table_view(table: &Table) -> TableView<'_> {
    let shown = match table.show {
        Show::All => table.rows.len(),
        Show::First(rows) => rows.min(table.rows.len()),
        Show::FileOnly => 0,
    };
    let class = |column: &Column| match column.kind {
        ColumnKind::Text => "left",
        ColumnKind::Number => "",
        ColumnKind::Estimate => "estimate",
    };
    let on_page = |column: &&Column| !column.is_file_only;
    let columns: Vec<ColumnView<'_>> = table
        .columns
        .iter()
        .filter(on_page)
        .map(|column| ColumnView {
            label: &column.label,
            class: class(column),
        })
        .collect();
    // One size of letters down a column: that of its longest words.
    let words: Vec<&'static str> = (0..table.columns.len())
        .map(|i| words_class(table.rows.iter().take(shown).filter_map(|row| row.get(i))))
        .collect();
    let rows = table.rows.iter().take(shown).map(|row| {
        let cells = table.columns.iter().zip(&words).zip(row);
        cells
            .filter(|((column, _), _)| on_page(column))
            .map(|((column, words), cell)| cell_view((class(column), words), cell))
            .collect()
    });
    let estimates = table
        .columns
        .iter()
        .filter(|column| on_page(column) && column.kind == ColumnKind::Estimate)
        .count();
    let class = match columns.len() {
        0..=2 if estimates == 0 => "narrow",
        0..=3 => "roomy",
        4..=7 if estimates < 6 => "",
        _ => "dense",
    };
    TableView {
        class,
        caption: &table.caption,
        rows: rows.collect(),
        columns,
        notes: &table.notes,
        file: format!("tables/{}.csv", table.name),
        hidden_rows: table.rows.len() - shown,
        n_rows: table.rows.len(),
    }
}

/// How the words of a column are set.
fn words_class<'a>(cells: impl Iterator<Item = &'a Cell>) -> &'static str {
    let texts = cells.filter_map(|cell| match cell {
        Cell::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let size = |text: &str| match text.chars().count() {
        0..=12 => 0,
        // An address, such as that of a source.
        _ if text.contains('/') && !text.contains(' ') => 2,
        13..=44 => 1,
        _ => 2,
    };
    match texts.map(size).max() {
        None | Some(0) => "left nowrap",
        Some(1) => "left",
        Some(_) => "left long",
    }
}

/// `class` is that of the column's figures and of its words.
fn cell_view<'a>((class, words): (&'a str, &'a str), cell: &Cell) -> CellView<'a> {
    match cell {
        Cell::Estimate(e) => CellView {
            class,
            value: e.value_text(),
            interval: e.interval_text(),
            is_why: e.interval95.is_none(),
            count: e.count_text(),
        },
        Cell::Missing { why, n } => CellView {
            class: "left missing",
            value: why.clone(),
            interval: String::new(),
            is_why: false,
            count: if *n > 0 {
                format!("n = {}", cell::grouped(*n))
            } else {
                String::new()
            },
        },
        Cell::Text(text) => CellView {
            class: words,
            value: breakable(text),
            interval: String::new(),
            is_why: false,
            count: String::new(),
        },
        other => CellView {
            class: "nowrap",
            value: other.to_line(),
            interval: String::new(),
            is_why: false,
            count: String::new(),
        },
    }
}

/// Lets a browser break an address, which would push a table off the page.
fn breakable(text: &str) -> String {
    const LONG: usize = 24;
    let word = |word: &str| {
        if word.chars().count() <= LONG {
            return word.to_owned();
        }
        let mut out = String::new();
        for c in word.chars() {
            out.push(c);
            if matches!(c, '/' | '-' | '_' | '.' | '=' | '?') {
                out.push('\u{200b}');
            }
        }
        out
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn figure_view(figure: &Figure) -> FigureView<'_> {
    let mut view = FigureView {
        caption: &figure.caption,
        svg: None,
        png: None,
        missing: None,
    };
    match &figure.picture {
        Picture::Svg(svg) => view.svg = Some(svg),
        Picture::Png(bytes) => view.png = Some(STANDARD.encode(bytes)),
        Picture::Missing(why) => view.missing = Some(why),
    }
    view
}
