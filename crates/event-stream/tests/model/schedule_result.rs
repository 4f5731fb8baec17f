//! The result of a schedule.

use std::collections::BTreeMap;

use event_stream::Event;

use crate::simulated_store::{ModelObject, ModelState};

/// The result of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ScheduleResult {
    pub(crate) events: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) damaged: Vec<String>,
    pub(crate) seals: usize,
    pub(crate) taken_over: usize,
    pub(crate) deliveries: usize,
    pub(crate) passed_over: usize,
    pub(crate) splits: usize,
}

impl ScheduleResult {
    /// Compares the stored rows with the produced events. `must_be_stored` decides by UUID.
    pub(crate) fn of(state: &ModelState, produced: &[Event], must_be_stored: impl Fn(&str) -> bool) -> Self {
        let mut stored: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for object in state.objects.values() {
            if let ModelObject::Rows(rows) = object {
                for (uuid, name) in rows {
                    stored.entry(uuid).or_default().push(name);
                }
            }
        }
        let names = |event: &Event| stored.get(event.uuid.as_str()).map_or(&[][..], Vec::as_slice);
        let uuids = |is: &dyn Fn(&Event) -> bool| {
            produced.iter().filter(|event| is(event)).map(|event| event.uuid.clone()).collect()
        };
        Self {
            events: produced.len(),
            lost: uuids(&|event| names(event).is_empty() && must_be_stored(&event.uuid)),
            doubled: uuids(&|event| names(event).len() > 1),
            damaged: uuids(&|event| names(event).iter().any(|name| *name != event.name)),
            seals: state.objects.values().filter(|object| **object == ModelObject::Seal).count(),
            taken_over: state.claims.values().filter(|claim| claim.version > 1).count(),
            ..Self::default()
        }
    }
}
