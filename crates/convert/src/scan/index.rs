//! Where the tokens of a JSON text begin: operators, and the first bytes of strings, numbers and words.
//!
//! The bytes within strings are dealt with here, all at once and for good: nothing in a string begins a token, and what is
//! wrong in one is noted as a flaw. What tokens mean, one after the other, is for the scanner.

use super::blocks::{BLOCK_BYTES, Classes, Rare, classify, escapes, parity_so_far, rare};

/// So much text is indexed at a time: the tokens of a usual record, and never more memory than this needs.
const STRETCH_BYTES: usize = 4096;
/// The tokens of a block are written several at a time: those that there are, and others that are written over.
pub(super) type Slots = [u32; BLOCK_BYTES];

/// No token.
pub(super) const END: usize = usize::MAX;

/// The tokens of a text from one place on; they are looked for as they are asked for.
pub(super) struct Index {
    tokens: Box<[u32; STRETCH_BYTES + BLOCK_BYTES]>,
    /// Tokens in `tokens`, and the number of those that were asked for.
    found: usize,
    given: usize,
    /// Where the text of `tokens` begins, and where the next stretch does.
    stretch_start: usize,
    next: usize,
    end: usize,
    carried: Carried,
    flaws: Flaws,
    /// Whether a byte was seen that is not ASCII.
    has_high: bool,
}

/// Ways to do the same with one processor's vectors or another's: [`classify`], [`rare`], [`parity_so_far`] and [`write`].
pub(super) struct Vectors<C, R, P, W> {
    pub(super) classify: C,
    pub(super) rare: R,
    pub(super) parity: P,
    pub(super) write: W,
}

/// What the bytes before a block were.
#[derive(Clone, Copy, Default)]
struct Carried {
    /// The last one was a backslash that escapes what follows.
    escaping: bool,
    /// Ones if they end within a string.
    in_string: u64,
    /// 1 if they end within a token that is no string.
    in_scalar: u64,
}

/// What is wrong within strings, as far as they were looked at.
#[derive(Default)]
struct Flaws {
    /// The first control character or unknown escape: no JSON from there on.
    syntax: Option<usize>,
    /// Escaped surrogates without the other half: JSON, but of no text. So many of them were asked about.
    surrogates: Vec<usize>,
    asked: usize,
    /// Where the second half of an escaped pair is.
    low_half: usize,
}

impl Flaws {
    /// Notes a flaw; the escapes of a block are looked at before its control characters, which may come first.
    fn note_syntax(&mut self, at: usize) {
        self.syntax = Some(self.syntax.map_or(at, |first| first.min(at)));
    }
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            tokens: Box::new([0; STRETCH_BYTES + BLOCK_BYTES]),
            found: 0,
            given: 0,
            stretch_start: 0,
            next: 0,
            end: 0,
            carried: Carried::default(),
            flaws: Flaws::default(),
            has_high: false,
        }
    }

    /// Begins anew with the text from `start` to `end`.
    pub(super) fn reset(&mut self, start: usize, end: usize) {
        (self.found, self.given) = (0, 0);
        (self.stretch_start, self.next, self.end) = (start, start, end);
        self.carried = Carried::default();
        self.flaws.syntax = None;
        self.flaws.surrogates.clear();
        self.flaws.asked = 0;
        self.flaws.low_half = END;
        self.has_high = false;
    }

    /// Whether the text up to the last token that was asked for is surely ASCII.
    pub(super) fn is_ascii(&self) -> bool {
        !self.has_high
    }

    /// The end of the text.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Passes over the tokens before `start`.
    pub(super) fn skip_to(&mut self, text: &[u8], start: usize) {
        loop {
            let at = self.token(text);
            if at >= start {
                self.given -= usize::from(at != END);
                return;
            }
        }
    }

    /// The place of the next token, [`END`] after the last one.
    #[inline]
    pub(super) fn token(&mut self, text: &[u8]) -> usize {
        if self.given == self.found && !self.find(text) {
            return END;
        }
        let token = self.tokens[self.given];
        self.given += 1;
        self.stretch_start + token as usize
    }

    /// The next four tokens, if they are at hand; [`Self::take_four`] passes over them.
    #[inline(always)]
    pub(super) fn four(&self) -> Option<[usize; 4]> {
        let four: &[u32; 4] = self.tokens[..self.found].get(self.given..)?.first_chunk()?;
        Some(four.map(|token| self.stretch_start + token as usize))
    }

    #[inline(always)]
    pub(super) fn take_four(&mut self) {
        self.given += 4;
    }

    /// The first place before `end` from where the text is no JSON, as far as strings tell.
    pub(super) fn syntax_flaw_before(&self, end: usize) -> bool {
        self.flaws.syntax.is_some_and(|at| at < end)
    }

    /// Whether half a surrogate pair is escaped between these places, which come in their order.
    pub(super) fn lone_surrogate_within(&mut self, start: usize, end: usize) -> bool {
        let before = |place: usize, flaws: &Flaws| flaws.surrogates[flaws.asked..].partition_point(|at| *at < place);
        self.flaws.asked += before(start, &self.flaws);
        let within = before(end, &self.flaws);
        self.flaws.asked += within;
        within > 0
    }

    /// Looks for further tokens; false at the end of the text.
    #[cold]
    #[inline(never)]
    fn find(&mut self, text: &[u8]) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Some(found) = super::wider::find(self, text) {
            return found;
        }
        self.find_with(text, &Vectors { classify, rare, parity: parity_so_far, write })
    }

    /// Looks for further tokens, with these vectors.
    #[inline(always)]
    pub(super) fn find_with(
        &mut self,
        text: &[u8],
        vectors: &Vectors<
            impl Fn(&[u8; BLOCK_BYTES]) -> Classes,
            impl Fn(&[u8; BLOCK_BYTES]) -> Rare,
            impl Fn(u64) -> u64,
            impl Fn(u64, u32, &mut Slots),
        >,
    ) -> bool {
        (self.found, self.given) = (0, 0);
        let mut found = 0;
        while found == 0 {
            if self.next >= self.end {
                return false;
            }
            self.stretch_start = self.next;
            let stretch_end = self.end.min(self.next + STRETCH_BYTES);
            let mut carried = self.carried;
            let mut has_high = self.has_high;
            for start in (self.stretch_start..stretch_end).step_by(BLOCK_BYTES) {
                let tokens = self.tokens(text, start, &mut carried, &mut has_high, vectors);
                if let Some(slots) = self.tokens[found..].first_chunk_mut() {
                    (vectors.write)(tokens, (start - self.stretch_start) as u32, slots);
                }
                found += tokens.count_ones() as usize;
            }
            self.carried = carried;
            self.has_high = has_high;
            self.next = stretch_end;
        }
        self.found = found;
        true
    }

    /// Where in the block at `start` tokens begin.
    #[inline(always)]
    fn tokens<W>(
        &mut self,
        text: &[u8],
        start: usize,
        carried: &mut Carried,
        has_high: &mut bool,
        vectors: &Vectors<
            impl Fn(&[u8; BLOCK_BYTES]) -> Classes,
            impl Fn(&[u8; BLOCK_BYTES]) -> Rare,
            impl Fn(u64) -> u64,
            W,
        >,
    ) -> u64 {
        let mut padded = [b' '; BLOCK_BYTES];
        let block = text[start..].first_chunk().unwrap_or_else(|| {
            padded[..text.len() - start].copy_from_slice(&text[start..]);
            &padded
        });
        let classes = (vectors.classify)(block);
        *has_high |= classes.has_high;
        let here = first_bits(self.end - start);
        let mut quotes = classes.quotes & here;
        let mut blanks = classes.low;
        let mut controls = 0;
        if classes.has_rare || carried.escaping {
            let rare = (vectors.rare)(block);
            let (escape_starts, escaped) = escapes(rare.backslashes & here, &mut carried.escaping);
            quotes &= !escaped;
            controls = rare.controls & here;
            blanks &= !rare.controls | rare.blanks;
            if escape_starts != 0 {
                self.check_escapes(text, start, escape_starts);
            }
        }
        // In a string, its opening quote included, but not its closing one; the tail is the other way about.
        let in_string = (vectors.parity)(quotes) ^ carried.in_string;
        carried.in_string = (in_string as i64 >> 63) as u64;
        if controls & in_string != 0 {
            self.flaws.note_syntax(start + (controls & in_string).trailing_zeros() as usize);
        }
        let tail = in_string ^ quotes;
        let scalars = !(classes.operators | blanks);
        let scalars_but_quotes = scalars & !quotes;
        let after_scalar = scalars_but_quotes << 1 | carried.in_scalar;
        carried.in_scalar = scalars_but_quotes >> 63;
        (classes.operators | (scalars & !after_scalar)) & !tail & here
    }

    fn check_escapes(&mut self, text: &[u8], start: usize, mut escape_starts: u64) {
        while escape_starts != 0 {
            let at = start + escape_starts.trailing_zeros() as usize;
            escape_starts &= escape_starts - 1;
            match text[at + 1..self.end].first() {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                Some(b'u') => self.check_unicode_escape(&text[..self.end], at),
                _ => self.flaws.note_syntax(at),
            }
        }
    }

    fn check_unicode_escape(&mut self, text: &[u8], at: usize) {
        match hex(text, at) {
            None => self.flaws.note_syntax(at),
            Some(0xd800..=0xdbff) => match hex(text, at + 6) {
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

/// Writes the places of the bits that are set, counted from `base`.
#[inline(always)]
pub(super) fn write(mut tokens: u64, base: u32, slots: &mut Slots) {
    // How many there are is hard to foresee; whether there are more than some is not.
    for slots in slots.as_chunks_mut::<8>().0 {
        if tokens == 0 {
            break;
        }
        for slot in slots {
            *slot = base + tokens.trailing_zeros();
            tokens &= tokens.wrapping_sub(1);
        }
    }
}

/// So many of the lowest bits, or all.
#[inline(always)]
fn first_bits(count: usize) -> u64 {
    if count < BLOCK_BYTES { (1 << count) - 1 } else { u64::MAX }
}

/// The code of `\uXXXX` at `at`, whose first two bytes are taken for granted.
fn hex(text: &[u8], at: usize) -> Option<u32> {
    let digits: &[u8; 4] = text.get(at + 2..at + 6)?.first_chunk()?;
    digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}
