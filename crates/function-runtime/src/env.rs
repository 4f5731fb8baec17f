//! Environment variables, typed.

use std::fmt::Display;
use std::str::FromStr;

/// The environment, or a stand-in for it.
pub struct Env {
    lookup: Lookup,
}

type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// An environment variable is absent or holds what it must not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {variable} {reason}")]
pub struct InvalidConfiguration {
    /// The variable's name.
    pub variable: String,
    /// What is wrong with it.
    pub reason: String,
}

impl InvalidConfiguration {
    /// Says that `variable` is wrong because of `reason`, which reads on after the variable's name.
    pub fn new(variable: &str, reason: impl Into<String>) -> Self {
        Self { variable: variable.to_owned(), reason: reason.into() }
    }
}

impl Env {
    /// The environment of this process. An empty variable counts as absent.
    pub fn of_process() -> Self {
        Self { lookup: Box::new(|name| std::env::var(name).ok()) }
    }

    /// An environment of these variables and no others.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let find = move |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Self { lookup: Box::new(find) }
    }

    /// The text of a variable that must be there.
    pub fn text(&self, variable: &str) -> Result<String, InvalidConfiguration> {
        self.find(variable).ok_or_else(|| InvalidConfiguration::new(variable, "is not set"))
    }

    /// The value of a variable that must be there.
    pub fn value<T>(&self, variable: &str) -> Result<T, InvalidConfiguration>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(variable)?;
        text.parse().map_err(|error| InvalidConfiguration::new(variable, format!("is '{text}': {error}")))
    }

    /// The value of a variable, or `default` where it is absent.
    pub fn value_or<T>(&self, variable: &str, default: T) -> Result<T, InvalidConfiguration>
    where
        T: FromStr<Err: Display>,
    {
        if self.find(variable).is_none() { Ok(default) } else { self.value(variable) }
    }

    /// One of the words that `choices` names, or `default` where the variable is absent.
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
    fn a_variable_is_read_with_its_type() {
        let env = Env::of(&[("DAYS", "7"), ("BUCKET", "lake"), ("EMPTY", ""), ("PAYLOAD", "drop")]);
        assert_eq!(env.value("DAYS"), Ok(7_u32));
        assert_eq!(env.text("BUCKET"), Ok("lake".to_owned()));
        assert_eq!(env.value_or("HOURS", 48_u32), Ok(48));
        assert_eq!(env.value_or("EMPTY", 48_u32), Ok(48), "an empty variable is an absent one");
        assert_eq!(env.choice_or("PAYLOAD", &[("keep", 1), ("drop", 2)], 1), Ok(2));
        assert_eq!(env.choice_or("OTHER", &[("keep", 1), ("drop", 2)], 1), Ok(1));
    }

    #[test]
    fn a_bad_variable_is_named() {
        let env = Env::of(&[("DAYS", "-7"), ("EMPTY", ""), ("PAYLOAD", "Keep")]);
        for (phrase, error, message) in [
            (
                "a negative number",
                env.value::<u32>("DAYS").map(drop),
                "environment variable DAYS is '-7': invalid digit found in string",
            ),
            (
                "bad in spite of a default",
                env.value_or::<u32>("DAYS", 1).map(drop),
                "environment variable DAYS is '-7': invalid digit found in string",
            ),
            ("absent", env.text("BUCKET").map(drop), "environment variable BUCKET is not set"),
            ("empty", env.text("EMPTY").map(drop), "environment variable EMPTY is not set"),
            (
                "no choice",
                env.choice_or("PAYLOAD", &[("keep", ()), ("drop", ())], ()),
                "environment variable PAYLOAD is 'Keep': expected one of keep, drop",
            ),
        ] {
            assert_eq!(error.unwrap_err().to_string(), message, "{phrase}");
        }
    }
}
