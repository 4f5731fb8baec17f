//! The columns' names.

use std::collections::HashMap;

use crate::item::LOAD_ATTRIBUTES;
use crate::records::CsvRecord;

/// Attribute names may be longer; nobody's columns are.
const MAX_NAME_BYTES: usize = 255;

/// Why a header does not name columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A column has no name.
    #[error("column {column} of the header has no name")]
    Empty {
        /// Which, from 1.
        column: usize,
    },
    /// Two columns have one name.
    #[error("columns {first} and {column} of the header are both called '{name}'")]
    Repeated {
        /// The name.
        name: String,
        /// The column that has it, from 1.
        first: usize,
        /// The column that has it again.
        column: usize,
    },
    /// A column is called like what the load adds.
    #[error("column {column} of the header is called '{name}', which is what the load itself adds to every item")]
    Reserved {
        /// The name.
        name: String,
        /// Which, from 1.
        column: usize,
    },
    /// A name is no text.
    #[error("the name of column {column} of the header is not UTF-8")]
    NotUtf8 {
        /// Which, from 1.
        column: usize,
    },
    /// A name is too long.
    #[error(
        "the name of column {column} of the header has {bytes} bytes, more than {MAX_NAME_BYTES}: is there a header?"
    )]
    TooLong {
        /// Which, from 1.
        column: usize,
        /// Its length.
        bytes: usize,
    },
    /// The key is given a type.
    #[error("types gives column 'id' another type than S, but it is the table's key, which is a text")]
    KeyType,
    /// An option speaks of a column that is not there.
    #[error("{option} speaks of column '{name}', which the file does not have")]
    Unknown {
        /// The option.
        option: &'static str,
        /// The column's name.
        name: String,
    },
}

/// The names of a header's columns, without white space around them.
pub(crate) fn names(header: &CsvRecord<'_>) -> Result<Vec<String>, HeaderError> {
    let name = |(index, cell): (usize, &[u8])| match std::str::from_utf8(cell) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(_) => Err(HeaderError::NotUtf8 { column: index + 1 }),
    };
    header.cells().enumerate().map(name).collect()
}

/// Checks names, of a header or given.
pub(crate) fn check(names: &[String]) -> Result<(), HeaderError> {
    let mut seen = HashMap::with_capacity(names.len());
    for (name, column) in names.iter().zip(1..) {
        if name.is_empty() {
            return Err(HeaderError::Empty { column });
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(HeaderError::TooLong { column, bytes: name.len() });
        }
        if LOAD_ATTRIBUTES.contains(&name.as_str()) {
            return Err(HeaderError::Reserved { name: name.clone(), column });
        }
        if let Some(first) = seen.insert(name.as_str(), column) {
            return Err(HeaderError::Repeated { name: name.clone(), first, column });
        }
    }
    Ok(())
}
