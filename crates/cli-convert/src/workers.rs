//! One input in several threads: the calling one inflates and cuts, the others convert a chunk each.
//!
//! A chunk's text goes to its worker through a pipe of bounded length, so that memory does not depend on the size of
//! chunks. With one worker the pipe only evens out; with more, it holds so much that the chunk after it can begin.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use convert::ChunkConverter;
use gzip_plan::ChunkStart;

use crate::chunk::{ChunkFiles, RunContext};
use crate::error::FileError;
use crate::staging::StagedHour;
use crate::text::{ChunkEnd, ChunkTexts};

const BLOCK_BYTES: usize = 256 << 10;
/// What a pipe holds where one worker takes chunk after chunk: 2 MiB.
const BLOCKS_OF_ONE: usize = 8;
/// What each pipe holds where several workers take turns: 16 MiB, about a chunk of today's hours.
const BLOCKS_OF_EACH: usize = 64;

/// A chunk on its way to a worker.
struct ChunkTask {
    number: u32,
    start: ChunkStart,
    text: PipeReader,
}

/// A block of text, or none: the end of the chunk. A pipe that breaks before that was given up.
type Block = Option<Vec<u8>>;

struct PipeReader {
    blocks: Receiver<Block>,
    used: Sender<Vec<u8>>,
    block: Vec<u8>,
    taken: usize,
    ended: bool,
}

/// Converts all chunks with `workers` threads besides this one.
pub(crate) fn convert_chunks<R: Read>(
    converter: RunContext<'_>,
    texts: ChunkTexts<R>,
    staged: &StagedHour,
    workers: usize,
) -> Result<Vec<(ChunkFiles, ChunkEnd)>, FileError> {
    let (tasks, waiting) = sync_channel::<ChunkTask>(1);
    // The workers' alone: if none is left, nobody waits for the chunks that they do not take.
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
        // Workers end when there is no task left, and the scope when they all have.
        ends
    });
    collect(ends, finished.into_iter().collect())
}

fn next_task(waiting: &Mutex<Receiver<ChunkTask>>) -> Option<ChunkTask> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Gives the text of chunk after chunk to whichever worker is free; stops at the first pipe that nobody reads any more.
fn feed<R: Read>(
    mut texts: ChunkTexts<R>,
    tasks: SyncSender<ChunkTask>,
    pipe_blocks: usize,
) -> Result<Vec<ChunkEnd>, FileError> {
    let (give_back, used) = channel();
    let mut ends = Vec::new();
    while let Some(start) = texts.next_chunk()? {
        let (pipe, blocks) = sync_channel(pipe_blocks);
        let text = PipeReader { blocks, used: give_back.clone(), block: Vec::new(), taken: 0, ended: false };
        let task = ChunkTask { number: ends.len() as u32, start, text };
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

/// The next block of the chunk's text, or none at its end.
fn fill<R: Read>(texts: &mut ChunkTexts<R>, mut block: Vec<u8>) -> Result<Block, FileError> {
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

/// Puts chunks and their ends together; of several errors, the one that is a reason.
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

impl BufRead for PipeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.block.len() && !self.ended {
            let used = std::mem::take(&mut self.block);
            if used.capacity() > 0 {
                // Nobody needs it any more where nobody receives it.
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

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}
