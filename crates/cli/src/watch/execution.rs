//! The name of an execution, and what it tells.

use std::fmt;
use std::str::FromStr;

/// The ARN of an execution of one of the stack's state machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExecutionArn {
    text: String,
    region: String,
    machine: String,
}

/// What an execution runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One hour.
    Hour,
    /// The hours that are due.
    Ingest,
    /// A range of hours.
    Backfill,
    /// A CSV file into a table.
    CsvLoad,
    /// Its items out of the table again.
    CsvUndo,
    /// Something else without hours.
    Other,
}

/// The endings of the state machines' names.
const KINDS: [(&str, Kind); 5] = [
    ("-process-hour", Kind::Hour),
    ("-ingest", Kind::Ingest),
    ("-backfill", Kind::Backfill),
    ("-csv-load", Kind::CsvLoad),
    ("-csv-undo", Kind::CsvUndo),
];

#[derive(Debug, thiserror::Error)]
#[error("'{text}' is no execution: expected arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME")]
pub(crate) struct NotAnExecution {
    text: String,
}

impl ExecutionArn {
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    pub(crate) fn kind(&self) -> Kind {
        KINDS.iter().find(|(ending, _)| self.machine.ends_with(ending)).map_or(Kind::Other, |(_, kind)| *kind)
    }

    /// The ARN of the state machine of single hours in the same stack.
    pub(crate) fn process_hour_machine(&self) -> Option<String> {
        if !matches!(self.kind(), Kind::Hour | Kind::Ingest | Kind::Backfill) {
            return None;
        }
        let (stack, _) = KINDS.iter().find_map(|(ending, kind)| Some((self.machine.strip_suffix(ending)?, kind)))?;
        let head = self.text.split_once(":execution:")?.0;
        Some(format!("{head}:stateMachine:{stack}-process-hour"))
    }
}

impl FromStr for ExecutionArn {
    type Err = NotAnExecution;

    fn from_str(text: &str) -> Result<Self, NotAnExecution> {
        let parts: Vec<_> = text.split(':').collect();
        match parts[..] {
            ["arn", _, "states", region, _, "execution", machine, name] if !machine.is_empty() && !name.is_empty() => {
                Ok(Self { text: text.to_owned(), region: region.to_owned(), machine: machine.to_owned() })
            }
            _ => Err(NotAnExecution { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for ExecutionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_tells_what_runs_and_where() {
        for (machine, kind, of_hours) in [
            ("my-process-hour", Kind::Hour, Some("my-process-hour")),
            ("my-ingest", Kind::Ingest, Some("my-process-hour")),
            ("a-b-backfill", Kind::Backfill, Some("a-b-process-hour")),
            ("my-csv-load", Kind::CsvLoad, None),
            ("my-csv-undo", Kind::CsvUndo, None),
            ("my-prove", Kind::Other, None),
        ] {
            let arn: ExecutionArn = format!("arn:aws:states:eu-west-1:1:execution:{machine}:x").parse().unwrap();
            let expected = of_hours.map(|name| format!("arn:aws:states:eu-west-1:1:stateMachine:{name}"));
            assert_eq!((arn.kind(), arn.region(), arn.process_hour_machine()), (kind, "eu-west-1", expected));
        }
    }

    #[test]
    fn another_text_is_none() {
        for text in ["", "x", "arn:aws:states:r:1:stateMachine:m", "arn:aws:states:r:1:execution:m:", "arn:aws:s3:::b"]
        {
            assert!(text.parse::<ExecutionArn>().is_err(), "{text}");
        }
    }
}
