//! Environment variables, typed.

use std::fmt::Display;
use std::str::FromStr;

/// The environment of the process, or a fixed one in tests.
pub struct Env {
    lookup: Lookup,
}

type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {variable} {reason}")]
pub struct InvalidConfiguration {
    pub variable: String,
    /// Follows the name of the variable in the message, for example `is not set`.
    pub reason: String,
}

impl InvalidConfiguration {
    pub fn new(variable: &str, reason: impl Into<String>) -> Self {
        Self { variable: variable.to_owned(), reason: reason.into() }
    }
}

impl Env {
    /// An empty variable counts as absent.
    pub fn of_process() -> Self {
        Self { lookup: Box::new(|name| std::env::var(name).ok()) }
    }

    pub fn of(variables: &[(&str, &str)]) -> Self {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let find = move |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Self { lookup: Box::new(find) }
    }

    /// Reads a required variable.
    pub fn text(&self, variable: &str) -> Result<String, InvalidConfiguration> {
        self.find(variable).ok_or_else(|| InvalidConfiguration::new(variable, "is not set"))
    }

    /// Reads and parses a required variable.
    pub fn value<T>(&self, variable: &str) -> Result<T, InvalidConfiguration>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(variable)?;
        text.parse().map_err(|error| InvalidConfiguration::new(variable, format!("is '{text}': {error}")))
    }

    /// Reads and parses a variable, or returns `default` if it is absent.
    pub fn value_or<T>(&self, variable: &str, default: T) -> Result<T, InvalidConfiguration>
    where
        T: FromStr<Err: Display>,
    {
        if self.find(variable).is_none() { Ok(default) } else { self.value(variable) }
    }

    /// Reads a variable whose value is one of the words in `choices`, or returns `default` if it is absent.
    pub fn choice_or<T: Clone>(
        &self,
        variable: &str,
        choices: &[(&str, T)],
        default: T,
    ) -> Result<T, InvalidConfiguration> {
        let Some(text) = self.find(variable) else { return Ok(default) };
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| value.clone());
        chosen.ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            InvalidConfiguration::new(variable, format!("is '{text}': expected one of {}", words.join(", ")))
        })
    }

    fn find(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_variable_parses_to_its_type() {
        let env = Env::of(&[("DAYS", "7"), ("BUCKET", "lake"), ("EMPTY", ""), ("PAYLOAD", "drop")]);
        assert_eq!(env.value("DAYS"), Ok(7_u32));
        assert_eq!(env.text("BUCKET"), Ok("lake".to_owned()));
        assert_eq!(env.value_or("HOURS", 48_u32), Ok(48));
        assert_eq!(env.value_or("EMPTY", 48_u32), Ok(48), "empty counts as absent");
        assert_eq!(env.choice_or("PAYLOAD", &[("keep", 1), ("drop", 2)], 1), Ok(2));
        assert_eq!(env.choice_or("OTHER", &[("keep", 1), ("drop", 2)], 1), Ok(1));
    }

    #[test]
    fn env_invalid_variable_is_named() {
        let env = Env::of(&[("DAYS", "-7"), ("EMPTY", ""), ("PAYLOAD", "Keep")]);
        for (phrase, error, message) in [
            (
                "a negative number",
                env.value::<u32>("DAYS").map(drop),
                "environment variable DAYS is '-7': invalid digit found in string",
            ),
            (
                "invalid despite a default",
                env.value_or::<u32>("DAYS", 1).map(drop),
                "environment variable DAYS is '-7': invalid digit found in string",
            ),
            ("absent", env.text("BUCKET").map(drop), "environment variable BUCKET is not set"),
            ("empty", env.text("EMPTY").map(drop), "environment variable EMPTY is not set"),
            (
                "not one of the choices",
                env.choice_or("PAYLOAD", &[("keep", ()), ("drop", ())], ()),
                "environment variable PAYLOAD is 'Keep': expected one of keep, drop",
            ),
        ] {
            assert_eq!(error.unwrap_err().to_string(), message, "{phrase}");
        }
    }
}
