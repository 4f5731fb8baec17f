//! Plans files, and reads their chunks.
#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic like tests")]
#![expect(clippy::cast_possible_truncation, reason = "the texts of the tests are far shorter than 4 GiB")]

mod bad_input;
mod one_pass;
mod plans;
mod properties;
mod real_files;
mod support;
