//! The planner: one pass over a gzip file that makes its plan.

use crate::{
    chunker::Chunker,
    error::{MemberPart, PlanError},
    inflate::{Inflate, StepEnd, StopAt, StreamFormat, WINDOW_BYTES},
    limits::{BlockStart, InflateLimits},
    magic,
    plan::GzipPlan,
    points::{AccessPoints, TextHistory},
    settings::PlanSettings,
    unread::UnreadText,
};

/// A plan and the windows of its access points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    pub plan: GzipPlan,
    /// The windows, one after the other; [`crate::GzipWindow`] is the range of one.
    pub windows: Vec<u8>,
}

/// Plans a gzip file. Its bytes are pushed in order, in pieces of any length.
///
/// Holds a few hundred KiB, the windows, and 16 bytes for each distinct line (more while the table grows).
pub struct Planner {
    limits: InflateLimits,
    stage: FileStage,
    /// The offset in the file of the next byte of the stage.
    offset: u64,
    members: u32,
    trailing_zero_bytes: u64,
    inflate: Inflate,
    history: TextHistory,
    points: AccessPoints,
    chunker: Chunker,
    /// Text that a reader still needs; `None` if there is no reader.
    unread: Option<UnreadText>,
    failure: Option<PlanError>,
}

/// The part of the file that the planner is in.
enum FileStage {
    /// The first bytes, until they identify the kind of the file.
    Start(Vec<u8>),
    Member(MemberStage),
    /// After a member. Another member may begin here; after a zero byte, only zeros may follow.
    Between {
        half_magic: bool,
    },
}

/// The part of a member that the planner is in.
struct MemberStage {
    part: MemberPart,
    /// Where the part begins in the gzip file.
    part_start: u64,
    /// Where the block begins in the text.
    block_text_start: u64,
    /// Where the member begins in the text.
    text_start: u64,
}

impl Planner {
    pub fn new(settings: PlanSettings) -> Self {
        Self {
            limits: InflateLimits::default(),
            stage: FileStage::Start(Vec::new()),
            offset: 0,
            members: 0,
            trailing_zero_bytes: 0,
            inflate: Inflate::new(StreamFormat::Gzip),
            history: TextHistory::new(),
            points: AccessPoints::new(),
            chunker: Chunker::new(settings),
            unread: None,
            failure: None,
        }
    }

    /// A planner for readers of stretches ([`GzipPlan::stretch`]): chunks have no hash, and duplicate lines are not
    /// found. It needs little memory.
    pub fn for_stretches(settings: PlanSettings) -> Self {
        let mut planner = Self::new(settings);
        planner.chunker.without_hashes();
        planner.chunker.without_duplicates();
        planner
    }

    /// A planner for a reader of the text: access points have no window, and chunks have no hash.
    pub(crate) fn for_one_pass(settings: PlanSettings) -> Self {
        let mut planner = Self::new(settings);
        planner.chunker.without_hashes();
        planner.points.without_windows();
        planner
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    ///
    /// The first flaw of the file up to these bytes. Later calls return the same error.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), PlanError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.take(bytes).inspect_err(|error| self.failure = Some(error.clone()))
    }

    /// Ends the file and returns its plan.
    ///
    /// # Errors
    ///
    /// The first flaw of the file, which may be that it ends too early.
    pub fn finish(mut self) -> Result<PlannedFile, PlanError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        match &self.stage {
            FileStage::Start(head) if head.is_empty() => return Err(PlanError::Empty),
            FileStage::Start(head) if head[..] != magic::GZIP[..1] => return Err(magic::not_gzip(head)),
            FileStage::Start(_) => return Err(PlanError::Truncated { offset: 1, member: 1 }),
            FileStage::Member(_) => return Err(PlanError::Truncated { offset: self.offset, member: self.members }),
            FileStage::Between { half_magic: true } => {
                return Err(PlanError::Truncated { offset: self.offset, member: self.members.saturating_add(1) });
            }
            FileStage::Between { half_magic: false } => {}
        }
        let uncompressed_bytes = self.history.end();
        let (mut chunks, lines) = self.chunker.finish(&self.history, &mut self.points);
        let (access_points, windows) = self.points.finish();
        for chunk in &mut chunks {
            chunk.compressed_start = access_points[chunk.access_point as usize].compressed_bit / 8;
        }
        let plan = GzipPlan {
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

    /// Treats all further bytes as text that is not compressed; pass them to [`Self::push_plain`]. Chunks need an
    /// access point, so they get one in common.
    pub(crate) fn begin_plain(&mut self) {
        self.points.block_begins(0, &self.history, 0, false);
        self.stage = FileStage::Between { half_magic: false };
    }

    /// Takes the next bytes of a file that is not compressed.
    pub(crate) fn push_plain(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.history.is_full() {
                self.make_room();
            }
            let room = self.history.room();
            let length = room.len().min(bytes.len());
            room[..length].copy_from_slice(&bytes[..length]);
            self.history.grow(length);
            self.offset += length as u64;
            self.chunker.text(&self.history, length, &mut self.points);
            bytes = &bytes[length..];
        }
    }

    /// Makes room in the history, and keeps the text that is still needed.
    pub(crate) fn make_room(&mut self) {
        self.points.save_windows(&self.history);
        if let Some(unread) = &mut self.unread {
            unread.keep(self.history.forgettable());
        }
        self.history.slide();
    }

    /// Lends the planner the text that a reader still needs.
    pub(crate) fn lend_unread(&mut self, unread: UnreadText) {
        self.unread = Some(unread);
    }

    /// Returns what [`Self::lend_unread`] lent.
    pub(crate) fn return_unread(&mut self) -> UnreadText {
        self.unread.take().unwrap_or_default()
    }

    pub(crate) fn chunker(&self) -> &Chunker {
        &self.chunker
    }

    pub(crate) fn history(&self) -> &TextHistory {
        &self.history
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), PlanError> {
        while !bytes.is_empty() {
            let taken = match &mut self.stage {
                FileStage::Start(_) => self.take_start(bytes)?,
                FileStage::Member(_) => self.take_member(bytes)?,
                FileStage::Between { .. } => self.take_between(bytes)?,
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    fn take_start(&mut self, bytes: &[u8]) -> Result<usize, PlanError> {
        let FileStage::Start(head) = &mut self.stage else { return Ok(0) };
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
        let FileStage::Between { half_magic } = &mut self.stage else { return Ok(0) };
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

    /// Begins a member at the current offset. Its magic bytes were already read.
    fn begin_member(&mut self) -> Result<(), PlanError> {
        if self.members > 0 {
            self.inflate.reset(StreamFormat::Gzip);
        }
        self.members = self.members.saturating_add(1);
        let text_start = self.history.end();
        self.stage = FileStage::Member(MemberStage {
            part: MemberPart::Header,
            part_start: self.offset,
            block_text_start: text_start,
            text_start,
        });
        self.take_member(&magic::GZIP).map(|_| ())
    }

    /// Inflates until the bytes are used up or the member is over. Returns how many bytes were used.
    fn take_member(&mut self, bytes: &[u8]) -> Result<usize, PlanError> {
        let mut taken = 0;
        while let FileStage::Member(member) = &self.stage {
            let (part, block) = (member.part, member.block_start());
            if self.history.is_full() {
                self.make_room();
            }
            let step = self.inflate.step(&bytes[taken..], self.history.room(), StopAt::Blocks);
            taken += step.consumed;
            self.offset += step.consumed as u64;
            self.history.grow(step.produced);
            if step.produced > 0 {
                self.limits.check_text(block, self.history.end())?;
                self.chunker.text(&self.history, step.produced, &mut self.points);
            }
            match step.end {
                StepEnd::Pause if taken == bytes.len() && !self.history.is_full() => break,
                StepEnd::Pause => {}
                StepEnd::BlockEnd { unused_bits, last } => self.boundary(unused_bits, last)?,
                StepEnd::StreamEnd => self.stage = FileStage::Between { half_magic: false },
                StepEnd::Broken(reason) => {
                    // Inside a block, zlib's message depends on how many bytes it was given.
                    let reason = if part == MemberPart::Block { "invalid deflate data".to_owned() } else { reason };
                    return Err(PlanError::Corrupt { part, offset: block.compressed, reason });
                }
            }
        }
        Ok(taken)
    }

    fn boundary(&mut self, unused_bits: u8, last: bool) -> Result<(), PlanError> {
        let FileStage::Member(member) = &mut self.stage else { return Ok(()) };
        let bit = self.offset * 8 - u64::from(unused_bits);
        let text_end = self.history.end();
        if member.part == MemberPart::Block {
            self.limits.check_ratio(member.block_start(), bit.div_ceil(8), text_end)?;
            self.chunker.block_ends(text_end, bit.div_ceil(8));
        }
        if last {
            (member.part, member.part_start) = (MemberPart::Trailer, bit.div_ceil(8));
            return Ok(());
        }
        let member_bytes = usize::try_from(text_end - member.text_start).unwrap_or(usize::MAX);
        let window_bytes = member_bytes.min(WINDOW_BYTES);
        self.points.block_begins(bit, &self.history, window_bytes, self.chunker.in_line());
        (member.part, member.part_start, member.block_text_start) = (MemberPart::Block, bit / 8, text_end);
        Ok(())
    }
}

impl MemberStage {
    fn block_start(&self) -> BlockStart {
        BlockStart { compressed: self.part_start, text: self.block_text_start }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const SETTINGS: PlanSettings = PlanSettings { chunk_records: 10, max_chunk_bytes: 1000 };

    #[test]
    fn planner_is_send() {
        fn moves<T: Send>(_: T) {}
        moves(Planner::new(SETTINGS));
    }

    #[test]
    fn plan_over_limit_is_too_large() {
        let none =
            InflateLimits { uncompressed_bytes: u64::MAX, block_bytes: u64::MAX, ratio: u64::MAX, ratio_from_bytes: 0 };
        let cases: [(&str, InflateLimits, Option<&str>); 6] = [
            ("at the limit of the text", InflateLimits { uncompressed_bytes: 40_000, ..none }, None),
            (
                "over the limit of the text",
                InflateLimits { uncompressed_bytes: 39_999, ..none },
                Some("64 GiB (seen in the deflate block at byte 5"),
            ),
            ("at the limit of a block", InflateLimits { block_bytes: 20_000, ..none }, None),
            (
                "over the limit of a block",
                InflateLimits { block_bytes: 19_999, ..none },
                Some("1 GiB in one deflate block (seen"),
            ),
            ("over the ratio", InflateLimits { ratio: 50, ..none }, Some("50 times its own length (seen")),
            ("over the ratio, but short", InflateLimits { ratio: 50, ratio_from_bytes: 40_000, ..none }, None),
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
        encoder.write_all(&b"a".repeat(20_000)).unwrap();
        encoder.flush().unwrap();
        encoder.write_all(&b"b".repeat(20_000)).unwrap();
        encoder.finish().unwrap()
    }

    fn plan(file: &[u8], piece: usize, limits: InflateLimits) -> Result<PlannedFile, PlanError> {
        let mut planner = Planner { limits, ..Planner::new(SETTINGS) };
        file.chunks(piece).try_for_each(|piece| planner.push(piece))?;
        planner.finish()
    }
}
