//! Text that is known and was not read yet.

use std::io;

use super::spool::Spool;
use crate::points::History;

/// The text: mostly the history's end; what the history forgets in the meantime is kept here.
#[derive(Default)]
pub(super) struct Unread {
    /// The first bytes.
    kept: Spool,
    /// Offset in the whole text of the bytes after those.
    start: u64,
}

impl Unread {
    /// Keeps a part of the history, given with its offset in the whole text, as far as it was neither read nor kept.
    pub(super) fn keep(&mut self, (offset, text): (u64, &[u8])) {
        let end = offset + text.len() as u64;
        if self.start < end {
            self.kept.push(&text[(self.start - offset) as usize..]);
            self.start = end;
        }
    }

    /// The next bytes, some of them at least if there are any; all that there is was kept if there is no history any more.
    pub(super) fn bytes<'a>(&'a mut self, history: Option<&'a History>) -> io::Result<&'a [u8]> {
        match history {
            Some(history) if self.kept.is_empty() => {
                let (offset, text) = history.all();
                Ok(&text[(self.start - offset) as usize..])
            }
            _ => self.kept.bytes(),
        }
    }

    /// Passes over bytes that [`Self::bytes`] gave.
    pub(super) fn consume(&mut self, bytes: usize) {
        match self.kept.is_empty() {
            true => self.start += bytes as u64,
            false => self.kept.consume(bytes),
        }
    }
}
