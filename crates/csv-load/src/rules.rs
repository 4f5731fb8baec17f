//! What becomes of a row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Delimiter;
use crate::header::{self, HeaderError};
use crate::id::{HASH_CHARS, canonical_form};
use crate::item::{KEY, MAX_ITEM_BYTES, MAX_KEY_BYTES, RESERVED_BYTES};
use crate::records::CsvRecord;
use crate::types::{self, ColumnType};

/// How a file is to be loaded, as its owner says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoadOptions {
    /// What separates cells; found from the file's head if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// Whether the first record names the columns. Without, they are called `column_1` and so on.
    pub header: bool,
    /// The columns' names, of a file without a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The column whose value is an item's key. If absent it is `id`, and of a file without such a column a hash of the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_column: Option<String>,
    /// Types of columns; all others are text.
    pub types: BTreeMap<String, ColumnType>,
    /// Whether the other columns' types follow from all of their cells.
    pub infer: bool,
    /// What becomes of empty cells.
    pub empty_cells: EmptyCells,
    /// What happens to items that are there already.
    pub on_existing: OnExisting,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            delimiter: None,
            header: true,
            columns: None,
            id_column: None,
            types: BTreeMap::new(),
            infer: false,
            empty_cells: EmptyCells::default(),
            on_existing: OnExisting::default(),
        }
    }
}

/// What becomes of empty cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmptyCells {
    /// The item has no such attribute.
    #[default]
    Omit,
    /// The attribute is an empty text, or null if its column has another type.
    Keep,
}

/// What happens to an item that has a row's id and is not of this load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExisting {
    /// The row takes its place.
    #[default]
    Overwrite,
    /// It stays, and the row is counted as skipped.
    Skip,
    /// It stays, and the load fails.
    Fail,
}

/// How rows of one file become items: the options, with all that was found out about the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RulesDocument", into = "RulesDocument")]
pub struct LoadRules {
    /// What separates cells.
    pub delimiter: Delimiter,
    /// The columns' names.
    pub columns: Vec<String>,
    /// The columns' types.
    pub types: Vec<ColumnType>,
    /// The column whose value is the key; a hash of the row is, if there is none.
    pub id_column: Option<usize>,
    /// What becomes of empty cells.
    pub empty_cells: EmptyCells,
    /// What happens to items that are there already.
    pub on_existing: OnExisting,
    /// The columns in the order of their names.
    by_name: Vec<usize>,
    /// Bytes of the names.
    name_bytes: Vec<u64>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesDocument {
    delimiter: Delimiter,
    columns: Vec<String>,
    types: Vec<ColumnType>,
    id_column: Option<usize>,
    empty_cells: EmptyCells,
    on_existing: OnExisting,
}

/// Why a row does not become an item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowRejectReason {
    /// It has too few or too many cells.
    #[error("the row has {found} cells, the header {expected}")]
    CellCount {
        /// Cells of the header.
        expected: usize,
        /// Cells of the row.
        found: usize,
    },
    /// A cell is no text.
    #[error("column '{column}' is not UTF-8")]
    NotUtf8 {
        /// The cell's column.
        column: String,
    },
    /// A cell of a column of numbers is none.
    #[error("column '{column}' is no number of at most 38 digits: '{text}'")]
    BadNumber {
        /// The cell's column.
        column: String,
        /// The beginning of what it holds.
        text: String,
    },
    /// A cell of a column of truths is none.
    #[error("column '{column}' is neither true nor false: '{text}'")]
    BadBoolean {
        /// The cell's column.
        column: String,
        /// The beginning of what it holds.
        text: String,
    },
    /// All cells are empty.
    #[error("the row has no value")]
    NoValue,
    /// The key is empty.
    #[error("the id is empty")]
    EmptyId,
    /// The key is too long.
    #[error("the id has {bytes} bytes, a key at most {MAX_KEY_BYTES}")]
    IdTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The item is too large.
    #[error("the item would have {bytes} bytes, at most {} fit beside what the load adds", MAX_ITEM_BYTES - RESERVED_BYTES)]
    ItemTooLarge {
        /// Its size as [`ItemSize`] has it.
        bytes: u64,
    },
}

impl RowRejectReason {
    /// Its name in the quarantine: a stable word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CellCount { .. } => "CellCount",
            Self::NotUtf8 { .. } => "NotUtf8",
            Self::BadNumber { .. } => "BadNumber",
            Self::BadBoolean { .. } => "BadBoolean",
            Self::NoValue => "NoValue",
            Self::EmptyId => "EmptyId",
            Self::IdTooLong { .. } => "IdTooLong",
            Self::ItemTooLarge { .. } => "ItemTooLarge",
        }
    }
}

/// A row that becomes an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemSize {
    /// The item's size as DynamoDB counts it, without what the load adds: exact for text, but for a byte too many if it
    /// has one or two; a value of another type is taken as long as its text, or a byte longer, which is the most that it can be.
    pub bytes: u64,
}

impl ItemSize {
    /// Write units that the item takes at most, with what the load adds: one for every KiB begun.
    pub fn write_units(self, added_bytes: u64) -> u64 {
        (self.bytes + added_bytes).div_ceil(1024)
    }
}

impl LoadRules {
    /// The rules for a file with these columns.
    pub(crate) fn new(options: &LoadOptions, delimiter: Delimiter, columns: Vec<String>) -> Result<Self, HeaderError> {
        header::check(&columns)?;
        let position = |name: &str| columns.iter().position(|column| column == name);
        let known =
            |option, name: &str| position(name).ok_or_else(|| HeaderError::Unknown { option, name: name.to_owned() });
        let id_column = match options.id_column.as_deref() {
            Some(name) => Some(known("id_column", name)?),
            None => position(KEY),
        };
        if let Some(column) = position(KEY).filter(|column| id_column != Some(*column)) {
            return Err(HeaderError::Reserved { name: KEY.to_owned(), column: column + 1 });
        }
        let mut types = vec![ColumnType::S; columns.len()];
        for (name, column_type) in &options.types {
            types[known("types", name)?] = *column_type;
        }
        if position(KEY).is_some_and(|key| types[key] != ColumnType::S) {
            return Err(HeaderError::KeyType);
        }
        let LoadOptions { empty_cells, on_existing, .. } = *options;
        Ok(RulesDocument { delimiter, columns, types, id_column, empty_cells, on_existing }.into())
    }

    /// Whether a row becomes an item.
    ///
    /// # Errors
    /// Why it does not.
    pub fn judge(&self, record: &CsvRecord<'_>) -> Result<ItemSize, RowRejectReason> {
        let (expected, found) = (self.columns.len(), record.len());
        if expected != found {
            return Err(RowRejectReason::CellCount { expected, found });
        }
        let (mut bytes, mut has_value) = (0, false);
        for (index, cell) in record.cells().enumerate() {
            if cell.is_empty() {
                // A name without a value, or with a null, which has a byte.
                bytes += if self.empty_cells == EmptyCells::Keep { self.name_bytes[index] + 1 } else { 0 };
                continue;
            }
            has_value = true;
            match self.types[index] {
                ColumnType::S => {}
                ColumnType::N if types::is_number(cell) => {}
                ColumnType::BOOL if types::boolean(cell).is_some() => {}
                column_type => return Err(self.wrong_type(index, cell, column_type)),
            }
            // A number takes a byte for two digits, one more, and one if it is negative or its digits do not pair: more than its
            // text only if that is short. Types have no part in it, as they may be inferred later than a row is judged.
            bytes += self.name_bytes[index] + cell.len().max(cell.len() / 2 + 2) as u64;
        }
        if !has_value {
            return Err(RowRejectReason::NoValue);
        }
        if let Some(column) = self.not_utf8(record) {
            return Err(RowRejectReason::NotUtf8 { column: self.columns[column].clone() });
        }
        self.judge_id(record)?;
        bytes += self.key_bytes(record);
        if bytes + RESERVED_BYTES > MAX_ITEM_BYTES {
            return Err(RowRejectReason::ItemTooLarge { bytes });
        }
        Ok(ItemSize { bytes })
    }

    /// The size of the key, if it is no column of its own: a hash, or a column with another name, which is there once more.
    fn key_bytes(&self, record: &CsvRecord<'_>) -> u64 {
        let value_bytes = match self.id_column {
            Some(column) if self.columns[column] == KEY => return 0,
            Some(column) => record.cell(column).len(),
            None => HASH_CHARS,
        };
        (KEY.len() + value_bytes) as u64
    }

    /// The columns that are no text, in their order.
    pub fn typed(&self) -> impl Iterator<Item = (String, ColumnType)> {
        let columns = self.columns.iter().zip(&self.types).filter(|(_, kind)| **kind != ColumnType::S);
        columns.map(|(name, kind)| (name.clone(), *kind))
    }

    /// What two rows with one id have in common and no others: the key, or what it is a hash of.
    pub(crate) fn identity<'a>(&self, record: &CsvRecord<'a>, form: &'a mut Vec<u8>) -> &'a [u8] {
        match self.id_column {
            Some(column) => record.cell(column),
            None => {
                let cells = self.by_name.iter().map(|column| (self.columns[*column].as_str(), record.cell(*column)));
                canonical_form(cells, form);
                form
            }
        }
    }

    fn judge_id(&self, record: &CsvRecord<'_>) -> Result<(), RowRejectReason> {
        let Some(column) = self.id_column else { return Ok(()) };
        match record.cell(column).len() {
            0 => Err(RowRejectReason::EmptyId),
            bytes if bytes > MAX_KEY_BYTES => Err(RowRejectReason::IdTooLong { bytes }),
            _ => Ok(()),
        }
    }

    fn not_utf8(&self, record: &CsvRecord<'_>) -> Option<usize> {
        if record.is_utf8() {
            return None;
        }
        record.cells().position(|cell| std::str::from_utf8(cell).is_err())
    }

    fn wrong_type(&self, index: usize, cell: &[u8], column_type: ColumnType) -> RowRejectReason {
        let text: String = String::from_utf8_lossy(cell).chars().take(40).collect();
        let column = self.columns[index].clone();
        match column_type {
            ColumnType::BOOL => RowRejectReason::BadBoolean { column, text },
            _ => RowRejectReason::BadNumber { column, text },
        }
    }
}

impl From<RulesDocument> for LoadRules {
    fn from(document: RulesDocument) -> Self {
        let RulesDocument { delimiter, columns, types, id_column, empty_cells, on_existing } = document;
        let mut by_name: Vec<usize> = (0..columns.len()).collect();
        by_name.sort_unstable_by(|a, b| columns[*a].cmp(&columns[*b]));
        let name_bytes = columns.iter().map(|name| name.len() as u64).collect();
        Self { delimiter, columns, types, id_column, empty_cells, on_existing, by_name, name_bytes }
    }
}

impl From<LoadRules> for RulesDocument {
    fn from(rules: LoadRules) -> Self {
        let LoadRules { delimiter, columns, types, id_column, empty_cells, on_existing, by_name: _, name_bytes: _ } =
            rules;
        Self { delimiter, columns, types, id_column, empty_cells, on_existing }
    }
}
