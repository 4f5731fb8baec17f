//! From pieces that arrive on the asynchronous side to a reader on a thread of its own.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use super::Object;
use crate::AwsError;

/// How many pieces (some tens of KiB each) may wait.
const WAITING_PIECES: usize = 16;

/// The reading end. Its end of file is where the writing end was finished; if that is dropped before, reading fails, so that
/// what breaks off is not taken for a whole.
#[derive(Debug)]
pub struct PipeReader {
    pieces: mpsc::Receiver<Option<Bytes>>,
    current: Bytes,
    ended: bool,
}

/// The writing end.
#[derive(Debug)]
pub struct PipeWriter {
    pieces: mpsc::Sender<Option<Bytes>>,
}

/// A pipe that holds a bounded number of pieces.
pub fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, pieces) = mpsc::channel(WAITING_PIECES);
    (PipeWriter { pieces: sender }, PipeReader { pieces, current: Bytes::new(), ended: false })
}

impl PipeWriter {
    /// Passes a body on, piece after piece, until it ends or is not wanted any more; `see`s each piece before.
    ///
    /// # Errors
    /// If the body breaks off: the reader then fails too.
    pub async fn feed(self, mut body: Object, mut see: impl FnMut(&[u8])) -> Result<(), AwsError> {
        while let Some(piece) = body.next().await? {
            see(&piece);
            if self.pieces.send(Some(piece)).await.is_err() {
                return Ok(());
            }
        }
        // A reader that is gone needs no end.
        let _ = self.pieces.send(None).await;
        Ok(())
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => self.current = piece,
                Some(None) => self.ended = true,
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body broke off")),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_as_one_stream_that_ends_where_it_was_finished() {
        for finished in [true, false] {
            let (sender, mut reader) = pipe();
            let writer = std::thread::spawn(move || {
                for number in 0..100_u8 {
                    sender.pieces.blocking_send(Some(vec![number; usize::from(number % 7)].into())).unwrap();
                }
                if finished {
                    sender.pieces.blocking_send(None).unwrap();
                }
            });
            let mut read = Vec::new();
            let ended = reader.read_to_end(&mut read).map_err(|error| error.kind());
            writer.join().unwrap();
            let expected: Vec<u8> = (0..100_u8).flat_map(|number| vec![number; usize::from(number % 7)]).collect();
            assert_eq!(read, expected);
            assert_eq!(ended.is_ok(), finished);
            assert!(finished || ended == Err(io::ErrorKind::UnexpectedEof));
        }
    }
}
