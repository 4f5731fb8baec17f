//! Questions to the lake through Athena: `ghactivity query`, `report` and `lineage`.

mod athena;
pub mod lineage;
pub mod query;
pub mod report;
