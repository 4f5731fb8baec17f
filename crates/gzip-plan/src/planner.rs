//! The pass over a gzip file that makes its plan.

mod one_pass;
mod spool;
mod unread;

pub use one_pass::{ChunkStart, Piece, PlainText, TextChunks, TextError};

use crate::{
    chunker::Chunker,
    error::{Part, PlanError},
    inflate::{Format, Inflate, Stop, StopAt, WINDOW_BYTES},
    magic,
    plan::Plan,
    points::{History, Points},
};
use unread::Unread;

/// No text of an hour is longer: 64 GiB, some fifty times the largest hour known.
pub const MAX_UNCOMPRESSED_BYTES: u64 = 64 << 30;
/// No file may inflate to more than this times its own length, once past [`RATIO_FROM_BYTES`]; hours have 4 to 8.
pub const MAX_RATIO: u64 = 50;
/// Text up to this length (256 MiB) may inflate at any ratio.
pub const RATIO_FROM_BYTES: u64 = 256 << 20;
/// No deflate block may inflate to more than this (1 GiB); usual compressors stay below 20 MiB. The ratio is looked at
/// after each block, so this bounds what one block can do.
pub const MAX_BLOCK_BYTES: u64 = 1 << 30;

/// How chunks are cut.
#[derive(Clone, Copy, Debug)]
pub struct PlanSettings {
    /// A chunk ends after this many lines that are not blank; 0 counts as 1.
    pub chunk_records: u32,
    /// A chunk ends before the line that would make its text longer than this; a longer line is a chunk of its own.
    pub max_chunk_bytes: u64,
}

/// A plan and the windows of its access points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    /// The plan.
    pub plan: Plan,
    /// The windows, one after the other; [`crate::Window`] says where each lies.
    pub windows: Vec<u8>,
}

/// Plans a gzip file whose bytes are pushed in order, in pieces of any length.
///
/// Holds a few hundred KiB, 16 bytes (more while the table grows) for every different line, and the windows.
pub struct Planner {
    limits: Limits,
    stage: Stage,
    /// Bytes of the file before those that the stage still has to look at.
    offset: u64,
    members: u32,
    trailing_zero_bytes: u64,
    inflate: Inflate,
    history: History,
    points: Points,
    chunker: Chunker,
    /// The text that was not read yet, if somebody reads it.
    unread: Option<Unread>,
    failure: Option<PlanError>,
}

/// Where in the file the planner is.
enum Stage {
    /// At its start, with so many bytes that may be gzip's magic ones or tell what else this is.
    Start(Vec<u8>),
    /// In a member.
    Member(Member),
    /// After a member. The next byte but zeros is wrong, unless another member begins right here.
    Between { half_magic: bool },
}

/// Where in a member the planner is.
struct Member {
    part: Part,
    /// Where the part begins in the gzip file.
    part_start: u64,
    /// Where the block begins in the text.
    block_text_start: u64,
    /// Where the member begins in the text.
    text_start: u64,
}

#[derive(Clone, Copy)]
struct Limits {
    uncompressed_bytes: u64,
    block_bytes: u64,
    ratio: u64,
    ratio_from_bytes: u64,
}

impl Planner {
    /// A planner at the start of a file.
    pub fn new(settings: PlanSettings) -> Self {
        Self {
            limits: Limits::default(),
            stage: Stage::Start(Vec::new()),
            offset: 0,
            members: 0,
            trailing_zero_bytes: 0,
            inflate: Inflate::new(Format::Gzip),
            history: History::new(),
            points: Points::new(),
            chunker: Chunker::new(settings),
            unread: None,
            failure: None,
        }
    }

    /// The same for whoever reads stretches of the text: chunks have no hashes, and equal lines are not looked for, which is
    /// what a planner needs its memory for.
    pub fn for_stretches(settings: PlanSettings) -> Self {
        let mut planner = Self::new(settings);
        planner.chunker.without_hashes();
        planner.chunker.without_duplicates();
        planner
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// What is wrong with the file as far as these bytes show. It stays wrong: every later call answers the same.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), PlanError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.take(bytes).inspect_err(|error| self.failure = Some(error.clone()))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What is wrong with the file, which includes that it ends too early.
    pub fn finish(mut self) -> Result<PlannedFile, PlanError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        match &self.stage {
            Stage::Start(head) if head.is_empty() => return Err(PlanError::Empty),
            Stage::Start(head) if head[..] != magic::GZIP[..1] => return Err(magic::not_gzip(head)),
            Stage::Start(_) => return Err(PlanError::Truncated { offset: 1, member: 1 }),
            Stage::Member(_) => return Err(PlanError::Truncated { offset: self.offset, member: self.members }),
            Stage::Between { half_magic: true } => {
                return Err(PlanError::Truncated { offset: self.offset, member: self.members.saturating_add(1) });
            }
            Stage::Between { half_magic: false } => {}
        }
        let uncompressed_bytes = self.history.end();
        let (mut chunks, lines) = self.chunker.finish(&self.history, &mut self.points);
        let (access_points, windows) = self.points.finish();
        for chunk in &mut chunks {
            chunk.compressed_start = access_points[chunk.access_point as usize].compressed_bit / 8;
        }
        let plan = Plan {
            compressed_bytes: self.offset,
            uncompressed_bytes,
            members: self.members,
            trailing_zero_bytes: self.trailing_zero_bytes,
            lines,
            blank_lines: chunks.iter().map(|chunk| chunk.blank_lines).sum(),
            duplicate_lines: chunks.iter().map(|chunk| chunk.duplicate_lines.len() as u64).sum(),
            access_points,
            chunks,
        };
        Ok(PlannedFile { plan, windows })
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), PlanError> {
        while !bytes.is_empty() {
            let taken = match &mut self.stage {
                Stage::Start(_) => self.take_start(bytes)?,
                Stage::Member(_) => self.take_member(bytes)?,
                Stage::Between { .. } => self.take_between(bytes)?,
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    fn take_start(&mut self, bytes: &[u8]) -> Result<usize, PlanError> {
        let Stage::Start(head) = &mut self.stage else { return Ok(0) };
        let taken = bytes.len().min(magic::HEAD_BYTES - head.len());
        let had = head.len();
        head.extend_from_slice(&bytes[..taken]);
        if head.starts_with(&magic::GZIP) {
            self.begin_member()?;
            return Ok(magic::GZIP.len() - had);
        }
        if head.len() == magic::HEAD_BYTES {
            return Err(magic::not_gzip(head));
        }
        Ok(taken)
    }

    fn take_between(&mut self, bytes: &[u8]) -> Result<usize, PlanError> {
        let Stage::Between { half_magic } = &mut self.stage else { return Ok(0) };
        if *half_magic {
            if bytes[0] != magic::GZIP[1] {
                return Err(PlanError::TrailingBytes { offset: self.offset - 1 });
            }
            self.offset -= 1;
            self.begin_member()?;
            return Ok(1);
        }
        if bytes[0] == magic::GZIP[0] && self.trailing_zero_bytes == 0 {
            *half_magic = true;
            self.offset += 1;
            return Ok(1);
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        self.offset += zeros as u64;
        self.trailing_zero_bytes += zeros as u64;
        if zeros < bytes.len() {
            return Err(PlanError::TrailingBytes { offset: self.offset });
        }
        Ok(zeros)
    }

    /// Begins a member whose magic bytes, the next ones at the offset, were seen.
    fn begin_member(&mut self) -> Result<(), PlanError> {
        if self.members > 0 {
            self.inflate.reset(Format::Gzip);
        }
        self.members = self.members.saturating_add(1);
        let text_start = self.history.end();
        self.stage = Stage::Member(Member {
            part: Part::Header,
            part_start: self.offset,
            block_text_start: text_start,
            text_start,
        });
        self.take_member(&magic::GZIP).map(|_| ())
    }

    /// Inflates until the bytes are used up or the member is over, and answers how many were used.
    fn take_member(&mut self, bytes: &[u8]) -> Result<usize, PlanError> {
        let mut taken = 0;
        while let Stage::Member(member) = &mut self.stage {
            if self.history.is_full() {
                slide(&mut self.history, &mut self.points, &mut self.unread);
            }
            let step = self.inflate.step(&bytes[taken..], self.history.room(), StopAt::Blocks);
            taken += step.consumed;
            self.offset += step.consumed as u64;
            self.history.grow(step.produced);
            if step.produced > 0 {
                self.limits.check_text(member, self.history.end())?;
                self.chunker.text(&self.history, step.produced, &mut self.points);
            }
            match step.stop {
                Stop::Pause if taken == bytes.len() && !self.history.is_full() => break,
                Stop::Pause => {}
                Stop::Boundary { unused_bits, last } => self.boundary(unused_bits, last)?,
                Stop::End => self.stage = Stage::Between { half_magic: false },
                Stop::Broken(reason) => {
                    // Inside a block, zlib's words depend on how many bytes it has at hand.
                    let reason = if member.part == Part::Block { "invalid deflate data".to_owned() } else { reason };
                    return Err(PlanError::Corrupt { part: member.part, offset: member.part_start, reason });
                }
            }
        }
        Ok(taken)
    }

    fn boundary(&mut self, unused_bits: u8, last: bool) -> Result<(), PlanError> {
        let Stage::Member(member) = &mut self.stage else { return Ok(()) };
        let bit = self.offset * 8 - u64::from(unused_bits);
        let text_end = self.history.end();
        if member.part == Part::Block {
            self.limits.check_ratio(member, bit.div_ceil(8), text_end)?;
            self.chunker.block_ends(text_end, bit.div_ceil(8));
        }
        if last {
            (member.part, member.part_start) = (Part::Trailer, bit.div_ceil(8));
            return Ok(());
        }
        let window_bytes = (text_end - member.text_start).min(WINDOW_BYTES as u64) as usize;
        self.points.block_begins(bit, &self.history, window_bytes, self.chunker.in_line());
        (member.part, member.part_start, member.block_text_start) = (Part::Block, bit / 8, text_end);
        Ok(())
    }
}

/// Makes room in the history; keeps what is still needed of it.
fn slide(history: &mut History, points: &mut Points, unread: &mut Option<Unread>) {
    points.save_windows(history);
    if let Some(unread) = unread {
        unread.keep(history.forgettable());
    }
    history.slide();
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            uncompressed_bytes: MAX_UNCOMPRESSED_BYTES,
            block_bytes: MAX_BLOCK_BYTES,
            ratio: MAX_RATIO,
            ratio_from_bytes: RATIO_FROM_BYTES,
        }
    }
}

impl Limits {
    fn check_text(&self, member: &Member, text_end: u64) -> Result<(), PlanError> {
        let limit = if text_end > self.uncompressed_bytes {
            "more than 64 GiB"
        } else if text_end - member.block_text_start > self.block_bytes {
            "more than 1 GiB in one deflate block"
        } else {
            return Ok(());
        };
        Err(PlanError::TooLarge { offset: member.part_start, limit })
    }

    /// Looks at the ratio where it does not depend on how the bytes came: between blocks.
    fn check_ratio(&self, member: &Member, compressed: u64, text_end: u64) -> Result<(), PlanError> {
        if text_end > self.ratio_from_bytes && text_end > compressed.saturating_mul(self.ratio) {
            let limit = "more than 256 MiB, and more than 50 times its own length";
            return Err(PlanError::TooLarge { offset: member.part_start, limit });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const SETTINGS: PlanSettings = PlanSettings { chunk_records: 10, max_chunk_bytes: 1000 };

    #[test]
    fn planners_move_between_threads() {
        fn moves<T: Send>(_: T) {}
        moves(Planner::new(SETTINGS));
    }

    #[test]
    fn each_limit_holds() {
        let none = Limits { uncompressed_bytes: u64::MAX, block_bytes: u64::MAX, ratio: u64::MAX, ratio_from_bytes: 0 };
        let cases: [(&str, Limits, Option<&str>); 6] = [
            ("as long as may be", Limits { uncompressed_bytes: 40_000, ..none }, None),
            (
                "too long",
                Limits { uncompressed_bytes: 39_999, ..none },
                Some("64 GiB (seen in the deflate block at byte 5"),
            ),
            ("a block as long as may be", Limits { block_bytes: 20_000, ..none }, None),
            ("a long block", Limits { block_bytes: 19_999, ..none }, Some("1 GiB in one deflate block (seen")),
            ("a high ratio", Limits { ratio: 50, ..none }, Some("50 times its own length (seen")),
            ("a high ratio of little", Limits { ratio: 50, ratio_from_bytes: 40_000, ..none }, None),
        ];
        let file = runs();
        for (case, limits, expected) in cases {
            let outcomes = [1, 7, file.len()].map(|piece| plan(&file, piece, limits));
            assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{case}: {outcomes:?}");
            match (&outcomes[0], expected) {
                (Ok(planned), None) => assert_eq!(planned.plan.uncompressed_bytes, 40_000, "{case}"),
                (Err(error), Some(expected)) => assert!(error.to_string().contains(expected), "{case}: {error}"),
                (outcome, _) => panic!("{case}: {outcome:?}"),
            }
        }
    }

    /// Two blocks, each of 20,000 bytes of text.
    fn runs() -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&[b'a'; 20_000]).unwrap();
        encoder.flush().unwrap();
        encoder.write_all(&[b'b'; 20_000]).unwrap();
        encoder.finish().unwrap()
    }

    fn plan(file: &[u8], piece: usize, limits: Limits) -> Result<PlannedFile, PlanError> {
        let mut planner = Planner { limits, ..Planner::new(SETTINGS) };
        file.chunks(piece).try_for_each(|piece| planner.push(piece))?;
        planner.finish()
    }
}
