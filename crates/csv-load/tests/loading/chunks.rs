//! Chunks: no row is split or lost. The result depends neither on the chunk size nor on the order of chunks.

use std::collections::BTreeMap;

use csv_load::LoadOptions;
use csv_load::receipt::RowCounts;
use proptest::prelude::*;

use crate::support::{load, plan};

/// Cells with delimiters, quotes, line ends and multi-byte characters.
fn cell() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ab,;\"\n\r\u{e9}\u{feff} ]{0,6}").unwrap()
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

fn file() -> impl Strategy<Value = (String, Vec<(u8, String)>)> {
    let row = (0_u8..12, cell(), prop_oneof!["\n", "\r\n", "\r", "\n\n"]);
    proptest::collection::vec(row, 0..40).prop_map(|rows| {
        let lines: Vec<String> = rows.iter().map(|(id, cell, end)| format!("k{id},{},x{end}", quoted(cell))).collect();
        (format!("id,a,b\n{}", lines.concat()), rows.into_iter().map(|(id, cell, _)| (id, cell)).collect())
    })
}

proptest! {
    #[test]
    fn proptest_chunk_size_and_order_never_matter((file, rows) in file(), chunk_rows in 1_u64..9, seed in any::<u64>()) {
        let options = LoadOptions::default();
        let (planned, quarantine) = plan(file.as_bytes(), &options, chunk_rows).unwrap();
        prop_assert_eq!(quarantine.len(), 0);
        prop_assert_eq!(planned.rows, rows.len() as u64);
        for pair in planned.chunks.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
            prop_assert_eq!(pair[0].first_row + pair[0].rows, pair[1].first_row);
        }
        // A map that is filled in the file's order keeps the last row of each id.
        let last: BTreeMap<String, String> = rows.iter().map(|(id, cell)| (format!("k{id}"), cell.clone())).collect();
        let mut order: Vec<usize> = (0..planned.chunks.len()).collect();
        order.sort_by_key(|index| (*index as u64 + 1).wrapping_mul(seed | 1));
        let (items, counts) = load(file.as_bytes(), &planned, order.into_iter());
        let found: BTreeMap<String, String> =
            items.into_iter().map(|(id, item)| (id, item["a"]["S"].as_str().unwrap_or_default().to_owned())).collect();
        prop_assert_eq!(&found, &last);
        prop_assert!(counts.iter().all(RowCounts::is_balanced));
        prop_assert_eq!(counts.iter().map(|counts| counts.duplicate).sum::<u64>(), planned.superseded);
        prop_assert_eq!((rows.len() - last.len()) as u64, planned.superseded);
    }

    #[test]
    fn proptest_plan_of_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), chunk_rows in 1_u64..9) {
        let file = [b"id,a\n".to_vec(), bytes].concat();
        if let Ok((planned, quarantine)) = plan(&file, &LoadOptions::default(), chunk_rows) {
            let (items, counts) = load(&file, &planned, 0..planned.chunks.len());
            prop_assert_eq!(quarantine.len() as u64, planned.rejected);
            prop_assert_eq!(items.len() as u64 + planned.superseded + planned.rejected, planned.rows);
            prop_assert!(counts.iter().all(RowCounts::is_balanced));
        }
    }
}
