//! From pieces that arrive on the asynchronous side to a reader on a thread of its own.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// How many pieces (some tens of KiB each) may wait.
const WAITING_PIECES: usize = 16;

/// The reading end. Its end of file is where the sender is dropped.
#[derive(Debug)]
pub struct PipeReader {
    pieces: mpsc::Receiver<Bytes>,
    current: Bytes,
}

/// A pipe that holds a bounded number of pieces.
pub fn pipe() -> (mpsc::Sender<Bytes>, PipeReader) {
    let (sender, pieces) = mpsc::channel(WAITING_PIECES);
    (sender, PipeReader { pieces, current: Bytes::new() })
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
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
    fn pieces_come_out_as_one_stream() {
        let (sender, mut reader) = pipe();
        let writer = std::thread::spawn(move || {
            for number in 0..100_u8 {
                sender.blocking_send(vec![number; usize::from(number % 7)].into()).unwrap();
            }
        });
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        writer.join().unwrap();
        let expected: Vec<u8> = (0..100_u8).flat_map(|number| vec![number; usize::from(number % 7)]).collect();
        assert_eq!(read, expected);
    }
}
