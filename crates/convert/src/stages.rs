//! The stages of a conversion by themselves, for the benches alone: no part of what the crate promises.

use crate::decode::acceptable;
use crate::plain_event::{Instants, PlainEvent};
use crate::records::{Framed, Framing, Records};

/// Cuts `text` into records, each checked to be JSON or not; answers how many there are.
pub fn frame(text: &[u8]) -> usize {
    each_record(text, |_, _| ())
}

/// Frames `text` and checks what is acceptable; answers how many records there are.
pub fn check(text: &[u8]) -> usize {
    each_record(text, |bytes, object| {
        std::hint::black_box(acceptable(bytes, object).is_ok());
    })
}

/// Frames and checks `text`, and reads the plain events in it; answers how many records there are.
pub fn read(text: &[u8]) -> usize {
    let mut instants = Instants::default();
    each_record(text, |bytes, object| {
        if let Ok((text, object)) = acceptable(bytes, object) {
            std::hint::black_box(PlainEvent::of(text, object, &mut instants));
        }
    })
}

fn each_record(text: &[u8], mut look: impl FnMut(&[u8], Option<&crate::scan::Object>)) -> usize {
    let mut framing = Framing::new();
    let mut records = Records::new(text, 1, 0, &mut framing);
    let mut count = 0;
    while let Ok(Some(record)) = records.next() {
        count += 1;
        if let Framed::Value(bytes) = record.framed {
            look(bytes, record.object);
        }
    }
    count
}
