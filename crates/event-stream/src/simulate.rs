//! Generates test events: a hundred names, duplicates, bad records, any order.
//!
//! The same settings and seed give the same bytes.

use std::collections::VecDeque;
use std::fmt::Write;

use bytes::Bytes;

/// The types and the number of names of each: a hundred in all. By default the last type is not configured.
const TYPES: [(&str, u64); 13] = [
    ("account", 8),
    ("billing", 7),
    ("course", 9),
    ("lesson", 12),
    ("notification", 6),
    ("page", 10),
    ("payment", 8),
    ("product", 12),
    ("search", 5),
    ("session", 8),
    ("upload", 6),
    ("user", 8),
    ("experiment", 1),
];
/// The second parts of the names of a type. Further names also have a third part.
const VERBS: [&str; 6] = ["started", "finished", "failed", "viewed", "updated", "processed"];
/// The largest distance of a duplicate from its event, in events.
const DUPLICATE_REACH: usize = 20_000;
/// The largest distance of an event from its place in time order, in events.
const DISORDER: u64 = 500;

/// The settings of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Simulation {
    /// The number of events, without duplicates and bad records.
    pub events: u64,
    pub seed: u64,
    /// The share of events that are sent twice.
    pub duplicates: f64,
    /// The number of bad records as a share of the events.
    pub poison: f64,
    /// Whether `created_at` is out of order.
    pub out_of_order: bool,
    /// `created_at` of the first event in milliseconds since 1970.
    pub first_ms: i64,
    /// The range of `created_at` in milliseconds.
    pub spread_ms: i64,
}

/// The data of a record to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Determines the shard.
    pub partition_key: String,
    pub data: Bytes,
}

/// An iterator over the messages of a simulation.
#[derive(Debug)]
pub struct Messages {
    simulation: Simulation,
    random: u64,
    sent: u64,
    again: VecDeque<Message>,
    due: Option<Message>,
}

impl Simulation {
    pub fn messages(self) -> Messages {
        Messages { simulation: self, random: self.seed, sent: 0, again: VecDeque::new(), due: None }
    }
}

impl Iterator for Messages {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        if let Some(due) = self.due.take() {
            return Some(due);
        }
        if self.sent == self.simulation.events {
            // The remaining duplicates come last.
            return self.again.pop_front();
        }
        if self.chance(self.simulation.poison) {
            return Some(self.poison());
        }
        let message = self.event();
        self.sent += 1;
        if self.chance(self.simulation.duplicates) {
            self.again.push_back(message.clone());
        }
        let is_late = self.again.len() > DUPLICATE_REACH / 20 || self.chance(0.05);
        if is_late && self.chance(0.9) {
            self.due = self.again.pop_front();
        }
        Some(message)
    }
}

impl Messages {
    fn event(&mut self) -> Message {
        let Simulation { events, seed, first_ms, spread_ms, out_of_order, .. } = self.simulation;
        let (number, jump) = (self.sent, self.below(DISORDER));
        let rank = if out_of_order { (number + jump).min(events - 1) } else { number };
        let offset_ms = i128::from(spread_ms) * i128::from(rank) / i128::from(events.max(1));
        let created_ms = first_ms + i64::try_from(offset_ms).expect("it is a part of spread_ms");
        let (name, user) = (self.name(), self.below(5_000));
        let (low, high) = (self.random(), seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut data = format!(
            "{{\"event_uuid\":\"{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}\",\"event_name\":\"{name}\",\"created_at\":{created_ms}",
            high & 0xffff_ffff,
            (high >> 32) & 0xffff,
            (high >> 48) & 0xfff,
            low & 0xfff,
            number,
        );
        let minutes = self.below(90);
        write!(
            data,
            ",\"user\":{{\"id\":{user},\"plan\":\"{}\"}},\"minutes\":{minutes}",
            ["free", "team", "school"][index(user, 3)]
        )
        .expect("writing to memory does not fail");
        if self.chance(0.3) {
            data.push_str(",\"note\":\"über \\\"den\\\" Tellerrand\"");
        }
        data.push('}');
        Message { partition_key: format!("user-{user}"), data: data.into() }
    }

    fn name(&mut self) -> String {
        let mut number = self.below(100);
        for (event_type, names) in TYPES {
            if number < names {
                let verb = VERBS[index(number, VERBS.len())];
                return if number < VERBS.len() as u64 {
                    format!("{event_type}:{verb}")
                } else {
                    format!("{event_type}:{verb}:timeout")
                };
            }
            number -= names;
        }
        unreachable!("the types have a hundred names")
    }

    fn poison(&mut self) -> Message {
        let number = self.random();
        let data = match self.below(5) {
            0 => format!("no event {number:x}"),
            1 => format!("{{\"event_name\":\"lesson:started\",\"created_at\":1763683200000,\"n\":{number}}}"),
            2 => format!(
                "{{\"event_uuid\":\"{number}\",\"event_name\":\"lesson:started\",\"created_at\":1763683200000}}"
            ),
            3 => format!(
                "{{\"event_uuid\":\"6f1b4c1e-0000-4000-8000-{:012x}\",\"event_name\":\"lesson:started\",\"created_at\":\"yesterday\"}}",
                number & 0xffff_ffff_ffff
            ),
            _ => format!("[{number}]"),
        };
        Message { partition_key: format!("poison-{number}"), data: data.into() }
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random() % end
    }

    fn chance(&mut self, share: f64) -> bool {
        (self.random() >> 11) as f64 / (1_u64 << 53) as f64 <= share && share > 0.0
    }
}

/// `number` modulo `length`.
fn index(number: u64, length: usize) -> usize {
    usize::try_from(number % length as u64).expect("it is below a usize")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Event;

    const SIMULATION: Simulation = Simulation {
        events: 20_000,
        seed: 7,
        duplicates: 0.05,
        poison: 0.01,
        out_of_order: true,
        first_ms: 1_763_683_200_000,
        spread_ms: 3_600_000,
    };

    #[test]
    fn simulation_is_reproducible() {
        let messages: Vec<Message> = SIMULATION.messages().collect();
        assert_eq!(messages, SIMULATION.messages().collect::<Vec<_>>());
        let parsed: Vec<_> = messages.iter().map(|message| Event::parse(&message.data, 1_763_686_800_000)).collect();
        let events: Vec<&Event> = parsed.iter().filter_map(|parsed| parsed.as_ref().ok()).collect();
        let (bad, sent) = (parsed.len() - events.len(), events.len());
        let uuids: BTreeSet<&str> = events.iter().map(|event| event.uuid.as_str()).collect();
        let names: BTreeSet<&str> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!((uuids.len(), names.len()), (20_000, 100));
        assert!((900..1100).contains(&(sent - 20_000)), "{} duplicates", sent - 20_000);
        assert!((150..250).contains(&bad), "{bad} bad records");
        let jumps = events.windows(2).filter(|pair| pair[1].created_ms < pair[0].created_ms).count();
        assert!(jumps > 1000, "{jumps} events are older than their predecessor");
    }
}
