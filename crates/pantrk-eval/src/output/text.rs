//! The short text for the terminal.

use super::{Cell, Column, ColumnKind, Report, Table};

impl Report {
    /// Title, warnings and the tables that are meant for the terminal.
    pub fn to_text(&self) -> String {
        let mut parts = vec![format!("{}\n{}\n", self.title, self.subtitle)];
        parts.extend(self.warnings.iter().map(|warning| format!("! {warning}\n")));
        let tables = self.tables().filter(|table| table.on_terminal);
        parts.extend(tables.map(|table| format!("\n{}\n{}", table.caption, table_text(table))));
        parts.concat()
    }
}

/// A line of the terminal; columns beyond it are left to the page.
const WIDTH: usize = 132;

/// Columns two spaces apart; words stand left, numbers right.
fn table_text(table: &Table) -> String {
    let head: Vec<String> = table.columns.iter().map(|c| c.label.clone()).collect();
    let body: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| {
            let cells = table.columns.iter().zip(row);
            cells.map(|(column, cell)| in_line(column, cell)).collect()
        })
        .collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|i| {
            let cells = body.iter().filter_map(|row| row.get(i));
            let longest = cells.chain(head.get(i)).map(|cell| cell.chars().count());
            longest.max().unwrap_or(0)
        })
        .collect();
    let mut used = 0;
    let fitting = widths.iter().take_while(|width| {
        used += **width + 2;
        used <= WIDTH + 2
    });
    let shown = fitting.count().max(1);
    let widths = &widths[..shown];
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(widths).zip(&table.columns);
        let cells: Vec<String> = cells
            .map(|((cell, &width), column)| match column.kind {
                ColumnKind::Number => format!("{cell:>width$}"),
                ColumnKind::Text | ColumnKind::Estimate => format!("{cell:<width$}"),
            })
            .collect();
        let mut line = cells.join("  ");
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    };
    let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
    let mut text = line(&head);
    text.push_str(&line(&rule));
    for row in &body {
        text.push_str(&line(row));
    }
    text
}

fn in_line(column: &Column, cell: &Cell) -> String {
    match cell {
        Cell::Estimate(e) if column.is_brief => e.value_text(),
        other => other.to_line(),
    }
}
