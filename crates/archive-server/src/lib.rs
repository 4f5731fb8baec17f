//! A local GH Archive: an HTTP server that responds like `data.gharchive.org`, and a generator of hours.
//!
//! - [`server`] serves a folder of hours, generated hours, or both. Tests start it in their process and inject faults.
//! - [`generator`] generates hours in the format of 2015 to now. The same hour and settings give the same bytes on every
//!   machine: nothing depends on a clock, a locale or the system's random numbers.
//!
//! The pipeline only knows its URL. Only tests and the demo depend on this crate.

pub mod generator;
pub mod server;
