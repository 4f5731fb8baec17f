//! The rules of the event stream: what an event is, where it is stored, and how each is stored exactly once.
//!
//! Invariant: this crate knows no AWS, no clock and no network. [`protocol::store`] is generic over a [`EventStore`], the calls
//! that it makes; the function gives it DynamoDB and S3, the tests a simulated world that fails at every call.
//!
//! The modules read as a batch's way: [`record`] is where a record is, [`kpl`] takes aggregated ones apart,
//! [`event`] is the contract of one event, [`layout`] where it belongs, [`claim`] who may store it, [`protocol`] the steps,
//! [`mod@file`] holds the bytes that are stored, [`quarantine`] those that are no event; [`simulate`] makes events to try it with.

pub mod claim;
mod datetime;
pub mod event;
pub mod file;
pub mod kpl;
pub mod layout;
pub mod protocol;
pub mod quarantine;
pub mod record;
pub mod simulate;

pub use claim::{Claim, ClaimResult, PartId, Transition};
pub use event::{Event, EventRejectReason};
pub use layout::{EventTypes, ObjectFormat, Partition};
pub use protocol::{EventStore, ObjectContents, PutResult};
