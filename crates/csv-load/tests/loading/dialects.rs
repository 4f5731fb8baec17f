//! Delimiters, line ends, quotes and byte order marks.

use csv_load::{CsvRecordReader, Delimiter, LoadOptions, RecordPosition};

use crate::support::{items, items_with, plan, text};

#[test]
fn delimiter_is_detected() {
    for (phrase, file, expected) in [
        ("commas", "a,b\n1,2\n", Delimiter::Comma),
        ("semicolons beside decimal commas", "name;price\nx;1,5\ny;2,5\n", Delimiter::Semicolon),
        ("tabs beside commas in text", "a\tb\n1, 2\t3\n4, 5\t6\n", Delimiter::Tab),
        ("pipes", "a|b|c\n1|2|3\n", Delimiter::Pipe),
        ("semicolons inside quotes", "a,b\n\"x;y;z\",2\n\"u;v;w\",4\n", Delimiter::Comma),
        ("one column", "a\n1\n2\n", Delimiter::Comma),
        ("a ragged row among many", "a;b\n1;2\n1;2;3\n1;2\n1;2\n", Delimiter::Semicolon),
        ("a header alone", "a;b", Delimiter::Semicolon),
    ] {
        let (planned, _) = plan(file.as_bytes(), &LoadOptions::default(), 10).unwrap();
        assert_eq!(planned.rules.delimiter, expected, "{phrase}");
    }
    let given = LoadOptions { delimiter: Some(Delimiter::Pipe), ..LoadOptions::default() };
    let (planned, _) = plan(b"a,b|c\n1,2|3\n", &given, 10).unwrap();
    assert_eq!(planned.rules.columns, ["a,b", "c"], "a given delimiter is used");
}

#[test]
fn line_ends_and_quotes_follow_rfc_4180() {
    for (phrase, file, expected) in [
        ("line feeds", "id,a\n1,x\n2,y\n", "1=x 2=y"),
        ("carriage returns and line feeds", "id,a\r\n1,x\r\n2,y\r\n", "1=x 2=y"),
        ("carriage returns", "id,a\r1,x\r2,y\r", "1=x 2=y"),
        ("no line end after the last line", "id,a\n1,x\n2,y", "1=x 2=y"),
        ("a byte order mark", "\u{feff}id,a\n1,x\n", "1=x"),
        ("blank lines", "\n\nid,a\n\n1,x\r\n\r\n\n2,y\n\n", "1=x 2=y"),
        ("a quoted line feed", "id,a\n1,\"x\ny\"\n2,z\n", "1=x\ny 2=z"),
        ("a quoted carriage return", "id,a\r\n1,\"x\r\ny\"\r\n", "1=x\r\ny"),
        ("doubled quotes", "id,a\n1,\"say \"\"hi\"\"\"\n", "1=say \"hi\""),
        ("quotes in the middle of a cell", "id,a\n1,5\" disk\n", "1=5\" disk"),
        ("text after a quoted part", "id,a\n1,\"x\"y\n", "1=xy"),
        ("a quoted delimiter", "id,a\n1,\"x,y\"\n", "1=x,y"),
        ("a byte order mark in a cell", "id,a\n1,\u{feff}x\n\u{feff}2,y\n", "1=\u{feff}x \u{feff}2=y"),
        ("spaces are kept", "id,a\n1, x \n", "1= x "),
        ("spaces around names are removed", "id , a\n1,x\n", "1=x"),
    ] {
        let items: Vec<_> =
            items(file).iter().map(|i| format!("{}={}", text(i, "id").unwrap(), text(i, "a").unwrap())).collect();
        assert_eq!(items.join(" "), expected, "{phrase}");
    }
}

#[test]
fn file_without_header_takes_columns_from_options() {
    let none = LoadOptions { header: false, ..LoadOptions::default() };
    let found = items_with("x,1\ny,2\n", &none);
    assert_eq!(found.iter().filter_map(|item| text(item, "column_1")).count(), 2, "the first line is a row");
    let named = LoadOptions { columns: Some(vec!["id".to_owned(), "n".to_owned()]), ..LoadOptions::default() };
    let found = items_with("x,1\ny,2\nz,3\n", &named);
    let pairs: Vec<_> = found.iter().map(|item| (text(item, "id").unwrap(), text(item, "n").unwrap())).collect();
    assert_eq!(pairs, [("x", "1"), ("y", "2"), ("z", "3")]);
}

#[test]
fn record_has_line_and_offset() {
    let file = "\r\na,b\r\n\"1\n2\",x\r\n\n\ry,z\rlast,\"q\"";
    let mut records = CsvRecordReader::new(file.as_bytes(), b',', RecordPosition { offset: 0, line: 1 });
    let mut found = Vec::new();
    while let Some(record) = records.next_record().unwrap() {
        found.push((record.position.line, record.position.offset, String::from_utf8(record.raw.to_vec()).unwrap()));
    }
    let expected = [(2, 2, "a,b"), (3, 7, "\"1\n2\",x"), (7, 18, "y,z"), (8, 22, "last,\"q\"")];
    assert_eq!(found, expected.map(|(line, offset, raw)| (line, offset, raw.to_owned())));
}
