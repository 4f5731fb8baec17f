//! What the first bytes of a file tell: whether it is CSV at all, and what separates its cells.

use crate::Delimiter;
use crate::records::{CsvRecordReader, RecordPosition};

/// So many bytes are looked at.
pub const HEAD_BYTES: usize = 64 << 10;

/// The records of the head that are compared.
const RECORDS: usize = 200;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a file is not taken as CSV.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// There is no byte but line ends.
    #[error("the file is empty")]
    Empty,
    /// The text is in an encoding other than UTF-8.
    #[error("the file is encoded in {encoding}: UTF-8 is needed")]
    Encoding {
        /// The encoding.
        encoding: &'static str,
    },
    /// It is something else.
    #[error("the file is no CSV: it looks like {what}")]
    NotCsv {
        /// What it looks like.
        what: &'static str,
    },
}

/// What the head tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Length of the byte order mark.
    pub(crate) mark_bytes: usize,
    /// The delimiter that fits best.
    pub(crate) delimiter: Delimiter,
}

/// Looks at the first [`HEAD_BYTES`] of a file, or all of a shorter one.
pub(crate) fn look(head: &[u8], is_whole: bool) -> Result<Head, HeadError> {
    refuse(head)?;
    let mark_bytes = if head.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let text = &head[mark_bytes..];
    if is_whole && text.iter().all(|byte| byte.is_ascii_whitespace()) {
        return Err(HeadError::Empty);
    }
    Ok(Head { mark_bytes, delimiter: delimiter(text, is_whole) })
}

fn refuse(head: &[u8]) -> Result<(), HeadError> {
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
    if let Some((_, what)) = MAGIC.into_iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(HeadError::NotCsv { what });
    }
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    match (even, odd) {
        (0, 0) => Ok(()),
        _ if head.len() >= 4 && (even == 0 || odd == 0) && (even + odd) * 3 > head.len() => {
            Err(HeadError::Encoding { encoding: "UTF-16" })
        }
        _ => Err(HeadError::NotCsv { what: "a binary file (it has NUL bytes)" }),
    }
}

/// The delimiter by which most records have as many cells as the first; of several, the one that gives the most cells.
fn delimiter(text: &[u8], is_whole: bool) -> Delimiter {
    let fit = |delimiter: Delimiter| {
        let widths = widths(text, delimiter, is_whole);
        let first = widths.first().copied().unwrap_or(0);
        let alike = widths.iter().filter(|width| **width == first).count();
        (first > 1).then(|| (alike * 1000 / widths.len(), first))
    };
    let fitting = Delimiter::ALL.into_iter().filter_map(|delimiter| Some((fit(delimiter)?, delimiter)));
    // The first of equals: the most usual one.
    fitting.rev().max_by_key(|(fit, _)| *fit).map_or(Delimiter::Comma, |(_, delimiter)| delimiter)
}

fn widths(text: &[u8], delimiter: Delimiter, is_whole: bool) -> Vec<usize> {
    let mut records = CsvRecordReader::new(text, delimiter.byte(), RecordPosition { offset: 0, line: 1 });
    let mut widths = Vec::new();
    while widths.len() <= RECORDS {
        match records.next_record() {
            Ok(Some(record)) => widths.push(record.len()),
            // An open quote is told with its line by whoever reads all of the text.
            Ok(None) | Err(_) => break,
        }
    }
    // The head may end in the middle of a record.
    if !is_whole && widths.len() > 1 {
        widths.pop();
    }
    widths
}
