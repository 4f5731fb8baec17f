//! Converts texts, reads the Parquet and quarantine files, and compares.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic like tests")]
#![expect(clippy::cast_possible_truncation, reason = "the texts of the tests are far shorter than 4 GiB")]

mod bad_input;
mod chunks;
mod damage;
mod golden;
mod oracle;
mod outputs;
mod properties;
mod real_data;
mod support;
