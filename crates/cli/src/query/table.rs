//! An answer as a person or a spreadsheet reads it.

use comfy_table::{CellAlignment, Table, presets};

use super::athena::Answer;

/// Rows on a terminal; more are for --csv and --json.
const MOST_ROWS: usize = 1000;
/// Characters of a cell on a terminal.
const MOST_WIDE: usize = 60;

const NUMBERS: [&str; 7] = ["tinyint", "smallint", "integer", "bigint", "double", "float", "decimal"];

/// A table with the columns' names above, numbers to the right.
pub(super) fn text(answer: &Answer) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(answer.columns.iter().map(|column| column.name.clone()));
    for row in answer.rows.iter().take(MOST_ROWS) {
        table.add_row(row.iter().map(|cell| cell.as_deref().map_or_else(|| "NULL".to_owned(), cut)));
    }
    for (column, facts) in table.column_iter_mut().zip(&answer.columns) {
        column.set_padding((0, 2));
        if NUMBERS.contains(&facts.kind.as_str()) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let more = match answer.rows.len().saturating_sub(MOST_ROWS) {
        0 => String::new(),
        more => format!("… and {more} more rows: --csv and --json have all of them\n"),
    };
    format!("{}\n{more}", table.trim_fmt())
}

fn cut(cell: &str) -> String {
    let line = cell.replace(['\n', '\r', '\t'], " ");
    // Data may hold what a terminal would take for a command.
    let line: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    match line.char_indices().nth(MOST_WIDE) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// RFC 4180, as Athena writes its own: text in quotes, nothing at all for NULL.
pub(super) fn csv(answer: &Answer) -> String {
    let names = answer.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(",");
    let mut text = names + "\n";
    for row in &answer.rows {
        let cells: Vec<_> = row.iter().map(|cell| cell.as_deref().map(quoted).unwrap_or_default()).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::athena::Column;

    fn answer() -> Answer {
        let column = |name: &str, kind: &str| Column { name: name.to_owned(), kind: kind.to_owned() };
        let cell = |text: &str| Some(text.to_owned());
        Answer {
            columns: vec![column("repo", "varchar"), column("events", "bigint")],
            rows: vec![
                vec![cell("a/b"), cell("7")],
                vec![None, cell("12345")],
                vec![cell("say \"x\", \u{1b}[2J\n"), cell("0")],
            ],
            ..Answer::default()
        }
    }

    #[test]
    fn a_table_has_numbers_to_the_right_and_no_control_characters() {
        insta::assert_snapshot!(text(&answer()));
    }

    #[test]
    fn csv_quotes_text_and_leaves_null_empty() {
        assert_eq!(
            csv(&answer()),
            "\"repo\",\"events\"\n\"a/b\",\"7\"\n,\"12345\"\n\"say \"\"x\"\", \u{1b}[2J\n\",\"0\"\n"
        );
    }
}
