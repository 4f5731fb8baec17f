//! The rules of the pipeline: names, documents and decisions, and nothing that does I/O.
//!
//! Invariant: this crate knows no AWS, no clock and no network. Whoever needs the time passes it in; whoever needs the
//! ledger reads it first and passes its items in. Its tests therefore need no fakes.
//!
//! The modules read as an hour's way through the pipeline: [`hour`] names it, [`sources`] has it, [`keys`] places it, [`version`] and
//! [`plan`] describe what was landed, [`receipt`] what each chunk became, [`publish`] what has to hold before readers see
//! it, [`lease`] whose turn it is, [`verdict`] how it compares, [`ledger`] what is known of it afterwards, [`bookmark`] and [`due`] what comes next;
//! [`gaps`] are the hours that never were.

pub mod bookmark;
pub mod due;
pub mod gaps;
pub mod hour;
pub mod keys;
pub mod lease;
pub mod ledger;
pub mod plan;
pub mod publish;
pub mod receipt;
pub mod sources;
pub mod verdict;
pub mod version;

pub use hour::ArchiveHour;
pub use version::Version;
