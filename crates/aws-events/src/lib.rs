//! The event stream's table of claims in DynamoDB.

mod claims;

pub use claims::Claims;
