//! Tables for a terminal.

/// A table with a header, a rule below it and columns two spaces apart; the first column stands left, the others right.
pub fn text_table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([header[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let mut line = String::new();
        for (column, (cell, width)) in cells.into_iter().zip(widths).enumerate() {
            let gap = width.saturating_sub(cell.chars().count());
            if column == 0 {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', gap));
            } else {
                line.push_str("  ");
                line.extend(std::iter::repeat_n(' ', gap));
                line.push_str(cell);
            }
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    };
    let mut text = line(header);
    let rule = widths.map(|width| "-".repeat(width));
    text.push_str(&line(std::array::from_fn(|i| rule[i].as_str())));
    for row in rows {
        text.push_str(&line(std::array::from_fn(|i| row[i].as_str())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            ["µ".to_owned(), "1.5".to_owned()],
            ["longer".to_owned(), "10.25".to_owned()],
        ];
        assert_eq!(
            text_table(["name", "value"], &rows),
            "name    value\n------  -----\nµ         1.5\nlonger  10.25\n"
        );
    }
}
