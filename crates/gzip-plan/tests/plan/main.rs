//! The crate as its users see it: files in, plans and chunks out.
#![allow(clippy::unwrap_used)] // Allowed in tests, and these helpers serve nothing else.

mod bad_input;
mod one_pass;
mod plans;
mod properties;
mod real_files;
mod support;
