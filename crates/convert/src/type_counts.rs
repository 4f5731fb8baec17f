//! Rows counted by event type.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use pipeline::receipt::{MAX_TYPE_NAME_BYTES, OTHER_TYPES};

/// The number of rows of each event type.
#[derive(Default)]
pub(crate) struct TypeCounts(HashMap<String, u64, RandomState>);

impl TypeCounts {
    /// Counts rows under their type. Types with a name longer than [`MAX_TYPE_NAME_BYTES`] are counted together under
    /// [`OTHER_TYPES`], so that a bad file cannot make the receipt and the ledger large.
    pub(crate) fn count(&mut self, event_type: &str, rows: u64) {
        let name = if event_type.len() <= MAX_TYPE_NAME_BYTES { event_type } else { OTHER_TYPES };
        match self.0.get_mut(name) {
            Some(counted) => *counted += rows,
            None => drop(self.0.insert(name.to_owned(), rows)),
        }
    }

    pub(crate) fn into_map(self) -> BTreeMap<String, u64> {
        self.0.into_iter().collect()
    }
}
