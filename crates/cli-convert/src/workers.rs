//! Converts one input in several threads: the calling thread inflates and splits, the workers convert a chunk each.
//!
//! A worker gets the text of its chunk through a bounded pipe, so memory does not depend on the size of chunks. With several
//! workers the pipe holds about a whole chunk, so the next chunk can start.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use convert::ChunkConverter;
use gzip_plan::ChunkStart;

use crate::chunk::{ChunkFiles, RunContext, chunk_number};
use crate::error::FileError;
use crate::staging::StagedHour;
use crate::text::{ChunkEnd, ChunkTexts};

const BLOCK_BYTES: usize = 256 << 10;
/// Capacity of the pipe with one worker: 2 MiB.
const BLOCKS_OF_ONE: usize = 8;
/// Capacity of each pipe with several workers: 16 MiB, about a chunk of an hour of 2025.
const BLOCKS_OF_EACH: usize = 64;

struct ChunkTask {
    number: u32,
    start: ChunkStart,
    text: ChunkTextReader,
}

/// A block of text, or `None` at the end of the chunk. A pipe that closes before `None` was abandoned.
type TextBlock = Option<Vec<u8>>;

struct ChunkTextReader {
    blocks: Receiver<TextBlock>,
    used: Sender<Vec<u8>>,
    block: Vec<u8>,
    taken: usize,
    ended: bool,
}

/// Converts all chunks with `workers` threads beside this one.
pub(crate) fn convert_chunks<R: Read>(
    converter: RunContext<'_>,
    texts: ChunkTexts<R>,
    staged: &StagedHour,
    workers: usize,
) -> Result<Vec<(ChunkFiles, ChunkEnd)>, FileError> {
    let (tasks, waiting) = sync_channel::<ChunkTask>(1);
    // Only the workers hold the receiver: when the last one ends, sending fails instead of blocking.
    let waiting = Arc::new(Mutex::new(waiting));
    let (finish, finished) = channel();
    let pipe_blocks = if workers == 1 { BLOCKS_OF_ONE } else { BLOCKS_OF_EACH };
    let ends = thread::scope(|scope| {
        for _ in 0..workers {
            let finish = finish.clone();
            let waiting = Arc::clone(&waiting);
            scope.spawn(move || {
                let mut chunks = ChunkConverter::new();
                while let Some(task) = next_task(&waiting) {
                    let files = converter.convert_chunk(&mut chunks, task.number, task.start, task.text, staged);
                    if finish.send(files).is_err() {
                        break;
                    }
                }
            });
        }
        drop((finish, waiting));
        let ends = feed(texts, tasks, pipe_blocks);
        // The workers end when the tasks do, and the scope waits for them.
        ends
    });
    collect(ends, finished.into_iter().collect())
}

fn next_task(waiting: &Mutex<Receiver<ChunkTask>>) -> Option<ChunkTask> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Sends chunk after chunk to a free worker. Stops at the first pipe whose reader is gone.
fn feed<R: Read>(
    mut texts: ChunkTexts<R>,
    tasks: SyncSender<ChunkTask>,
    pipe_blocks: usize,
) -> Result<Vec<ChunkEnd>, FileError> {
    let (give_back, used) = channel();
    let mut ends = Vec::new();
    while let Some(start) = texts.next_chunk()? {
        let (pipe, blocks) = sync_channel(pipe_blocks);
        let text = ChunkTextReader { blocks, used: give_back.clone(), block: Vec::new(), taken: 0, ended: false };
        let task = ChunkTask { number: chunk_number(ends.len()), start, text };
        if tasks.send(task).is_err() {
            return Err(FileError::Abandoned);
        }
        loop {
            let block = fill(&mut texts, used.try_recv().unwrap_or_default())?;
            let ended = block.is_none();
            if pipe.send(block).is_err() {
                return Err(FileError::Abandoned);
            }
            if ended {
                break;
            }
        }
        ends.push(texts.end_chunk()?);
    }
    Ok(ends)
}

/// The next block of text of the chunk, or `None` at its end.
fn fill<R: Read>(texts: &mut ChunkTexts<R>, mut block: Vec<u8>) -> Result<TextBlock, FileError> {
    block.resize(BLOCK_BYTES, 0);
    let mut length = 0;
    while length < block.len() {
        match texts.read(&mut block[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) => return Err(texts.take_failure().unwrap_or(FileError::Temporary(error))),
        }
    }
    block.truncate(length);
    Ok((length > 0).then_some(block))
}

/// Pairs chunks with their ends. Of several errors, returns one other than [`FileError::Abandoned`].
fn collect(
    ends: Result<Vec<ChunkEnd>, FileError>,
    finished: Vec<Result<ChunkFiles, FileError>>,
) -> Result<Vec<(ChunkFiles, ChunkEnd)>, FileError> {
    let mut chunks = Vec::with_capacity(finished.len());
    let mut failure = None;
    for files in finished {
        match files {
            Ok(files) => chunks.push(files),
            Err(FileError::Abandoned) => {}
            Err(error) => failure = Some(error),
        }
    }
    match (ends, failure) {
        (Err(error), None) => Err(error),
        (Err(FileError::Abandoned) | Ok(_), Some(error)) | (Err(error), Some(_)) => Err(error),
        (Ok(ends), None) => {
            chunks.sort_unstable_by_key(|files| files.number);
            Ok(chunks.into_iter().zip(ends).collect())
        }
    }
}

impl BufRead for ChunkTextReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.block.len() && !self.ended {
            let used = std::mem::take(&mut self.block);
            if used.capacity() > 0 {
                // The receiver is gone at the end of the input.
                let _ = self.used.send(used);
            }
            self.taken = 0;
            match self.blocks.recv() {
                Ok(Some(block)) => self.block = block,
                Ok(None) => self.ended = true,
                Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        Ok(&self.block[self.taken..])
    }

    fn consume(&mut self, bytes: usize) {
        self.taken += bytes;
    }
}

impl Read for ChunkTextReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}
