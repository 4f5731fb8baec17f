//! The names of the columns.

use std::collections::HashMap;

use crate::attributes::LOAD_ATTRIBUTES;
use crate::records::CsvRecord;

/// DynamoDB allows longer attribute names, but such a column name is most likely not a header.
const MAX_NAME_BYTES: usize = 255;

/// The header, or an option, does not name the columns. Column numbers start at 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("column {column} of the header has no name")]
    Empty { column: usize },
    #[error("columns {first} and {column} of the header have the same name, '{name}'")]
    Repeated { name: String, first: usize, column: usize },
    #[error("column {column} of the header has the name '{name}', which the load adds to every item: rename it")]
    Reserved { name: String, column: usize },
    #[error("the name of column {column} of the header is not UTF-8")]
    NotUtf8 { column: usize },
    #[error(
        "the name of column {column} of the header has {bytes} bytes, more than {MAX_NAME_BYTES}: does the file have a header?"
    )]
    TooLong { column: usize, bytes: usize },
    #[error("types gives column 'id' another type than S, but it is the table's key, which is text")]
    KeyType,
    #[error("{option} names column '{name}', which the file does not have")]
    Unknown { option: &'static str, name: String },
}

/// The column names of a header, without surrounding white space.
pub(crate) fn names(header: &CsvRecord<'_>) -> Result<Vec<String>, HeaderError> {
    let name = |(index, cell): (usize, &[u8])| match std::str::from_utf8(cell) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(_) => Err(HeaderError::NotUtf8 { column: index + 1 }),
    };
    header.cells().enumerate().map(name).collect()
}

/// Checks the column names of a header or of an option.
pub(crate) fn check(names: &[String]) -> Result<(), HeaderError> {
    let mut columns = HashMap::with_capacity(names.len());
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
        if let Some(first) = columns.insert(name.as_str(), column) {
            return Err(HeaderError::Repeated { name: name.clone(), first, column });
        }
    }
    Ok(())
}
