//! The rules of a load: which rows become items.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Delimiter;
use crate::attributes::{KEY, MAX_ITEM_BYTES, MAX_KEY_BYTES, RESERVED_BYTES};
use crate::header::{self, HeaderError};
use crate::id::{HASH_CHARS, canonical_form};
use crate::records::CsvRecord;
use crate::types::{self, ColumnType};

/// The options of a load, as the user gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoadOptions {
    /// Detected from the head of the file if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// Whether the first record is the header. Without a header, columns are named `column_1`, `column_2` and so on.
    pub header: bool,
    /// The column names of a file without a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The column with the item's key. The default is `id`; without such a column, the key is a hash of the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_column: Option<String>,
    /// The types of columns. All other columns are text.
    pub types: BTreeMap<String, ColumnType>,
    /// Whether the types of all other columns are inferred from their cells.
    pub infer: bool,
    pub empty_cells: EmptyCells,
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

/// The treatment of empty cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmptyCells {
    /// The item does not have the attribute.
    #[default]
    Omit,
    /// The attribute is empty text, or null if the column has another type.
    Keep,
}

/// The treatment of an item of another load that has a row's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExisting {
    /// The row replaces the item.
    #[default]
    Overwrite,
    /// The item stays, and the row is counted as skipped.
    Skip,
    /// The item stays, and the load fails.
    Fail,
}

/// The options of a load, resolved against the columns of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RulesDocument", into = "RulesDocument")]
pub struct LoadRules {
    pub delimiter: Delimiter,
    pub columns: Vec<String>,
    /// The type of each column.
    pub types: Vec<ColumnType>,
    /// The index of the column with the key. If absent, the key is a hash of the row.
    pub id_column: Option<usize>,
    pub empty_cells: EmptyCells,
    pub on_existing: OnExisting,
    /// The column indexes, sorted by name.
    by_name: Vec<usize>,
    /// The length of each name.
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

/// The row does not become an item. `text` is the beginning of the cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowRejectReason {
    #[error("the row has {found} cells, the header has {expected}")]
    CellCount { expected: usize, found: usize },
    #[error("column '{column}' is not UTF-8")]
    NotUtf8 { column: String },
    #[error("column '{column}' is not a number of at most 38 digits: '{text}'")]
    BadNumber { column: String, text: String },
    #[error("column '{column}' is neither true nor false: '{text}'")]
    BadBoolean { column: String, text: String },
    /// All cells are empty.
    #[error("the row has no value")]
    NoValue,
    #[error("the id is empty")]
    EmptyId,
    #[error("the id has {bytes} bytes, more than the {MAX_KEY_BYTES} of a key")]
    IdTooLong { bytes: usize },
    #[error("the item has {bytes} bytes, more than the {} that an item has for a row", MAX_ITEM_BYTES - RESERVED_BYTES)]
    ItemTooLarge { bytes: u64 },
}

impl RowRejectReason {
    /// The stable name in the quarantine.
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

/// The size of a row's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemSize {
    /// The size as DynamoDB counts it, without what the load adds. Text counts exactly, except that one or two bytes count
    /// one byte more. A value of another type counts like its text, or one byte more: the largest size that it can have.
    pub bytes: u64,
}

impl ItemSize {
    /// The largest number of write units of the item, with what the load adds: one for each started KiB.
    pub fn write_units(self, added_bytes: u64) -> u64 {
        (self.bytes + added_bytes).div_ceil(1024)
    }
}

impl LoadRules {
    /// The rules for a file with these columns.
    pub(crate) fn new(options: &LoadOptions, delimiter: Delimiter, columns: Vec<String>) -> Result<Self, HeaderError> {
        header::check(&columns)?;
        let position = |name: &str| columns.iter().position(|column| column == name);
        let find =
            |option, name: &str| position(name).ok_or_else(|| HeaderError::Unknown { option, name: name.to_owned() });
        let id_column = match options.id_column.as_deref() {
            Some(name) => Some(find("id_column", name)?),
            None => position(KEY),
        };
        if let Some(column) = position(KEY).filter(|column| id_column != Some(*column)) {
            return Err(HeaderError::Reserved { name: KEY.to_owned(), column: column + 1 });
        }
        let mut types = vec![ColumnType::S; columns.len()];
        for (name, column_type) in &options.types {
            types[find("types", name)?] = *column_type;
        }
        if position(KEY).is_some_and(|key| types[key] != ColumnType::S) {
            return Err(HeaderError::KeyType);
        }
        let LoadOptions { empty_cells, on_existing, .. } = *options;
        Ok(RulesDocument { delimiter, columns, types, id_column, empty_cells, on_existing }.into())
    }

    /// Decides whether a row becomes an item.
    pub fn judge(&self, record: &CsvRecord<'_>) -> Result<ItemSize, RowRejectReason> {
        let (expected, found) = (self.columns.len(), record.len());
        if expected != found {
            return Err(RowRejectReason::CellCount { expected, found });
        }
        let (mut bytes, mut has_value) = (0, false);
        for (index, cell) in record.cells().enumerate() {
            if cell.is_empty() {
                // The name, and one byte for a null.
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
            // A number takes one byte for each two digits, plus one byte, plus another one if it is negative or has an odd
            // number of digits. Only a short number takes more bytes than its text. The sum ignores types, because they can
            // be inferred after a row is judged.
            bytes += self.name_bytes[index] + cell.len().max(cell.len() / 2 + 2) as u64;
        }
        if !has_value {
            return Err(RowRejectReason::NoValue);
        }
        if let Some(column) = not_utf8(record) {
            return Err(RowRejectReason::NotUtf8 { column: self.columns[column].clone() });
        }
        self.judge_id(record)?;
        bytes += self.key_bytes(record);
        if bytes + RESERVED_BYTES > MAX_ITEM_BYTES {
            return Err(RowRejectReason::ItemTooLarge { bytes });
        }
        Ok(ItemSize { bytes })
    }

    /// The size of the key if it is an additional attribute: a hash, or the copy of a column with another name.
    fn key_bytes(&self, record: &CsvRecord<'_>) -> u64 {
        let value_bytes = match self.id_column {
            Some(column) if self.columns[column] == KEY => return 0,
            Some(column) => record.cell(column).len(),
            None => HASH_CHARS,
        };
        (KEY.len() + value_bytes) as u64
    }

    /// The columns that are not text, in their order.
    pub fn typed(&self) -> impl Iterator<Item = (String, ColumnType)> {
        let columns = self.columns.iter().zip(&self.types).filter(|(_, kind)| **kind != ColumnType::S);
        columns.map(|(name, kind)| (name.clone(), *kind))
    }

    /// The bytes that are equal for rows with the same id: the key, or the canonical form that it is the hash of.
    pub(crate) fn identity<'a>(&self, record: &CsvRecord<'a>, form: &'a mut Vec<u8>) -> &'a [u8] {
        if let Some(column) = self.id_column {
            return record.cell(column);
        }
        let cells = self.by_name.iter().map(|column| (self.columns[*column].as_str(), record.cell(*column)));
        canonical_form(cells, form);
        form
    }

    fn judge_id(&self, record: &CsvRecord<'_>) -> Result<(), RowRejectReason> {
        let Some(column) = self.id_column else { return Ok(()) };
        match record.cell(column).len() {
            0 => Err(RowRejectReason::EmptyId),
            bytes if bytes > MAX_KEY_BYTES => Err(RowRejectReason::IdTooLong { bytes }),
            _ => Ok(()),
        }
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

/// The first cell that is not UTF-8.
fn not_utf8(record: &CsvRecord<'_>) -> Option<usize> {
    if record.is_utf8() {
        return None;
    }
    record.cells().position(|cell| std::str::from_utf8(cell).is_err())
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
