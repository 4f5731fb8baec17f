//! Options of the command line that become options of the loader.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::ValueEnum;
use csv_load::ColumnType;

/// Types by column name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TypeArguments(pub(super) BTreeMap<String, ColumnType>);

/// See [`csv_load::EmptyCells`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum EmptyCellsChoice {
    /// Store no attribute
    Omit,
    /// Store an empty string, or null in a column of type N or BOOL
    Keep,
}

/// See [`csv_load::OnExisting`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum OnExistingChoice {
    /// Replace the item
    Overwrite,
    /// Keep the item
    Skip,
    /// Fail the load
    Fail,
}

impl From<EmptyCellsChoice> for csv_load::EmptyCells {
    fn from(cells: EmptyCellsChoice) -> Self {
        match cells {
            EmptyCellsChoice::Omit => Self::Omit,
            EmptyCellsChoice::Keep => Self::Keep,
        }
    }
}

impl From<OnExistingChoice> for csv_load::OnExisting {
    fn from(what: OnExistingChoice) -> Self {
        match what {
            OnExistingChoice::Overwrite => Self::Overwrite,
            OnExistingChoice::Skip => Self::Skip,
            OnExistingChoice::Fail => Self::Fail,
        }
    }
}

impl FromStr for TypeArguments {
    type Err = String;

    /// Parses `{"price": "N"}`, `@file` with such JSON, or `price=N,active=BOOL`.
    fn from_str(text: &str) -> Result<Self, String> {
        let json = match text.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?,
            None if text.trim_start().starts_with('{') => text.to_owned(),
            None => return pairs(text),
        };
        let types: BTreeMap<String, String> =
            serde_json::from_str(&json).map_err(|error| format!("{error}; expected {{\"NAME\": \"N\", …}}"))?;
        types.into_iter().map(|(name, kind)| Ok((name, column_type(&kind)?))).collect::<Result<_, _>>().map(Self)
    }
}

fn pairs(text: &str) -> Result<TypeArguments, String> {
    let mut types = BTreeMap::new();
    for pair in text.split(',') {
        // A name may contain an equals sign, a type cannot.
        let (name, kind) = pair.rsplit_once('=').ok_or_else(|| format!("'{pair}': expected NAME=TYPE"))?;
        if types.insert(name.to_owned(), column_type(kind)?).is_some() {
            return Err(format!("column '{name}' has two types"));
        }
    }
    Ok(TypeArguments(types))
}

fn column_type(text: &str) -> Result<ColumnType, String> {
    serde_json::from_value(text.to_uppercase().into())
        .map_err(|_| format!("'{text}' is not a type: expected S, N or BOOL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_json_a_file_or_pairs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("types.json");
        std::fs::write(&path, r#"{"price": "N", "active": "BOOL"}"#).unwrap();
        let expected = BTreeMap::from([("price".to_owned(), ColumnType::N), ("active".to_owned(), ColumnType::BOOL)]);
        for text in [r#" {"price": "N", "active": "bool"}"#, "price=N,active=BOOL", &format!("@{}", path.display())] {
            assert_eq!(text.parse(), Ok(TypeArguments(expected.clone())), "{text}");
        }
        let odd = TypeArguments(BTreeMap::from([("a=b".to_owned(), ColumnType::S)]));
        assert_eq!("a=b=S".parse(), Ok(odd));
    }

    #[test]
    fn invalid_type_is_named() {
        for (text, words) in [
            ("price", "'price': expected NAME=TYPE"),
            ("price=X", "'X' is not a type: expected S, N or BOOL"),
            ("price=N,price=S", "two types"),
            (r#"{"price": "int"}"#, "'int' is not a type"),
            (r#"{"price": 1}"#, "expected {\"NAME\""),
            ("@/nowhere/types.json", "/nowhere/types.json: "),
        ] {
            let error = text.parse::<TypeArguments>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
