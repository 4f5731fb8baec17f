//! The rules of the event stream: the contract of events, their object keys, and the protocol that stores each event exactly
//! once.
//!
//! Invariant: this crate uses no AWS client, clock or network. [`protocol::store`] is generic over [`EventStore`]. The Lambda
//! implements it with DynamoDB and S3; the tests use a simulated store that fails at any call.
//!
//! The modules follow a batch:
//!
//! | module | content |
//! | --- | --- |
//! | [`record`] | the identity of a record |
//! | [`kpl`] | aggregated records |
//! | [`event`] | the contract of an event |
//! | [`layout`] | partitions and object keys |
//! | [`claim`] | the right to store an event |
//! | [`protocol`] | the steps that store a batch |
//! | [`mod@file`] | the stored bytes |
//! | [`quarantine`] | bad records |
//! | [`simulate`] | test events |

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
