//! Opens an input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use gzip_plan::PlainText;

use crate::error::FileError;
use crate::http;
use crate::inputs::InputLocation;

pub(crate) struct Opened {
    pub(crate) reader: Box<dyn Read + Send>,
    /// The length, if it is known.
    pub(crate) bytes: Option<u64>,
    /// Which plain text is accepted besides gzip.
    pub(crate) plain_text: PlainText,
}

/// Opens an input.
///
/// # Errors
///
/// If it does not exist, cannot be read, or is a folder; for an address, see [`http::HttpError`].
pub(crate) fn open(place: &InputLocation) -> Result<Opened, FileError> {
    match place {
        InputLocation::Stdin => {
            Ok(Opened { reader: Box::new(io::stdin()), bytes: None, plain_text: PlainText::IfJson })
        }
        InputLocation::File(path) => open_file(path).map_err(FileError::Open),
        InputLocation::Url(url) => {
            let (reader, bytes) = http::open(url).map_err(FileError::Http)?;
            Ok(Opened { reader: Box::new(reader), bytes, plain_text: PlainText::IfJson })
        }
    }
}

fn open_file(path: &Path) -> io::Result<Opened> {
    let file = File::open(path)?;
    let facts = file.metadata()?;
    if facts.is_dir() {
        let text = format!("is a folder; name its files, for example '{}/*.json.gz'", path.display());
        return Err(io::Error::new(io::ErrorKind::IsADirectory, text));
    }
    let plain_text = match path.extension().and_then(|extension| extension.to_str()) {
        // The extension stands for JSON, so even a file that begins with a bad record is accepted.
        Some("json" | "jsonl" | "ndjson") => PlainText::UnlessMarkup,
        _ => PlainText::IfJson,
    };
    Ok(Opened { reader: Box::new(file), bytes: facts.is_file().then_some(facts.len()), plain_text })
}
