//! Text that its reader has not consumed yet.

mod spool;

use std::io;

use crate::points::TextHistory;
use spool::Spool;

/// The unread text: first the part that the history dropped, then the end of the history.
#[derive(Default)]
pub(crate) struct UnreadText {
    /// The text that the history dropped.
    kept: Spool,
    /// The offset in the whole text of the unread bytes after `kept`.
    start: u64,
}

impl UnreadText {
    /// Keeps a part of the history, given with its offset in the whole text. Bytes that were consumed or kept before are
    /// skipped.
    pub(crate) fn keep(&mut self, (offset, text): (u64, &[u8])) {
        let end = offset + text.len() as u64;
        if self.start < end {
            let skipped = usize::try_from(self.start - offset).expect("the start is within the text");
            self.kept.push(&text[skipped..]);
            self.start = end;
        }
    }

    /// The next unread bytes; empty only if there are none. Without a history, all unread text was kept.
    pub(crate) fn bytes<'a>(&'a mut self, history: Option<&'a TextHistory>) -> io::Result<&'a [u8]> {
        match history {
            Some(history) if self.kept.is_empty() => {
                let (_, text) = history.all();
                Ok(&text[history.index_of(self.start)..])
            }
            _ => self.kept.bytes(),
        }
    }

    /// Skips bytes that [`Self::bytes`] returned.
    pub(crate) fn consume(&mut self, bytes: usize) {
        if self.kept.is_empty() {
            self.start += bytes as u64;
        } else {
            self.kept.consume(bytes);
        }
    }
}
