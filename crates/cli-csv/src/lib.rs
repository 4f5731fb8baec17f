//! `ghactivity load-csv` and `ghactivity unload`: load a CSV file into a DynamoDB table, and delete its items.
//!
//! Both start executions of the stack and follow them as `cli-watch` does. The receipts of a load's chunks show its progress.

mod follow;
pub mod load_csv;
mod plan;
mod progress;
mod rejected;
mod report;
pub mod unload;

pub use follow::follow_load;
pub use report::LoadReport;
