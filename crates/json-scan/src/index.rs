//! The offsets of a text's tokens: operators, and the first bytes of strings, numbers and words.
//!
//! Strings are checked completely here: a byte within a string is never a token, and an invalid string is recorded as a
//! flaw. The order of the tokens is checked in `grammar`.
#![expect(clippy::inline_always, reason = "the vector operations must be compiled into their caller's target features")]

use crate::blocks::{
    BLOCK_BYTES, BlockOps, ByteClasses, RareBytes, TokenSlots, classify, escapes, find_rare, parity_so_far,
    write_tokens,
};

/// The text is indexed this many bytes at a time: about one record, and a bound for the memory of the index.
const STRETCH_BYTES: usize = 4096;

/// The offset after the last token.
pub(crate) const END: usize = usize::MAX;

/// Indexes the next stretch of the text; false at the end of the text.
pub(crate) type Refill = fn(&mut TokenIndex, &[u8]) -> bool;

/// The tokens of a text from a given offset. They are computed on demand, one stretch at a time.
pub(crate) struct TokenIndex {
    refill: Refill,
    /// Offsets from `stretch_start`, the first `found` of which are tokens.
    tokens: Box<[u32; STRETCH_BYTES + BLOCK_BYTES]>,
    found: usize,
    /// How many of them were returned.
    taken: usize,
    stretch_start: usize,
    next_stretch: usize,
    end: usize,
    carry: BlockCarry,
    flaws: StringFlaws,
    has_non_ascii: bool,
}

/// The state at the end of a block that the next block needs.
#[derive(Clone, Copy, Default)]
struct BlockCarry {
    /// The block ends with a backslash that escapes the next byte.
    escaping: bool,
    /// All ones if the block ends within a string, else zero.
    in_string: u64,
    /// 1 if the block ends within a number or word, else 0.
    in_scalar: u64,
}

/// Flaws in the strings that were indexed so far.
#[derive(Default)]
struct StringFlaws {
    /// The first control character or unknown escape: from there on, the text is not JSON.
    syntax: Option<usize>,
    /// Escaped surrogates without their other half: valid by the grammar, but not text.
    surrogates: Vec<usize>,
    /// How many of the surrogates belong to ranges that were queried.
    queried: usize,
    /// The offset of the second half of the last escaped pair.
    low_half: usize,
}

impl StringFlaws {
    /// Records a flaw. The escapes of a block are checked before its control characters, which may stand before them.
    fn add_syntax(&mut self, at: usize) {
        self.syntax = Some(self.syntax.map_or(at, |first| first.min(at)));
    }
}

impl TokenIndex {
    /// An index that uses 16-byte vectors.
    pub(crate) fn portable() -> Self {
        Self::with_refill(|index, text| {
            index.refill_with(text, &BlockOps { classify, find_rare, parity: parity_so_far, write: write_tokens })
        })
    }

    /// An index that `refill` fills, by a call of [`Self::refill_with`].
    pub(crate) fn with_refill(refill: Refill) -> Self {
        Self {
            refill,
            tokens: vec![0; STRETCH_BYTES + BLOCK_BYTES].try_into().expect("the length of the array"),
            found: 0,
            taken: 0,
            stretch_start: 0,
            next_stretch: 0,
            end: 0,
            carry: BlockCarry::default(),
            flaws: StringFlaws::default(),
            has_non_ascii: false,
        }
    }

    /// Starts again with the text from `start` to `end`.
    pub(crate) fn reset(&mut self, start: usize, end: usize) {
        (self.found, self.taken) = (0, 0);
        (self.stretch_start, self.next_stretch, self.end) = (start, start, end);
        self.carry = BlockCarry::default();
        self.flaws.syntax = None;
        self.flaws.surrogates.clear();
        self.flaws.queried = 0;
        self.flaws.low_half = END;
        self.has_non_ascii = false;
    }

    /// Whether all bytes that were indexed so far are ASCII, which include the text up to the last returned token.
    pub(crate) fn is_ascii(&self) -> bool {
        !self.has_non_ascii
    }

    /// The end of the text.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Skips the tokens before `start`.
    pub(crate) fn skip_to(&mut self, text: &[u8], start: usize) {
        loop {
            let at = self.next_token(text);
            if at >= start {
                self.taken -= usize::from(at != END);
                return;
            }
        }
    }

    /// The offset of the next token, [`END`] after the last one.
    #[inline]
    pub(crate) fn next_token(&mut self, text: &[u8]) -> usize {
        if self.taken == self.found && !self.fill(text) {
            return END;
        }
        let token = self.tokens[self.taken];
        self.taken += 1;
        self.stretch_start + token as usize
    }

    /// The next four tokens, if they are in the current stretch; [`Self::skip_four`] skips them.
    #[inline(always)]
    pub(crate) fn peek_four(&self) -> Option<[usize; 4]> {
        let four: &[u32; 4] = self.tokens[..self.found].get(self.taken..)?.first_chunk()?;
        Some(four.map(|token| self.stretch_start + token as usize))
    }

    #[inline(always)]
    pub(crate) fn skip_four(&mut self) {
        self.taken += 4;
    }

    /// Whether a string before `end` is invalid.
    pub(crate) fn has_syntax_flaw_before(&self, end: usize) -> bool {
        self.flaws.syntax.is_some_and(|at| at < end)
    }

    /// Whether half a surrogate pair is escaped between these offsets. Queries must go from left to right.
    pub(crate) fn has_lone_surrogate_between(&mut self, start: usize, end: usize) -> bool {
        let count_before =
            |offset: usize, flaws: &StringFlaws| flaws.surrogates[flaws.queried..].partition_point(|at| *at < offset);
        self.flaws.queried += count_before(start, &self.flaws);
        let within = count_before(end, &self.flaws);
        self.flaws.queried += within;
        within > 0
    }

    /// Indexes the next stretch; false at the end of the text.
    #[cold]
    #[inline(never)]
    fn fill(&mut self, text: &[u8]) -> bool {
        (self.refill)(self, text)
    }

    /// Indexes stretches until there is a token, with these vector operations; false at the end of the text.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "an offset within a stretch is below STRETCH_BYTES")]
    pub(crate) fn refill_with(
        &mut self,
        text: &[u8],
        ops: &BlockOps<
            impl Fn(&[u8; BLOCK_BYTES]) -> ByteClasses,
            impl Fn(&[u8; BLOCK_BYTES]) -> RareBytes,
            impl Fn(u64) -> u64,
            impl Fn(u64, u32, &mut TokenSlots),
        >,
    ) -> bool {
        (self.found, self.taken) = (0, 0);
        let mut found = 0;
        while found == 0 {
            if self.next_stretch >= self.end {
                return false;
            }
            self.stretch_start = self.next_stretch;
            let stretch_end = self.end.min(self.next_stretch + STRETCH_BYTES);
            let mut carry = self.carry;
            let mut has_non_ascii = self.has_non_ascii;
            for start in (self.stretch_start..stretch_end).step_by(BLOCK_BYTES) {
                let tokens = self.tokens_of_block(text, start, &mut carry, &mut has_non_ascii, ops);
                if let Some(slots) = self.tokens[found..].first_chunk_mut() {
                    (ops.write)(tokens, (start - self.stretch_start) as u32, slots);
                }
                found += tokens.count_ones() as usize;
            }
            self.carry = carry;
            self.has_non_ascii = has_non_ascii;
            self.next_stretch = stretch_end;
        }
        self.found = found;
        true
    }

    /// A bit for each byte of the block at `start` where a token begins.
    #[inline(always)]
    fn tokens_of_block<W>(
        &mut self,
        text: &[u8],
        start: usize,
        carry: &mut BlockCarry,
        has_non_ascii: &mut bool,
        ops: &BlockOps<
            impl Fn(&[u8; BLOCK_BYTES]) -> ByteClasses,
            impl Fn(&[u8; BLOCK_BYTES]) -> RareBytes,
            impl Fn(u64) -> u64,
            W,
        >,
    ) -> u64 {
        let mut padded = [b' '; BLOCK_BYTES];
        let block = text[start..].first_chunk().unwrap_or_else(|| {
            padded[..text.len() - start].copy_from_slice(&text[start..]);
            &padded
        });
        let classes = (ops.classify)(block);
        *has_non_ascii |= classes.has_non_ascii;
        let here = first_bits(self.end - start);
        let mut quotes = classes.quotes & here;
        let mut blanks = classes.low;
        let mut controls = 0;
        if classes.has_rare || carry.escaping {
            let rare = (ops.find_rare)(block);
            let (escape_starts, escaped) = escapes(rare.backslashes & here, &mut carry.escaping);
            quotes &= !escaped;
            controls = rare.controls & here;
            blanks &= !rare.controls | rare.blanks;
            if escape_starts != 0 {
                self.check_escapes(text, start, escape_starts);
            }
        }
        // Includes a string's opening quote, but not its closing one; `tail` is the reverse.
        let in_string = (ops.parity)(quotes) ^ carry.in_string;
        carry.in_string = (in_string.cast_signed() >> 63).cast_unsigned();
        if controls & in_string != 0 {
            self.flaws.add_syntax(start + (controls & in_string).trailing_zeros() as usize);
        }
        let tail = in_string ^ quotes;
        let scalars = !(classes.operators | blanks);
        let scalars_but_quotes = scalars & !quotes;
        let after_scalar = scalars_but_quotes << 1 | carry.in_scalar;
        carry.in_scalar = scalars_but_quotes >> 63;
        (classes.operators | (scalars & !after_scalar)) & !tail & here
    }

    fn check_escapes(&mut self, text: &[u8], start: usize, mut escape_starts: u64) {
        while escape_starts != 0 {
            let at = start + escape_starts.trailing_zeros() as usize;
            escape_starts &= escape_starts - 1;
            match text[at + 1..self.end].first() {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                Some(b'u') => self.check_unicode_escape(&text[..self.end], at),
                _ => self.flaws.add_syntax(at),
            }
        }
    }

    fn check_unicode_escape(&mut self, text: &[u8], at: usize) {
        match escaped_code(text, at) {
            None => self.flaws.add_syntax(at),
            Some(0xd800..=0xdbff) => match escaped_code(text, at + 6) {
                Some(0xdc00..=0xdfff) if text[at + 6] == b'\\' && text[at + 7] == b'u' => {
                    self.flaws.low_half = at + 6;
                }
                _ => self.flaws.surrogates.push(at),
            },
            Some(0xdc00..=0xdfff) if self.flaws.low_half != at => self.flaws.surrogates.push(at),
            Some(_) => {}
        }
    }
}

/// The lowest `count` bits, or all bits if `count` is larger.
#[inline(always)]
fn first_bits(count: usize) -> u64 {
    if count < BLOCK_BYTES { (1 << count) - 1 } else { u64::MAX }
}

/// The code of `\uXXXX` at `at`. Its first two bytes are not checked.
fn escaped_code(text: &[u8], at: usize) -> Option<u32> {
    let digits: &[u8; 4] = text.get(at + 2..at + 6)?.first_chunk()?;
    digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}
