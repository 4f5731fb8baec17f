//! The rules of the pipeline: names, documents and decisions.
//!
//! Invariant: this crate does no I/O and uses no AWS client, clock or network. A caller passes in the time, and reads the
//! ledger before it calls. The tests therefore need no fakes.
//!
//! The modules follow an hour through the pipeline:
//!
//! | module | content |
//! | --- | --- |
//! | [`hour`] | the name of an hour |
//! | [`sources`] | the archives that serve it |
//! | [`keys`] | its object keys |
//! | [`version`], [`plan`] | what has landed, and its chunks |
//! | [`receipt`] | the result of each chunk |
//! | [`publish`] | the checks before readers see it |
//! | [`lease`] | the right to publish it |
//! | [`verdict`] | the comparison with earlier days |
//! | [`ledger`] | the items that record it |
//! | [`bookmark`], [`due`] | the progress of a job, and its next hours |
//! | [`gaps`] | the hours that the archive never had |

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
