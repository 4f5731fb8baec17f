//! `ghactivity load-csv` and `ghactivity unload`: a CSV file into a DynamoDB table, and out of it again.
//!
//! Both start executions of the stack and follow them as `cli-watch` does. The receipts of a load's chunks say how far it is.

mod follow;
pub mod load_csv;
mod plan;
mod progress;
mod rejected;
mod report;
pub mod unload;

pub use follow::follow_load;
pub use report::LoadReport;
