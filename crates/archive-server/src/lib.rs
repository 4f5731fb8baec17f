//! GH Archive for the laptop: an HTTP server that answers like `data.gharchive.org`, and a generator of hours.
//!
//! - [`server`] serves a folder of hours, generated hours, or both; tests start it in-process and give it faults.
//! - [`generator`] makes hours in the Events shape of 2015 to now. The same hour and settings give the same bytes, on
//!   every machine: nothing depends on a clock, a locale or a random source of the system.
//!
//! To the pipeline it is only a URL: nothing but tests and the demo depends on this crate.

pub mod generator;
pub mod server;
