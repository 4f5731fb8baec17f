//! Metrics as log lines in CloudWatch's embedded metric format, which need no API call.
//!
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "ghactivity";

/// The environment variable with the name of the stack, a dimension of all metrics. Without it, no metrics are written.
const STACK: &str = "METRICS_STACK";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Seconds,
    Bytes,
    Percent,
}

/// Metrics with one timestamp.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    values: Vec<(&'static str, Unit, f64)>,
    dimension: Option<(&'static str, String)>,
    properties: Map<String, Value>,
}

impl Metrics {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, unit: Unit, value: f64) -> Self {
        self.values.push((name, unit, value));
        self
    }

    /// Adds a dimension to that of the stack. CloudWatch charges for each value as separate metrics.
    #[must_use]
    pub fn by(mut self, dimension: &'static str, value: impl Into<String>) -> Self {
        self.dimension = Some((dimension, value.into()));
        self
    }

    /// Adds a property to the log line, for example the hour. It is not part of any metric.
    #[must_use]
    pub fn about(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.properties.insert(name.to_owned(), value.into());
        self
    }

    /// Writes the metrics if the environment names the stack.
    pub fn emit(self) {
        if let Ok(stack) = std::env::var(STACK)
            && !stack.is_empty()
            && !self.values.is_empty()
        {
            let line = format!("{}\n", self.line(&stack, Timestamp::now()));
            // A failed write is ignored: the ledger has the same figures.
            let _ = std::io::stdout().write_all(line.as_bytes());
        }
    }

    fn line(self, stack: &str, now: Timestamp) -> Value {
        let Self { values, dimension, properties: mut line } = self;
        let metrics: Vec<_> =
            values.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": format!("{unit:?}") })).collect();
        let dimensions: Vec<_> = ["Stack"].into_iter().chain(dimension.iter().map(|(name, _)| *name)).collect();
        line.insert("Stack".to_owned(), stack.into());
        if let Some((name, value)) = dimension {
            line.insert(name.to_owned(), value.into());
        }
        for (name, _, value) in values {
            line.insert(name.to_owned(), value.into());
        }
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics });
        let metadata = json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive] });
        line.insert("_aws".to_owned(), metadata);
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_line_is_embedded_metric_format() {
        let metrics = Metrics::new()
            .with("LagHours", Unit::Count, 2.0)
            .with("ChunkSeconds", Unit::Seconds, 0.5)
            .by("Job", "ghactivity_ingest")
            .about("hour", "2025-11-21-0");
        let line = metrics.line("ghactivity", "2025-11-21T01:00:00.25Z".parse().unwrap());
        let expected = json!({
            "_aws": {
                "Timestamp": 1_763_686_800_250_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "ghactivity",
                    "Dimensions": [["Stack", "Job"]],
                    "Metrics": [{ "Name": "LagHours", "Unit": "Count" }, { "Name": "ChunkSeconds", "Unit": "Seconds" }],
                }],
            },
            "Stack": "ghactivity", "Job": "ghactivity_ingest", "LagHours": 2.0, "ChunkSeconds": 0.5, "hour": "2025-11-21-0",
        });
        assert_eq!(line, expected);
    }
}
