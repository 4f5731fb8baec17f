//! JSON's grammar, checked token by token.
#![expect(clippy::inline_always, reason = "the hot loop of a conversion; the compiler splits it otherwise")]

use crate::digits::{leading_digits, split_digits};
use crate::index::{END, TokenIndex};
use crate::object::{FieldSpan, NotAnObject};

/// The deepest nesting that `serde_json` accepts.
const MAX_DEPTH: usize = 127;
/// A number of at most this many bytes and without an exponent is in the range of a double.
const SURELY_IN_RANGE_BYTES: usize = 300;

/// Walks over the tokens of a text. Offsets are relative to the start of the text.
pub(crate) struct TokenCursor<'a> {
    text: &'a [u8],
    index: &'a mut TokenIndex,
    acceptable: bool,
}

impl<'a> TokenCursor<'a> {
    pub(crate) fn new(text: &'a [u8], index: &'a mut TokenIndex) -> Self {
        Self { text, index, acceptable: true }
    }

    /// Whether all numbers so far are in range, and the nesting is at most [`MAX_DEPTH`].
    pub(crate) fn acceptable(&self) -> bool {
        self.acceptable
    }

    /// Takes the next token. Returns whether it is an opening brace at `start`.
    pub(crate) fn opens_object_at(&mut self, start: usize) -> bool {
        self.next() == start && byte(self.text, start) == b'{'
    }

    #[inline]
    fn next(&mut self) -> usize {
        self.index.next_token(self.text)
    }

    /// Adds the fields of the outermost object, whose opening brace is at `start`. Returns the offset of its closing
    /// brace.
    pub(crate) fn collect_fields(
        &mut self,
        start: usize,
        fields: &mut Vec<FieldSpan>,
        containers: &mut Vec<bool>,
    ) -> Result<usize, NotAnObject> {
        let mut key = self.next();
        if byte(self.text, key) == b'}' {
            return Ok(key);
        }
        loop {
            let colon = self.colon_after(key)?;
            let value = self.next();
            let (value_end, separator) = match byte(self.text, value) {
                b'{' | b'[' => {
                    let close = self.skip_container(value, containers)?;
                    (close + 1, self.next())
                }
                _ => {
                    let separator = self.skip_scalar(value)?;
                    (trimmed_end(self.text, separator.min(self.index.end())), separator)
                }
            };
            let key_end = trimmed_end(self.text, colon) - 1;
            fields.push(FieldSpan::new(key + 1 - start..key_end - start, value - start..value_end - start));
            match byte(self.text, separator) {
                b',' => key = self.next(),
                b'}' => return Ok(separator),
                _ => return Err(NotAnObject),
            }
        }
    }

    /// The offset of the colon after the key at `key`.
    #[inline]
    fn colon_after(&mut self, key: usize) -> Result<usize, NotAnObject> {
        let colon = self.next();
        if byte(self.text, key) == b'"' && byte(self.text, colon) == b':' { Ok(colon) } else { Err(NotAnObject) }
    }

    /// Skips the string, number or word at `at`. Returns the token after it.
    #[inline(always)]
    fn skip_scalar(&mut self, at: usize) -> Result<usize, NotAnObject> {
        let after = self.next();
        if byte(self.text, at) == b'"' { Ok(after) } else { self.check_word(at, after) }
    }

    /// Checks the number or word at `at`; `after` is the token after it. Returns `after`.
    #[inline(never)]
    fn check_word(&mut self, at: usize, after: usize) -> Result<usize, NotAnObject> {
        if at == END || after == END {
            return Err(NotAnObject);
        }
        let end = trimmed_end(self.text, after);
        if let Some(bytes) = self.text[at..].first_chunk()
            && bytes[0] != b'0'
            && (1..=bytes.len()).contains(&(end - at))
            && leading_digits(bytes) as usize >= end - at
        {
            return Ok(after);
        }
        let token = &self.text[at..end];
        let valid = match token.first() {
            Some(b'-' | b'0'..=b'9') => self.check_number(token),
            Some(b't') => token == b"true",
            Some(b'f') => token == b"false",
            _ => token == b"null",
        };
        if valid { Ok(after) } else { Err(NotAnObject) }
    }

    /// Skips the container that opens at `open`, at any depth. Returns the offset of its closing token.
    pub(crate) fn skip_container(&mut self, open: usize, containers: &mut Vec<bool>) -> Result<usize, NotAnObject> {
        containers.clear();
        let mut is_object = byte(self.text, open) == b'{';
        let (mut at, mut is_first) = (self.next(), true);
        loop {
            if is_object {
                let key = self.skip_text_fields(at);
                is_first &= key == at;
                at = key;
            }
            let mut after = at;
            if !is_first || byte(self.text, at) != closing(is_object) {
                if is_object {
                    self.colon_after(at)?;
                    at = self.next();
                }
                if let inner @ (b'{' | b'[') = byte(self.text, at) {
                    containers.push(is_object);
                    is_object = inner == b'{';
                    self.acceptable &= containers.len() + 2 <= MAX_DEPTH;
                    (at, is_first) = (self.next(), true);
                    continue;
                }
                after = self.skip_scalar(at)?;
            }
            while byte(self.text, after) == closing(is_object) {
                match containers.pop() {
                    None => return Ok(after),
                    Some(outer) => is_object = outer,
                }
                after = self.next();
            }
            if byte(self.text, after) != b',' {
                return Err(NotAnObject);
            }
            (at, is_first) = (self.next(), false);
        }
    }

    /// Skips fields whose value is a string and that a comma follows, which most fields are. `key` is the token where a
    /// field's key is expected; returns the token of the first field that is different.
    #[inline(always)]
    fn skip_text_fields(&mut self, mut key: usize) -> usize {
        while let Some([colon, value, comma, next]) = self.index.peek_four() {
            let is_text_field = byte(self.text, key) == b'"'
                && byte(self.text, colon) == b':'
                && byte(self.text, value) == b'"'
                && byte(self.text, comma) == b',';
            if !is_text_field {
                break;
            }
            self.index.skip_four();
            key = next;
        }
        key
    }

    /// Whether the token is a number by JSON's grammar. Records in `acceptable` whether it is in range.
    #[inline]
    fn check_number(&mut self, token: &[u8]) -> bool {
        let digits = token.strip_prefix(b"-").unwrap_or(token);
        let (integer, rest) = split_digits(digits);
        if integer == 0 || integer > 1 && digits[0] == b'0' {
            return false;
        }
        if rest.is_empty() && token.len() <= SURELY_IN_RANGE_BYTES {
            return true;
        }
        self.check_fraction(token, rest)
    }

    /// Checks a number that is long, or has a fraction or an exponent; `rest` follows its integer part.
    #[cold]
    fn check_fraction(&mut self, token: &[u8], mut rest: &[u8]) -> bool {
        if let Some(fraction) = rest.strip_prefix(b".") {
            let (digits, after) = split_digits(fraction);
            if digits == 0 {
                return false;
            }
            rest = after;
        }
        if let [b'e' | b'E', exponent @ ..] = rest {
            let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
            let (digits, after) = split_digits(exponent);
            if digits == 0 || !after.is_empty() {
                return false;
            }
            self.acceptable &= in_range(token);
            return true;
        }
        if token.len() > SURELY_IN_RANGE_BYTES {
            self.acceptable &= in_range(token);
        }
        rest.is_empty()
    }
}

/// The byte at `at`. At [`END`] it is 0, which is never valid JSON.
#[inline]
fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

#[inline]
fn closing(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}

/// The end of the last token before `end`: skips the white space before `end`.
#[inline(always)]
fn trimmed_end(text: &[u8], end: usize) -> usize {
    let end = end.min(text.len());
    match end.checked_sub(1).and_then(|last| text.get(last)) {
        Some(last) if *last > b' ' => end,
        _ => end_before_blanks(text, end),
    }
}

#[cold]
fn end_before_blanks(text: &[u8], mut end: usize) -> usize {
    while end > 0 && matches!(text[end - 1], b' ' | b'\t' | b'\r' | b'\n') {
        end -= 1;
    }
    end
}

/// Whether the number is in `serde_json`'s range.
fn in_range(number: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Number>(number).is_ok()
}
