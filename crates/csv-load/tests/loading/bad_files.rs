//! Errors of invalid files: each names the place.

use csv_load::{CsvPlanError, LoadOptions};

use crate::support::plan;

fn error(file: &[u8]) -> String {
    plan(file, &LoadOptions::default(), 10).unwrap_err().to_string()
}

#[test]
fn plan_of_invalid_csv_is_an_error() {
    let utf16: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16.clone()).collect();
    for (phrase, file, message) in [
        ("an empty file", &b""[..], "the file is empty"),
        ("blank lines", b"\n\r\n \n", "the file is empty"),
        ("a mark alone", b"\xef\xbb\xbf", "the file is empty"),
        ("UTF-16", &marked, "the file is encoded in UTF-16: save it in UTF-8"),
        ("UTF-16 without a mark", &utf16, "the file is encoded in UTF-16: save it in UTF-8"),
        ("a workbook", b"PK\x03\x04rest", "the file is not CSV: it looks like a ZIP archive or an Excel workbook"),
        (
            "a binary file",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0",
            "the file is not CSV: it looks like a binary file (it has NUL bytes)",
        ),
        ("a column without a name", b"a,,c\n1,2,3\n", "column 2 of the header has no name"),
        ("a name twice", b"a,b,a\n1,2,3\n", "columns 1 and 3 of the header have the same name, 'a'"),
        (
            "a name that the load adds",
            b"a,load_id\n1,2\n",
            "column 2 of the header has the name 'load_id', which the load adds to every item: rename it",
        ),
        ("a name that is not text", b"a,\xff\n1,2\n", "the name of column 2 of the header is not UTF-8"),
        (
            "an open quote",
            b"id,a\n1,x\n2,\"y\n3,z\n4,w\n",
            "the quote that opens on line 3 is never closed (record at line 3, byte 9)",
        ),
        (
            "an open quote after a quoted line feed",
            b"id,a,b\n1,\"x\ny\",\"z\n3,z\n",
            "the quote that opens on line 3 is never closed (record at line 2, byte 7)",
        ),
    ] {
        assert_eq!(error(file), message, "{phrase}");
    }
}

#[test]
fn open_quote_in_large_file_names_its_line() {
    let mut file = b"id,a\n1,x\n2,\"y\n".to_vec();
    while file.len() < 20 << 20 {
        file.extend_from_slice(b"3,some more text without any quote\n");
    }
    assert_eq!(error(&file), "the quote that opens on line 3 is never closed (record at line 3, byte 9)");
    let long = [&b"id,a\n1,"[..], &vec![b'x'; 17 << 20]].concat();
    assert_eq!(error(&long), "the record at line 2, byte 5 is longer than 16777216 bytes");
}

#[test]
fn option_with_unknown_column_is_an_error() {
    let with = |options: &str| {
        let options: LoadOptions = serde_json::from_str(options).unwrap();
        plan(b"id,a\n1,2\n", &options, 10).unwrap_err().to_string()
    };
    assert_eq!(with(r#"{"types": {"b": "N"}}"#), "types names column 'b', which the file does not have");
    assert_eq!(with(r#"{"id_column": "b"}"#), "id_column names column 'b', which the file does not have");
    assert!(with(r#"{"types": {"id": "N"}}"#).contains("table's key"));
    assert!(with(r#"{"id_column": "a"}"#).contains("'id'"), "the key would have two values");
}

#[test]
fn plan_accepts_unusual_sizes() {
    let (planned, _) = plan(b"id,a", &LoadOptions::default(), 10).unwrap();
    assert_eq!((planned.rows, planned.chunks.len()), (0, 0), "a header alone");
    let names: Vec<String> = (0..10_000).map(|column| format!("c{column}")).collect();
    let row = vec!["1"; 10_000].join(",");
    let (planned, quarantine) =
        plan(format!("{}\n{row}\n", names.join(",")).as_bytes(), &LoadOptions::default(), 10).unwrap();
    assert_eq!((planned.rows, quarantine.len()), (1, 0), "10,000 columns");
    let cell = "x".repeat(1 << 20);
    let (planned, quarantine) = plan(format!("id,a\n1,{cell}\n2,y\n").as_bytes(), &LoadOptions::default(), 10).unwrap();
    assert_eq!((planned.rows, planned.rejected), (2, 1), "a cell of 1 MiB");
    assert_eq!(quarantine[0]["reason"], "ItemTooLarge");
}

#[test]
fn plan_with_too_many_chunks_is_an_error() {
    let file = "a\n".to_owned() + &"x\n".repeat(10_002);
    let refused = plan(file.as_bytes(), &LoadOptions::default(), 1);
    assert!(matches!(refused, Err(CsvPlanError::TooManyChunks { chunk_rows: 1 })));
}
