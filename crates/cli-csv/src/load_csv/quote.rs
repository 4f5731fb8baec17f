//! The quote of a load: write units, dollars, time.

use cli_core::format::{count, duration, whole};
use cli_core::{output, price};
use cli_stack::Stack;
use serde::Serialize;

use super::found::FileFacts;
use crate::plan::describe_columns;
use crate::rejected::rejected_lines;

/// Write units a second that a new on-demand table accepts immediately.
const UNITS_OF_A_NEW_TABLE: f64 = 4000.0;
/// The approximate write units a second of one chunk.
const UNITS_OF_A_CHUNK: f64 = 1000.0;
/// A printed note that explains the write units.
const UNITS_NOTE: &str = "write units: an upper bound, with numbers counted as long as their text; replacing a longer item costs the units \
of the longer one\n";
/// State transitions of an execution, beside [`CHUNK_TRANSITIONS`] for each chunk.
const OTHER_TRANSITIONS: f64 = 10.0;
const CHUNK_TRANSITIONS: f64 = 3.0;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LoadQuote {
    table: String,
    #[serde(flatten)]
    found: FileFacts,
    /// Items that the load writes, unless it skips existing ones.
    items: u64,
    lambda_gb_seconds: f64,
    transitions: u64,
    dynamodb_dollars: f64,
    lambda_dollars: f64,
    step_functions_dollars: f64,
    dollars: f64,
    units_per_second: f64,
    seconds: f64,
    prices: &'static str,
}

impl LoadQuote {
    pub(super) fn make(stack: &Stack, found: FileFacts, table: &str, max_wcu: Option<u32>) -> Self {
        let number =
            |name: &str, otherwise: f64| stack.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
        Self::of(found, table, max_wcu, number("CsvConcurrency", 8.0), number("CsvLoadMemoryMb", 1769.0))
    }

    fn of(found: FileFacts, table: &str, max_wcu: Option<u32>, concurrency: f64, memory_mb: f64) -> Self {
        let limit = max_wcu.map_or(f64::INFINITY, f64::from);
        let at_once = concurrency.min(found.chunks as f64).min((limit / UNITS_OF_A_CHUNK).ceil()).max(1.0);
        let units_per_second = limit.min(UNITS_OF_A_NEW_TABLE).min(at_once * UNITS_OF_A_CHUNK);
        let seconds = found.write_units as f64 / units_per_second;
        let lambda_gb_seconds = seconds * at_once * memory_mb / 1024.0;
        let transitions = OTHER_TRANSITIONS + CHUNK_TRANSITIONS * found.chunks as f64;
        let requests = found.chunks as f64 + 2.0;
        let dynamodb_dollars = found.write_units as f64 * price::DYNAMODB_WRITE;
        let lambda_dollars = lambda_gb_seconds * price::LAMBDA_GB_SECOND + requests * price::LAMBDA_REQUEST;
        let step_functions_dollars = transitions * price::TRANSITION;
        Self {
            table: table.to_owned(),
            items: found.rows - found.duplicate - found.rejected,
            lambda_gb_seconds,
            transitions: whole(transitions),
            dynamodb_dollars,
            lambda_dollars,
            step_functions_dollars,
            dollars: dynamodb_dollars + lambda_dollars + step_functions_dollars,
            units_per_second,
            seconds,
            prices: price::SOURCE,
            found,
        }
    }

    pub(super) fn dollars(&self) -> f64 {
        self.dollars
    }

    /// One line, before the load.
    pub(super) fn line(&self) -> String {
        let Self { found, items, .. } = self;
        let [rows, duplicate, rejected, items] = [found.rows, found.duplicate, found.rejected, *items].map(count);
        format!(
            "{rows} rows: {items} items for {}, {duplicate} duplicate, {rejected} rejected; up to {} write units (more where \
             longer items are replaced), about ${:.2}, at least {}",
            self.table,
            count(found.write_units),
            self.dollars,
            duration(self.seconds)
        )
    }

    /// One line about the columns, before the load.
    pub(super) fn columns(&self) -> String {
        let FileFacts { types, id_column, delimiter, columns, .. } = &self.found;
        format!("{columns} columns: {}", describe_columns(types, id_column.as_deref(), *delimiter))
    }

    /// The quote alone.
    pub(super) fn text(&self, file: &str) -> String {
        let rows = self.rows().map(|(name, value)| [name.to_owned(), value]);
        let table = output::table(&[], rows, |at| at > 0);
        let rejected = rejected_lines(&self.found.rejected_rows, self.found.rejected, None);
        let prices = format!("dollars: {}\n", self.prices);
        format!("{file} into {}, {}\n\n{table}\n{UNITS_NOTE}{prices}{rejected}", self.table, self.columns())
    }

    fn rows(&self) -> [(&'static str, String); 11] {
        let found = &self.found;
        [
            ("rows", count(found.rows)),
            ("duplicate", count(found.duplicate)),
            ("rejected", count(found.rejected)),
            ("items", count(self.items)),
            ("chunks", count(found.chunks)),
            ("write units, at most", count(found.write_units)),
            ("DynamoDB dollars", format!("{:.4}", self.dynamodb_dollars)),
            ("Lambda dollars", format!("{:.4}", self.lambda_dollars)),
            ("Step Functions dollars", format!("{:.4}", self.step_functions_dollars)),
            ("dollars in all", format!("{:.4}", self.dollars)),
            (
                "time, at least",
                format!("{} at {} units a second", duration(self.seconds), count(whole(self.units_per_second))),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use csv_load::{ColumnType, Delimiter};

    use super::*;
    use crate::rejected::RejectedRow;

    fn found() -> FileFacts {
        FileFacts {
            rows: 5_600_000,
            duplicate: 100,
            rejected: 2,
            write_units: 5_599_998,
            chunks: 224,
            delimiter: Delimiter::Comma,
            columns: 4,
            id_column: Some("id".to_owned()),
            types: BTreeMap::from([("price".to_owned(), ColumnType::N)]),
            rejected_rows: vec![RejectedRow::new(17, "CellCount", "the row has 3 cells, the header 4")],
        }
    }

    #[test]
    fn quote_has_the_figures_of_the_docs() {
        let quote = LoadQuote::of(found(), "csv_people", None, 8.0, 1769.0);
        assert!((quote.dynamodb_dollars - 3.50).abs() < 0.01 && (quote.lambda_dollars - 0.26).abs() < 0.01);
        assert!((quote.seconds - 1400.0).abs() < 1.0 && quote.items == 5_599_898);
        let slow = LoadQuote::of(found(), "csv_people", Some(500), 8.0, 1769.0);
        assert!((slow.seconds - 11_200.0).abs() < 1.0, "{}", slow.seconds);
        assert!((slow.lambda_gb_seconds - 11_200.0 * 1769.0 / 1024.0).abs() < 1.0, "one chunk at a time");
    }

    #[test]
    fn quote_is_a_table() {
        insta::assert_snapshot!(LoadQuote::of(found(), "csv_people", None, 8.0, 1769.0).text("people.csv"));
    }
}
