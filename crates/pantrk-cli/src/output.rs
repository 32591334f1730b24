//! The only place that writes to stdout and stderr; and small files that are there whole or not at all.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

/// Writes a file beside its place and renames it: a reader sees the old file or the new one, never a half.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, path))
        .inspect_err(|_| drop(std::fs::remove_file(&beside)))
}

/// A line of result to stdout; a closed pipe is not an error of ours.
pub(crate) fn print(line: &str) {
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}

/// A line for people to stderr.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// Whether stderr is a terminal that can show a bar.
pub(crate) fn has_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Rows as an aligned table, the first row a head; columns after the first are aligned right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            let cells = rows.iter().filter_map(|row| row.get(c));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(c, (cell, &width))| {
                    if c == 0 {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    if lines.len() > 1 {
        let rule = widths
            .iter()
            .map(|&w| "-".repeat(w))
            .collect::<Vec<_>>()
            .join("  ");
        lines.insert(1, rule);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_table_is_aligned() {
        let rows = [["a", "long"], ["longer", "1"]].map(|r| r.map(str::to_owned).to_vec());
        assert_eq!(
            super::table(&rows),
            "a       long\n------  ----\nlonger     1"
        );
    }
}
