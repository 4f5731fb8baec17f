//! The settings of a generated hour, and the counts of what it contains.

use std::collections::BTreeMap;

use serde::Serialize;

use super::era::Shape;
use super::share::Share;

/// The content of an hour to generate.
#[derive(Clone, Debug, clap::Args)]
pub struct HourSettings {
    /// Events per hour, all different
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub events: u32,
    /// Seed of people, repositories and events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Format of payloads: that of the hour's date, or that before or after October 2025
    #[arg(long, value_enum, default_value_t)]
    pub shape: Shape,
    /// Lines that repeat an earlier line, as a share of the events
    #[arg(long, value_name = "SHARE", default_value_t)]
    pub duplicates: Share,
    /// Bad records, as a share of the events: torn or truncated lines, NUL bytes, invalid UTF-8, JSON that is not an
    /// object, objects that are not events
    #[arg(long, value_name = "SHARE", default_value_t)]
    pub bad: Share,
    /// Events that follow another event on the same line, as a share of the events
    #[arg(long, value_name = "SHARE", default_value_t)]
    pub joined: Share,
    /// Blank lines, as a share of the events
    #[arg(long, value_name = "SHARE", default_value_t)]
    pub blank: Share,
}

impl Default for HourSettings {
    fn default() -> Self {
        Self {
            events: 10_000,
            seed: 1,
            shape: Shape::Auto,
            duplicates: Share::default(),
            bad: Share::default(),
            joined: Share::default(),
            blank: Share::default(),
        }
    }
}

/// The content of a generated hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GeneratedCounts {
    /// Lines, blank ones included.
    pub lines: u64,
    /// Lines of white space or NUL bytes alone.
    pub blank_lines: u64,
    /// `rows + duplicates + bad_records`.
    pub records: u64,
    /// Different events.
    pub rows: u64,
    /// Lines that repeat an earlier line.
    pub duplicates: u64,
    /// Records that are not valid events.
    pub bad_records: u64,
    /// Events with an organisation.
    pub with_organisation: u64,
    /// Events by type.
    pub types: BTreeMap<&'static str, u64>,
    /// The length before compression.
    pub uncompressed_bytes: u64,
}
