//! A pipe from an asynchronous body to a blocking reader on another thread.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use super::Object;
use crate::AwsError;

/// The capacity of the pipe; a piece has some tens of KiB.
const CAPACITY_PIECES: usize = 16;

/// The reading end. It reports end of file only after the writer finished. If the writer is dropped earlier, reads fail, so a
/// truncated body is never taken for a complete one.
#[derive(Debug)]
pub struct PipeReader {
    pieces: mpsc::Receiver<Option<Bytes>>,
    current: Bytes,
    ended: bool,
}

#[derive(Debug)]
pub struct PipeWriter {
    pieces: mpsc::Sender<Option<Bytes>>,
}

/// Creates a pipe with a bounded number of pieces.
pub fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, pieces) = mpsc::channel(CAPACITY_PIECES);
    (PipeWriter { pieces: sender }, PipeReader { pieces, current: Bytes::new(), ended: false })
}

impl PipeWriter {
    /// Sends a body to the reader until it ends or the reader is dropped. Calls `observe` on each piece first.
    ///
    /// # Errors
    /// If the body ends early; the reader then fails too.
    pub async fn feed(self, mut body: Object, mut observe: impl FnMut(&[u8])) -> Result<(), AwsError> {
        while let Some(piece) = body.next().await? {
            observe(&piece);
            if self.pieces.send(Some(piece)).await.is_err() {
                return Ok(());
            }
        }
        // A reader that was dropped needs no end of file.
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
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body ended early")),
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
    fn pipe_reports_eof_only_after_writer_finished() {
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
