//! Converts texts, reads the Parquet and quarantine files, and compares.

#![allow(clippy::unwrap_used, reason = "a test's helper may panic as a test may; clippy.toml only exempts the tests")]

mod bad_input;
mod chunks;
mod damage;
mod golden;
mod oracle;
mod outputs;
mod properties;
mod real_data;
mod support;
