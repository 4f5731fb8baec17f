//! The output files: schema, layout, when they are written, and errors.

use std::error::Error;
use std::io::{self, BufReader, Read, Write};

use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use convert::{ChunkSpec, Compression, ConvertError, ConvertOutput, convert_chunk, schema};
use parquet::basic::{Compression as Codec, Encoding, ZstdLevel};
use parquet::file::reader::{FileReader, SerializedFileReader};
use pipeline::version::{CONVERTER_VERSION, Payload};

use crate::support::{WHOLE, convert, event};

#[test]
fn schema_does_not_depend_on_rows() {
    let entity = |texts: &str| {
        let texts: Vec<String> = texts.split(',').map(|text| format!(",{text}:string")).collect();
        format!("struct<id:bigint{}>", texts.concat())
    };
    let expected = [
        ("id", "string".to_owned()),
        ("type", "string".to_owned()),
        ("actor", entity("login,display_login,gravatar_id,url,avatar_url")),
        ("repo", entity("name,url")),
        ("org", entity("login,gravatar_id,url,avatar_url")),
        ("public", "boolean".to_owned()),
        ("created_at", "timestamp".to_owned()),
        ("payload", "string".to_owned()),
        ("other", "string".to_owned()),
        ("source_line", "bigint".to_owned()),
    ];
    let read_back = convert(&WHOLE, event("").as_bytes()).batches()[0].schema();
    for found in [schema(), read_back] {
        let found: Vec<_> =
            found.fields().iter().map(|field| (field.name().clone(), hive(field.data_type()))).collect();
        assert_eq!(found, expected.clone().map(|(name, kind)| (name.to_owned(), kind)));
    }
}

fn hive(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 => "string".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => "timestamp".to_owned(),
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}:{}", field.name(), hive(field.data_type()))).collect();
            format!("struct<{}>", fields.join(","))
        }
        other => panic!("no such column: {other}"),
    }
}

#[test]
fn file_has_snappy_statistics_and_page_index() {
    let lines: Vec<String> = (0..10_000).map(|id| event(&format!(r#","id":"{id}","payload":{{"n":{id}}}"#))).collect();
    let conversion = convert(&WHOLE, lines.join("\n").as_bytes());
    let reader = SerializedFileReader::new(Bytes::from(conversion.parquet)).unwrap();
    let metadata = reader.metadata();
    assert_eq!(metadata.num_row_groups(), 1);
    assert_eq!(
        metadata.file_metadata().created_by(),
        Some(&*format!("ghactivity version {CONVERTER_VERSION} (build convert)"))
    );
    for column in metadata.row_group(0).columns() {
        let name = column.column_path().string();
        assert_eq!(column.compression(), Codec::SNAPPY, "{name}");
        assert!(column.statistics().is_some(), "{name}");
        assert!(column.offset_index_offset().is_some(), "{name}");
        let dictionary = column.encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY);
        let expected = !["id", "payload", "other", "source_line", "public"].contains(&name.as_str());
        assert_eq!(dictionary, expected, "{name}");
    }
    let created_at =
        metadata.row_group(0).columns().iter().find(|column| column.column_path().string() == "created_at");
    let statistics = created_at.and_then(|column| column.statistics()).unwrap();
    assert_eq!(statistics.min_bytes_opt(), Some(&1_420_070_400_000_000_i64.to_le_bytes()[..]));
    assert_eq!(statistics.null_count_opt(), Some(0));
}

#[test]
fn rows_do_not_depend_on_compression() {
    let text = (0..100).map(|id| event(&format!(r#","id":"{id}""#))).collect::<Vec<_>>().join("\n");
    let snappy = convert(&WHOLE, text.as_bytes());
    let codecs = [
        (Compression::Uncompressed, Codec::UNCOMPRESSED),
        #[cfg(feature = "zstd")]
        (Compression::Zstd, Codec::ZSTD(ZstdLevel::default())),
    ];
    for (compression, expected) in codecs {
        let conversion = convert(&ChunkSpec { compression, ..WHOLE }, text.as_bytes());
        assert_eq!(conversion.rows(), snappy.rows(), "{compression:?}");
        let reader = SerializedFileReader::new(Bytes::from(conversion.parquet)).unwrap();
        assert!(reader.metadata().row_group(0).columns().iter().all(|column| column.compression() == expected));
    }
}

#[test]
fn dropped_payload_is_null_and_still_checked() {
    let lines = [event(r#","payload":{"a":1}"#), event(r#","payload":{"a":"\ud83d"}"#)].join("\n");
    let conversion = convert(&ChunkSpec { payload: Payload::Drop, ..WHOLE }, lines.as_bytes());
    assert!(conversion.rows()[0]["payload"].is_null());
    assert!(conversion.rows()[0]["other"].is_null(), "the payload is not stored elsewhere");
    assert_eq!(conversion.reasons(), ["invalid-json"]);
}

#[test]
fn files_without_records_are_not_written() {
    let good = event("");
    for (phrase, text, parquet, quarantine) in [
        ("no text", String::new(), false, false),
        ("blank lines", "\n\n \n".to_owned(), false, false),
        ("good records alone", good.clone(), true, false),
        ("bad records alone", "{".to_owned(), false, true),
        ("both", format!("{good}\n{{"), true, true),
    ] {
        let conversion = convert(&WHOLE, text.as_bytes());
        assert_eq!(
            (!conversion.parquet.is_empty(), !conversion.quarantine.is_empty()),
            (parquet, quarantine),
            "{phrase}"
        );
    }
}

#[test]
fn failing_reader_error_is_the_source() {
    #[derive(Debug, thiserror::Error)]
    #[error("the checksum is wrong")]
    struct ChecksumMismatch;
    struct ChecksumReader;
    impl Read for ChecksumReader {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other(ChecksumMismatch))
        }
    }
    let good = format!("{}\n", event(""));
    let error = convert_chunk(&WHOLE, good.as_bytes().chain(BufReader::new(ChecksumReader)), io::sink(), io::sink())
        .unwrap_err();
    let ConvertError::Read { offset, source } = error else { panic!("expected a read error, got {error:?}") };
    assert_eq!(offset, good.len() as u64);
    assert!(source.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<ChecksumMismatch>), "the reader's own error");
}

#[test]
fn failing_writer_error_names_the_output() {
    struct FullDisk;
    impl Write for FullDisk {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let text = format!("{}\n{{\n", event(""));
    for (expected, error) in [
        (ConvertOutput::Parquet, convert_chunk(&WHOLE, text.as_bytes(), FullDisk, io::sink()).unwrap_err()),
        (ConvertOutput::Quarantine, convert_chunk(&WHOLE, text.as_bytes(), io::sink(), FullDisk).unwrap_err()),
    ] {
        let message = error.to_string();
        let ConvertError::Write { output, source } = &error else { panic!("expected a write error, got {error:?}") };
        assert_eq!(*output, expected);
        assert_eq!(source.kind(), io::ErrorKind::StorageFull, "{message}");
        assert!(error.source().is_some());
    }
}

#[test]
fn long_type_name_is_counted_as_other() {
    let long = "x".repeat(1 << 20);
    let line = format!(r#"{{"type":"{long}","created_at":"2015-01-01T00:00:00Z"}}"#);
    let conversion = convert(&WHOLE, line.as_bytes());
    assert_eq!(conversion.converted.types.into_iter().collect::<Vec<_>>(), [("(other)".to_owned(), 1)]);
    assert!(conversion.parquet.len() > 1000, "the type is stored in full");
}
