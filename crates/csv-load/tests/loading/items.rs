//! Rows as items: ids, types, empty cells, duplicates and rejected rows.

use std::collections::BTreeMap;

use csv_load::{
    ColumnType, CsvRecordReader, EmptyCells, ItemWriter, LoadAttributes, LoadOptions, RecordPosition, row_id,
};
use serde_json::{Value, json};

use crate::support::{ADDED, items, items_with, load, plan, text};

fn types(pairs: &[(&str, ColumnType)]) -> BTreeMap<String, ColumnType> {
    pairs.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect()
}

#[test]
fn item_has_row_and_load_attributes() {
    let options =
        LoadOptions { types: types(&[("n", ColumnType::N), ("b", ColumnType::BOOL)]), ..LoadOptions::default() };
    let [item] = &items_with("id,n,b,t,e\nk,1.50,TRUE,\"a \"\"b\"\" \\ \u{1}\",\n", &options)[..] else { panic!() };
    let expected = json!({
        "id": {"S": "k"}, "n": {"N": "1.50"}, "b": {"BOOL": true}, "t": {"S": "a \"b\" \\ \u{1}"},
        "ingestion_timestamp": {"S": "2025-11-21T00:00:00Z"}, "source_file": {"S": "s3://bucket/raw/a.csv"},
        "load_id": {"S": "0123456789abcdef"},
    });
    assert_eq!(*item, expected);
}

#[test]
fn keep_writes_empty_cells() {
    let options =
        LoadOptions { types: types(&[("n", ColumnType::N)]), empty_cells: EmptyCells::Keep, ..LoadOptions::default() };
    let [item] = &items_with("id,n,t\nk,,\n", &options)[..] else { panic!() };
    assert_eq!((&item["n"], &item["t"]), (&json!({"NULL": true}), &json!({"S": ""})));
}

#[test]
fn row_without_id_column_has_hash_as_id() {
    let found = items("name,city\nAda,\"Paris, \"\"F\"\"\"\n");
    let expected = row_id([("name", &b"Ada"[..]), ("city", b"Paris, \"F\"")]);
    assert_eq!(text(&found[0], "id"), Some(&expected[..]));
    let turned = items("city,more,name\n\"Paris, \"\"F\"\"\",,Ada\n");
    assert_eq!(text(&turned[0], "id"), Some(&expected[..]), "the order of columns does not matter");
}

#[test]
fn id_column_names_the_key() {
    let options = LoadOptions { id_column: Some("no".to_owned()), ..LoadOptions::default() };
    let found = items_with("no,a\n7,x\n8,y\n7,z\n", &options);
    let found = found.iter().map(|item| ["id", "no", "a"].map(|name| text(item, name).unwrap()));
    assert_eq!(found.collect::<Vec<_>>(), [["7", "7", "z"], ["8", "8", "y"]]);
}

#[test]
fn last_valid_row_of_an_id_is_written() {
    let file = "id,n\na,1\nb,2\na,3\nb,oops\nc,4\na,5\n";
    let options = LoadOptions { types: types(&[("n", ColumnType::N)]), ..LoadOptions::default() };
    let (planned, quarantine) = plan(file.as_bytes(), &options, 1).unwrap();
    let (items, counts) = load(file.as_bytes(), &planned, (0..6).rev());
    let values: Vec<_> = items.iter().map(|(id, item)| (id.as_str(), item["n"]["N"].as_str().unwrap())).collect();
    assert_eq!(values, [("a", "5"), ("b", "2"), ("c", "4")]);
    assert_eq!(counts.iter().map(|counts| counts.duplicate).collect::<Vec<_>>(), [1, 0, 1, 0, 0, 0]);
    assert_eq!((planned.superseded, planned.rejected), (2, 1));
    assert_eq!((&quarantine[0]["line"], &quarantine[0]["record"]), (&json!(5), &json!("b,oops")));
}

#[test]
fn rejected_rows_have_line_and_reason() {
    let long_id = "k".repeat(2049);
    let huge = "x".repeat(400 << 10);
    let file = format!(
        "id,n,b\na,1\nb,1,true,4\nc,1e,true\nd,1,maybe\n,1,true\n,,\n{long_id},1,true\ne,\"1\n2\",true\nf,1,true\ng,{huge},\n"
    );
    let mut file = file.into_bytes();
    file.extend_from_slice(b"h,\xff,\nlast,2,no\n");
    let options = LoadOptions { types: types(&[("b", ColumnType::BOOL)]), ..LoadOptions::default() };
    let (planned, quarantine) = plan(&file, &options, 3).unwrap();
    let found: Vec<_> =
        quarantine.iter().map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap())).collect();
    let expected = [
        (2, "CellCount"),
        (3, "CellCount"),
        (5, "BadBoolean"),
        (6, "EmptyId"),
        (7, "NoValue"),
        (8, "IdTooLong"),
        (12, "ItemTooLarge"),
        (13, "NotUtf8"),
    ];
    assert_eq!(found, expected);
    assert_eq!((planned.rows, planned.rejected), (12, 8));
    let typed = LoadOptions { types: types(&[("n", ColumnType::N)]), ..LoadOptions::default() };
    let (_, quarantine) = plan(b"id,n\nc,1e\n", &typed, 3).unwrap();
    assert_eq!(quarantine[0]["message"], "column 'n' is not a number of at most 38 digits: '1e'");
}

#[test]
fn infer_reads_the_whole_file() {
    use ColumnType::{BOOL, N, S};
    let mixed = |row: u32| if row == 499 { "n/a".to_owned() } else { row.to_string() };
    let lines: Vec<String> = (0..500).map(|row| format!("{row},{row}.5,{},true,0{row},1\n", mixed(row))).collect();
    let file = format!("id,n,mixed,b,zip,given\n{}", lines.concat());
    let options = LoadOptions { infer: true, types: types(&[("given", ColumnType::S)]), ..LoadOptions::default() };
    let (planned, _) = plan(file.as_bytes(), &options, 100).unwrap();
    assert_eq!(planned.rules.types, [S, N, S, BOOL, S, S]);
    assert_eq!(planned.rejected, 0);
}

/// The size of an item by DynamoDB's rules: names, and values by their type. Source: "DynamoDB item sizes and formats".
fn dynamodb_bytes(item: &Value) -> u64 {
    let value = |value: &Value| {
        let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "S" => value.as_str().unwrap().len(),
            "N" => value.as_str().unwrap().bytes().filter(u8::is_ascii_digit).count().div_ceil(2) + 1,
            _ => 1,
        }
    };
    item.as_object().unwrap().iter().map(|(name, attribute)| (name.len() + value(attribute)) as u64).sum()
}

/// The judged size of each row, with what the load adds, and its item.
fn sizes(text: &str, options: &LoadOptions) -> Vec<(u64, Value)> {
    let (planned, _) = plan(text.as_bytes(), options, 100).unwrap();
    let chunk = &planned.chunks[0];
    let position = RecordPosition { offset: chunk.start, line: chunk.first_line };
    let mut records = CsvRecordReader::new(
        &text.as_bytes()[usize::try_from(chunk.start).unwrap()..],
        planned.rules.delimiter.byte(),
        position,
    );
    let mut writer = ItemWriter::new(&planned.rules, &ADDED);
    let added_bytes = LoadAttributes::bytes_of(ADDED.ingestion_timestamp, ADDED.source_file);
    let mut found = Vec::new();
    while let Some(record) = records.next_record().unwrap() {
        let mut json = Vec::new();
        writer.write(&record, &mut json);
        let bytes = planned.rules.judge(&record).unwrap().bytes + added_bytes;
        found.push((bytes, serde_json::from_slice(&json).unwrap()));
    }
    found
}

#[test]
fn item_size_counts_its_attributes() {
    let texts = "id,name,text\nk01,\u{e9}l\u{e8}ve,\"a \"\"b\"\" \u{1}\"\nk02,,xxx\nk03,yyy,\n";
    let no_id = texts.replacen("id", "no", 1);
    let other_key = LoadOptions { id_column: Some("no".to_owned()), ..LoadOptions::default() };
    for (phrase, text, options) in [
        ("a column is the key", texts, LoadOptions::default()),
        ("a hash is the key", &no_id, LoadOptions::default()),
        ("another column is the key", &no_id, other_key),
    ] {
        for (bytes, item) in sizes(text, &options) {
            assert_eq!(bytes, dynamodb_bytes(&item), "{phrase}: {item}");
        }
    }
    let types = types(&[("n", ColumnType::N), ("b", ColumnType::BOOL)]);
    for empty_cells in [EmptyCells::Omit, EmptyCells::Keep] {
        let options = LoadOptions { types: types.clone(), empty_cells, ..LoadOptions::default() };
        for (bytes, item) in sizes("id,n,b,t\n1,7,true,x\n2,-12.5,0,\n3,,,\n4,1234567890,no,\n", &options) {
            let exact = dynamodb_bytes(&item);
            assert!((exact..=exact + 8).contains(&bytes), "{bytes} instead of {exact}: {item}");
        }
    }
}

#[test]
fn omitted_cells_do_not_count() {
    let names: Vec<String> =
        (0..9000).map(|column| format!("a name of some sixty characters that is number {column:012}")).collect();
    let text = format!("id,{}\nk,x{}\n", names.join(","), ",".repeat(8999));
    assert_eq!(items(&text).len(), 1, "two attributes");
    let keep = LoadOptions { empty_cells: EmptyCells::Keep, ..LoadOptions::default() };
    let (planned, quarantine) = plan(text.as_bytes(), &keep, 2).unwrap();
    assert_eq!((planned.rejected, &quarantine[0]["reason"]), (1, &json!("ItemTooLarge")), "nine thousand attributes");
}

#[test]
fn write_units_count_written_rows() {
    let text = format!("id,t\na,{}\nb,x\na,y\nc,{}\noops\n", "x".repeat(9000), "x".repeat(1024));
    let (planned, _) = plan(text.as_bytes(), &LoadOptions::default(), 2).unwrap();
    assert_eq!((planned.superseded, planned.write_units), (1, 4), "1 for b, 1 for the last a, 2 for c");
}
