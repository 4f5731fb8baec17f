//! Finds the inputs and their hours.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use pipeline::ArchiveHour;

use crate::usage::ConvertUsageError;

/// An hour and the location that it is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HourInput {
    pub(crate) location: InputLocation,
    pub(crate) hour: ArchiveHour,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InputLocation {
    Stdin,
    File(PathBuf),
    Url(String),
}

impl fmt::Display for HourInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.location.fmt(f)
    }
}

impl fmt::Display for InputLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// The inputs in the order of the arguments, without repetitions.
///
/// # Errors
///
/// Without inputs, if the hour of an input is unknown, or if two inputs have the same hour.
pub(crate) fn resolve(
    arguments: &[String],
    hour: Option<ArchiveHour>,
    source_url: &str,
) -> Result<Vec<HourInput>, ConvertUsageError> {
    let mut places = Vec::new();
    for argument in arguments {
        for place in places_of(argument)? {
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    match (hour, places.len()) {
        (None, 0) => Err(ConvertUsageError::NoInput),
        (Some(hour), 0) => Ok(vec![HourInput { location: InputLocation::Url(url_of(source_url, hour)?), hour }]),
        (Some(hour), 1) => Ok(places.into_iter().map(|location| HourInput { location, hour }).collect()),
        (Some(_), inputs) => Err(ConvertUsageError::HourForMany { inputs }),
        (None, _) => with_hours(places),
    }
}

fn places_of(argument: &str) -> Result<Vec<InputLocation>, ConvertUsageError> {
    if argument == "-" {
        return Ok(vec![InputLocation::Stdin]);
    }
    if is_address(argument) {
        return Ok(vec![InputLocation::Url(argument.to_owned())]);
    }
    let is_glob = argument.contains(['*', '?', '[']) && !Path::new(argument).exists();
    if !is_glob {
        return Ok(vec![InputLocation::File(PathBuf::from(argument))]);
    }
    let matches = glob::glob(argument)
        .map_err(|source| ConvertUsageError::BadGlob { pattern: argument.to_owned(), source })?
        // An unreadable folder becomes an input that fails later with the reason.
        .map(|entry| entry.unwrap_or_else(|error| error.path().to_owned()))
        .map(InputLocation::File)
        .collect::<Vec<_>>();
    if matches.is_empty() {
        return Err(ConvertUsageError::NoMatch { pattern: argument.to_owned() });
    }
    Ok(matches)
}

fn is_address(argument: &str) -> bool {
    let scheme = argument.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
}

fn url_of(source_url: &str, hour: ArchiveHour) -> Result<String, ConvertUsageError> {
    if !is_address(source_url) {
        return Err(ConvertUsageError::NoAddress { url: source_url.to_owned() });
    }
    Ok(format!("{}/{}", source_url.trim_end_matches('/'), hour.file_name()))
}

fn with_hours(places: Vec<InputLocation>) -> Result<Vec<HourInput>, ConvertUsageError> {
    let mut inputs: Vec<HourInput> = Vec::with_capacity(places.len());
    let mut by_hour = HashMap::with_capacity(places.len());
    for place in places {
        let hour = hour_of(&place)?;
        if let Some(first) = by_hour.insert(hour, inputs.len()) {
            let first = inputs[first].to_string();
            return Err(ConvertUsageError::SameHour { hour, first, second: place.to_string() });
        }
        inputs.push(HourInput { location: place, hour });
    }
    Ok(inputs)
}

/// The hour of a name: its part before the first dot.
fn hour_of(place: &InputLocation) -> Result<ArchiveHour, ConvertUsageError> {
    let name = match place {
        InputLocation::Stdin => return Err(ConvertUsageError::NoHourOfStdin),
        InputLocation::File(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
        InputLocation::Url(url) => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default()
        }
    };
    let stem = name.split('.').next().unwrap_or_default();
    stem.parse().map_err(|_| ConvertUsageError::NoHour { input: place.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "https://data.gharchive.org/";

    fn places(arguments: &[&str], hour: Option<&str>) -> Result<Vec<String>, String> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let inputs = resolve(&arguments, hour.map(|hour| hour.parse().unwrap()), SOURCE);
        let inputs = inputs.map_err(|error| error.to_string())?;
        Ok(inputs.iter().map(|input| format!("{} {}", input.hour, input)).collect())
    }

    /// A phrase, the arguments, `--hour`, and the expected result.
    type Case<'a, T> = (&'a str, &'a [&'a str], Option<&'a str>, T);

    #[test]
    fn each_input_has_its_hour() {
        let cases: [Case<'_, &[&str]>; 8] = [
            ("the archive's name", &["a/2025-11-21-0.json.gz"], None, &["2025-11-21-0 a/2025-11-21-0.json.gz"]),
            ("a padded hour", &["2025-11-21-09.jsonl"], None, &["2025-11-21-9 2025-11-21-09.jsonl"]),
            ("words after it", &["2025-11-21-0.first.gz"], None, &["2025-11-21-0 2025-11-21-0.first.gz"]),
            ("no extension", &["2025-11-21-0"], None, &["2025-11-21-0 2025-11-21-0"]),
            (
                "an address",
                &["http://h/2025-11-21-0.json.gz?x=y/z"],
                None,
                &["2025-11-21-0 http://h/2025-11-21-0.json.gz?x=y/z"],
            ),
            ("named by --hour", &["x.gz"], Some("2025-11-21-5"), &["2025-11-21-5 x.gz"]),
            (
                "only --hour",
                &[],
                Some("2025-11-21-05"),
                &["2025-11-21-5 https://data.gharchive.org/2025-11-21-5.json.gz"],
            ),
            ("the same twice", &["2025-11-21-0.gz", "2025-11-21-0.gz"], None, &["2025-11-21-0 2025-11-21-0.gz"]),
        ];
        for (case, arguments, hour, expected) in cases {
            assert_eq!(places(arguments, hour).unwrap(), expected, "{case}");
        }
    }

    #[test]
    fn usage_errors_name_a_remedy() {
        let cases: [Case<'_, &str>; 8] = [
            ("nothing", &[], None, "give --hour alone"),
            ("no hour in the name", &["events.json.gz"], None, "or add --hour"),
            ("not an hour", &["2025-11-21-24.json.gz"], None, "or add --hour"),
            ("an hour further on in the name", &["page.2025-11-21-0.json.gz"], None, "or add --hour"),
            ("standard input", &["-"], None, "add --hour"),
            ("an hour for two", &["a", "b"], Some("2025-11-21-0"), "but there are 2"),
            ("one hour twice", &["a/2025-11-21-0.gz", "b/2025-11-21-00.gz"], None, "use two folders"),
            ("a glob of nothing", &["no-such-folder/*.gz"], None, "no file matches"),
        ];
        for (case, arguments, hour, expected) in cases {
            let error = places(arguments, hour).unwrap_err();
            assert!(error.contains(expected), "{case}: {error}");
        }
    }
}
