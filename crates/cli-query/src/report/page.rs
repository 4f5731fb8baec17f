//! Renders the page: the values of each figure as a table, and as data for the script that draws the charts.

use aws_lake::HourMark;
use cli_core::format::count;
use cli_stack::calendar::CoverageCalendar;
use indicatif::BinaryBytes;
use jiff::Timestamp;
use pipeline::ArchiveHour;
use pipeline::receipt::RecordCounts;
use serde_json::{Value, json};

use super::figures::ReportFigure;
use crate::athena::{QueryResult, dollars};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const D3: &str = include_str!("vendor/d3.min.js");
const PLOT: &str = include_str!("vendor/plot.umd.min.js");

/// A figure with its result.
pub(super) struct AnsweredFigure {
    pub(super) figure: ReportFigure,
    pub(super) answer: QueryResult,
}

pub(super) struct ReportPage<'a> {
    pub(super) stack: &'a str,
    /// The table of the ledger.
    pub(super) table: &'a str,
    pub(super) from: ArchiveHour,
    pub(super) to: ArchiveHour,
    pub(super) now: Timestamp,
    pub(super) answers: &'a [AnsweredFigure],
    pub(super) marks: &'a [HourMark],
    pub(super) calendar: &'a CoverageCalendar,
}

impl ReportPage<'_> {
    pub(super) fn html(&self) -> String {
        let mut figures = String::new();
        for AnsweredFigure { figure, answer } in self.answers {
            figures.push_str(&section(
                figure.id,
                figure.title,
                figure.note,
                &figure.sql,
                &table_of(answer),
                &cost(answer),
            ));
        }
        let (calendar, quality) = (self.calendar_values(), self.quality_values());
        let query = self.ledger_query();
        let note = "The state of every hour, from the ledger.";
        figures.push_str(&section(
            "calendar",
            "Coverage",
            note,
            &query,
            &table(&["day", "hour", "state"], &calendar),
            "",
        ));
        let note = "Every record is a row, a duplicate (an equal line of the same file) or in quarantine: \
                    records = rows + duplicates + quarantined.";
        figures.push_str(&section(
            "quality",
            "Data quality",
            note,
            &query,
            &table(&["what", "records", "share"], &quality),
            "",
        ));
        let made = self.now.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let mut page = String::with_capacity(TEMPLATE.len() + D3.len() + PLOT.len() + figures.len() * 2);
        for (at, part) in TEMPLATE.split("{{").enumerate() {
            let (name, rest) = if at == 0 { ("", part) } else { part.split_once("}}").unwrap_or(("", part)) };
            match name {
                "range" => page.push_str(&format!("{} to {}", self.from, self.to)),
                "stack" => page.push_str(&escape(self.stack)),
                "made" => page.push_str(&made),
                "style" => page.push_str(STYLE),
                "figures" => page.push_str(&figures),
                "data" => page.push_str(&in_script(&self.data(&calendar, &quality))),
                "d3" => page.push_str(D3),
                "plot" => page.push_str(PLOT),
                "script" => page.push_str(SCRIPT),
                _ => {}
            }
            page.push_str(rest);
        }
        page
    }

    /// The data of the charts, equal to the values in the tables.
    fn data(&self, calendar: &Value, quality: &Value) -> Value {
        let mut figures: serde_json::Map<String, Value> = self
            .answers
            .iter()
            .map(|AnsweredFigure { figure, answer }| (figure.id.to_owned(), answer.json()["rows"].clone()))
            .collect();
        figures.insert("calendar".to_owned(), calendar.clone());
        figures.insert("quality".to_owned(), quality.clone());
        Value::Object(figures)
    }

    fn calendar_values(&self) -> Value {
        let cells = self.calendar.states().map(|(hour, cell)| {
            let [year, month, day, of_day] = hour.partition_values();
            json!({"day": format!("{year}-{month}-{day}"), "hour": of_day, "state": cell.name()})
        });
        cells.collect()
    }

    fn quality_values(&self) -> Value {
        let mut total = RecordCounts::default();
        let published = self.marks.iter().filter(|mark| mark.counts != RecordCounts::default());
        published.for_each(|mark| total.add(&mark.counts));
        let share = |count: u64| if total.records == 0 { 0.0 } else { count as f64 / total.records as f64 };
        let row = |what: &str, count: u64| json!({"what": what, "records": count, "share": share(count)});
        json!([
            row("rows", total.rows),
            row("duplicates", total.duplicates),
            row("quarantined", total.quarantined),
            row("in all", total.records),
            row("blank lines, not records", total.blank_lines),
        ])
    }

    /// A command that reads the same items of the ledger.
    fn ledger_query(&self) -> String {
        let values = json!({
            ":archive": {"S": pipeline::keys::ARCHIVE},
            ":first": {"S": self.from.ledger_key()},
            ":last": {"S": self.to.ledger_key()},
        });
        format!(
            "aws dynamodb query --table-name {} --expression-attribute-names '{{\"#hour\": \"hour\"}}' \\\n  \
             --key-condition-expression 'archive = :archive AND #hour BETWEEN :first AND :last' \\\n  \
             --expression-attribute-values '{values}'",
            self.table
        )
    }
}

fn section(id: &str, title: &str, note: &str, query: &str, table: &str, cost: &str) -> String {
    let note = if note.is_empty() { String::new() } else { format!("<p>{}</p>", escape(note)) };
    format!(
        "<section id=\"{id}\">\n<h2>{}</h2>\n{note}<div class=\"chart\"></div>\n<details><summary>Query and values</summary>\n\
         <pre>{}</pre>\n<p class=\"cost\">{cost}</p>\n<div class=\"values\">{table}</div>\n</details>\n</section>\n",
        escape(title),
        escape(query)
    )
}

fn cost(answer: &QueryResult) -> String {
    let (bytes, price) = (BinaryBytes(answer.scanned_bytes), dollars(answer.scanned_bytes));
    format!("{bytes} scanned, {price}")
}

fn table_of(answer: &QueryResult) -> String {
    let names: Vec<_> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    let rows = answer.rows.iter().map(|row| row.iter().map(|cell| cell.clone().unwrap_or_default()).collect());
    html_table(&names, rows)
}

/// A table of values from the ledger.
fn table(names: &[&str], values: &Value) -> String {
    let rows = values.as_array().into_iter().flatten();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_u64() => count(number.as_u64().unwrap_or_default()),
        Value::Number(number) => format!("{:.5}", number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    };
    html_table(names, rows.map(|row| names.iter().map(|name| text(&row[*name])).collect()))
}

fn html_table(names: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cells = |tag: &str, cells: &mut dyn Iterator<Item = &str>| -> String {
        cells.map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect()
    };
    let head = cells("th", &mut names.iter().copied());
    let body: String =
        rows.map(|row| format!("<tr>{}</tr>\n", cells("td", &mut row.iter().map(String::as_str)))).collect();
    format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>")
}

/// Escapes text: every GitHub user can write text into the archive, so none of it may become markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// JSON that cannot close its script element.
fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::athena::ResultColumn;
    use sha2::{Digest, Sha256};

    #[test]
    fn archive_text_never_becomes_markup() {
        let evil = "</script><img src=x onerror=alert(1)>&'\"";
        let answer = QueryResult {
            columns: vec![ResultColumn { name: "repository".to_owned(), kind: "varchar".to_owned() }],
            rows: vec![vec![Some(evil.to_owned())]],
            ..QueryResult::default()
        };
        let (table, data) = (table_of(&answer), in_script(&answer.json()));
        assert!(!table.contains("<img") && !table.contains("</script"), "{table}");
        assert!(!data.contains('<'), "{data}");
        assert_eq!(serde_json::from_str::<Value>(&data).unwrap()["rows"][0]["repository"], evil);
    }

    #[test]
    fn page_loads_nothing() {
        for part in [TEMPLATE, STYLE, SCRIPT] {
            assert!(!part.contains("http://") && !part.contains("https://") && !part.contains("@import"));
        }
        assert!(TEMPLATE.contains("default-src 'none'"), "the policy of the page");
    }

    #[test]
    fn chart_library_matches_its_notes() {
        let notes = include_str!("vendor/README.md");
        for library in [D3, PLOT] {
            let sum = hex::encode(Sha256::digest(library));
            assert!(notes.contains(&sum), "{sum}");
            assert!(!library.contains("</script"));
        }
    }
}
