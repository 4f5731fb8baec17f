//! The first bytes of a file: they show whether it is CSV, and which delimiter it has.

use crate::Delimiter;
use crate::records::{CsvRecordReader, RecordPosition};

/// The length of the head.
pub const HEAD_BYTES: usize = 64 << 10;

/// The largest number of records that are compared.
const RECORDS: usize = 200;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The file is not CSV.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The file has 0 bytes, or white space alone.
    #[error("the file is empty")]
    Empty,
    #[error("the file is encoded in {encoding}: save it in UTF-8")]
    Encoding { encoding: &'static str },
    #[error("the file is not CSV: it looks like {format}")]
    NotCsv { format: &'static str },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The length of the byte order mark.
    pub(crate) mark_bytes: usize,
    /// The delimiter that fits best.
    pub(crate) delimiter: Delimiter,
}

/// Inspects the first [`HEAD_BYTES`] of a file. `is_whole`: the file is not longer.
pub(crate) fn inspect(head: &[u8], is_whole: bool) -> Result<Head, HeadError> {
    check_format(head)?;
    let mark_bytes = if head.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let text = &head[mark_bytes..];
    if is_whole && text.iter().all(u8::is_ascii_whitespace) {
        return Err(HeadError::Empty);
    }
    Ok(Head { mark_bytes, delimiter: delimiter(text, is_whole) })
}

fn check_format(head: &[u8]) -> Result<(), HeadError> {
    const MARKS: [(&[u8], &str); 4] =
        [(b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")];
    const MAGIC: [(&[u8], &str); 7] = [
        (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        (b"PAR1", "a Parquet file"),
        (b"%PDF", "a PDF document"),
        (b"BZh", "a bzip2 file"),
        (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
        (b"\x89PNG", "an image"),
    ];
    if let Some((_, encoding)) = MARKS.into_iter().find(|(mark, _)| head.starts_with(mark)) {
        return Err(HeadError::Encoding { encoding });
    }
    if let Some((_, format)) = MAGIC.into_iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(HeadError::NotCsv { format });
    }
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    match (even, odd) {
        (0, 0) => Ok(()),
        _ if head.len() >= 4 && (even == 0 || odd == 0) && (even + odd) * 3 > head.len() => {
            Err(HeadError::Encoding { encoding: "UTF-16" })
        }
        _ => Err(HeadError::NotCsv { format: "a binary file (it has NUL bytes)" }),
    }
}

/// The delimiter for which the most records have as many cells as the first. Among equals, the one with the most cells wins.
fn delimiter(text: &[u8], is_whole: bool) -> Delimiter {
    let fit = |delimiter: Delimiter| {
        let widths = widths(text, delimiter, is_whole);
        let first = widths.first().copied().unwrap_or(0);
        let alike = widths.iter().filter(|width| **width == first).count();
        (first > 1).then(|| (alike * 1000 / widths.len(), first))
    };
    let fitting = Delimiter::ALL.into_iter().filter_map(|delimiter| Some((fit(delimiter)?, delimiter)));
    // `max_by_key` returns the last of equals; reversed, that is the most usual delimiter.
    fitting.rev().max_by_key(|(fit, _)| *fit).map_or(Delimiter::Comma, |(_, delimiter)| delimiter)
}

fn widths(text: &[u8], delimiter: Delimiter, is_whole: bool) -> Vec<usize> {
    let mut records = CsvRecordReader::new(text, delimiter.byte(), RecordPosition { offset: 0, line: 1 });
    let mut widths = Vec::new();
    while widths.len() <= RECORDS {
        match records.next_record() {
            Ok(Some(record)) => widths.push(record.len()),
            // The planner reports an open quote with its line.
            Ok(None) | Err(_) => break,
        }
    }
    // The head may end in the middle of a record.
    if !is_whole && widths.len() > 1 {
        widths.pop();
    }
    widths
}
