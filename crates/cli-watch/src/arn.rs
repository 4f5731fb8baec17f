//! The ARN of an execution.

use std::fmt;
use std::str::FromStr;

/// The ARN of an execution of one of the stack's state machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionArn {
    text: String,
    region: String,
    machine: String,
}

/// What an execution does, from the name of its state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionKind {
    /// Runs one hour.
    Hour,
    /// Runs the hours that are due.
    Ingest,
    /// Runs a range of hours.
    Backfill,
    /// Loads a CSV file into a table.
    CsvLoad,
    /// Deletes the items of a load.
    CsvUndo,
    /// Anything else; it starts no hours.
    Other,
}

/// The suffixes of the names of state machines.
const KINDS: [(&str, ExecutionKind); 5] = [
    ("-process-hour", ExecutionKind::Hour),
    ("-ingest", ExecutionKind::Ingest),
    ("-backfill", ExecutionKind::Backfill),
    ("-csv-load", ExecutionKind::CsvLoad),
    ("-csv-undo", ExecutionKind::CsvUndo),
];

#[derive(Debug, thiserror::Error)]
#[error("'{text}' is not the ARN of an execution: expected arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME")]
pub struct InvalidExecutionArn {
    text: String,
}

impl ExecutionArn {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    pub fn kind(&self) -> ExecutionKind {
        KINDS.iter().find(|(ending, _)| self.machine.ends_with(ending)).map_or(ExecutionKind::Other, |(_, kind)| *kind)
    }

    /// The ARN of `process-hour` in the same stack, for executions that run hours.
    pub fn process_hour_machine(&self) -> Option<String> {
        if !matches!(self.kind(), ExecutionKind::Hour | ExecutionKind::Ingest | ExecutionKind::Backfill) {
            return None;
        }
        let (stack, _) = KINDS.iter().find_map(|(ending, kind)| Some((self.machine.strip_suffix(ending)?, kind)))?;
        let head = self.text.split_once(":execution:")?.0;
        Some(format!("{head}:stateMachine:{stack}-process-hour"))
    }
}

impl FromStr for ExecutionArn {
    type Err = InvalidExecutionArn;

    fn from_str(text: &str) -> Result<Self, InvalidExecutionArn> {
        let parts: Vec<_> = text.split(':').collect();
        match parts[..] {
            ["arn", _, "states", region, _, "execution", machine, name] if !machine.is_empty() && !name.is_empty() => {
                Ok(Self { text: text.to_owned(), region: region.to_owned(), machine: machine.to_owned() })
            }
            _ => Err(InvalidExecutionArn { text: text.to_owned() }),
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
    fn arn_has_kind_region_and_stack() {
        for (machine, kind, of_hours) in [
            ("my-process-hour", ExecutionKind::Hour, Some("my-process-hour")),
            ("my-ingest", ExecutionKind::Ingest, Some("my-process-hour")),
            ("a-b-backfill", ExecutionKind::Backfill, Some("a-b-process-hour")),
            ("my-csv-load", ExecutionKind::CsvLoad, None),
            ("my-csv-undo", ExecutionKind::CsvUndo, None),
            ("my-prove", ExecutionKind::Other, None),
        ] {
            let arn: ExecutionArn = format!("arn:aws:states:eu-west-1:1:execution:{machine}:x").parse().unwrap();
            let expected = of_hours.map(|name| format!("arn:aws:states:eu-west-1:1:stateMachine:{name}"));
            assert_eq!((arn.kind(), arn.region(), arn.process_hour_machine()), (kind, "eu-west-1", expected));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "x", "arn:aws:states:r:1:stateMachine:m", "arn:aws:states:r:1:execution:m:", "arn:aws:s3:::b"]
        {
            assert!(text.parse::<ExecutionArn>().is_err(), "{text}");
        }
    }
}
