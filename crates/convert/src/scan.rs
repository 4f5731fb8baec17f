//! One pass over a JSON object: where it ends, whether it is JSON to its last byte, and where its fields are.
//!
//! The text is indexed first, 64 bytes at a time (`index`), which settles all that is within strings; then the tokens are
//! checked one by one against JSON's grammar. That an object is JSON does not make it acceptable: see [`Object`].

mod blocks;
mod index;
#[cfg(target_arch = "x86_64")]
mod wider;

use std::ops::Range;

use index::{END, Index};

use crate::usual::leading_digits;

/// The deepest nesting that is accepted, as in serde_json.
const MAX_DEPTH: usize = 127;
/// A number of up to so many bytes without an exponent is in range.
const SURELY_IN_RANGE_BYTES: usize = 300;

/// Memory for so many fields is kept from one object to the next.
const USUAL_FIELDS: usize = 1024;

/// An object that is JSON by its grammar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    /// The fields, in order.
    pub(crate) fields: Vec<Field>,
    /// Whether serde_json would take it, but for its UTF-8: no number out of range, no lone surrogate, not too deep.
    pub(crate) acceptable: bool,
}

/// A field of an object, as places in the text counted from where the object begins. Records are short enough for 32 bits,
/// and some have a great many fields.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    key: Range<u32>,
    value: Range<u32>,
}

impl Field {
    fn new(key: Range<usize>, value: Range<usize>) -> Self {
        let narrow = |range: Range<usize>| range.start as u32..range.end as u32;
        Self { key: narrow(key), value: narrow(value) }
    }

    /// What is between the quotes of its key.
    #[inline]
    pub(crate) fn key(&self) -> Range<usize> {
        self.key.start as usize..self.key.end as usize
    }

    /// Its value, without white space around it.
    #[inline]
    pub(crate) fn value(&self) -> Range<usize> {
        self.value.start as usize..self.value.end as usize
    }
}

/// The text from some place on holds no object, or not all of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoObject;

/// Scans objects; keeps what it allocated from one to the next.
pub(crate) struct Scanner {
    index: Index,
    /// Whether the containers around the current value, within the outermost object, are objects.
    containers: Vec<bool>,
    object: Object,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self { index: Index::new(), containers: Vec::new(), object: Object::default() }
    }

    /// Forgets the text: the next object may be in another one.
    pub(crate) fn forget(&mut self) {
        self.index.reset(0, 0);
    }

    /// The object that the last scan found.
    pub(crate) fn object(&self) -> &Object {
        &self.object
    }

    /// Scans the object that begins at `start` of `text` and ends before `end`; answers its length.
    ///
    /// As long as text and end are the same and [`Self::forget`] is not called, the object must come after those scanned
    /// before, and what is between them must be white space, NUL, or JSON values.
    pub(crate) fn scan(&mut self, text: &[u8], start: usize, end: usize) -> Result<usize, NoObject> {
        if self.index.end() != end {
            self.index.reset(start, end);
        }
        self.index.skip_to(text, start);
        self.object.fields.clear();
        // A record may have millions of fields, or be millions deep: what they took is not kept for the next ones.
        self.object.fields.shrink_to(USUAL_FIELDS);
        self.containers.clear();
        self.containers.shrink_to(USUAL_FIELDS);
        self.object.acceptable = true;
        let mut tokens = Tokens { text, index: &mut self.index, acceptable: true };
        if tokens.next() != start || byte(text, start) != b'{' {
            return Err(NoObject);
        }
        let object_end = tokens.fields(start, &mut self.object.fields, &mut self.containers)? + 1;
        self.object.acceptable = tokens.acceptable && !self.index.lone_surrogate_within(start, object_end);
        if self.index.syntax_flaw_before(object_end) {
            return Err(NoObject);
        }
        Ok(object_end - start)
    }

    /// Where the object ends that begins at `start` of `text` and ends before `end`, if it is one, and acceptable as a field's
    /// value in an outermost object; and whether it is surely ASCII. Whatever was scanned before is forgotten.
    pub(crate) fn scan_field(&mut self, text: &[u8], start: usize, end: usize) -> Option<(usize, bool)> {
        self.index.reset(start, end);
        self.containers.shrink_to(USUAL_FIELDS);
        let mut tokens = Tokens { text, index: &mut self.index, acceptable: true };
        let is_object = tokens.next() == start && byte(text, start) == b'{';
        let close = is_object.then(|| tokens.container(start, &mut self.containers));
        let acceptable = tokens.acceptable;
        let is_ascii = self.index.is_ascii();
        let object_end = close.and_then(Result::ok).map(|close| close + 1).filter(|end| {
            acceptable && !self.index.lone_surrogate_within(start, *end) && !self.index.syntax_flaw_before(*end)
        });
        self.forget();
        Some((object_end?, is_ascii))
    }
}

/// The tokens of a text on their way through the grammar.
struct Tokens<'a> {
    text: &'a [u8],
    index: &'a mut Index,
    acceptable: bool,
}

impl Tokens<'_> {
    #[inline]
    fn next(&mut self) -> usize {
        self.index.token(self.text)
    }

    /// Passes over the fields of the outermost object, whose brace is at `start`; answers where the closing one is.
    fn fields(&mut self, start: usize, fields: &mut Vec<Field>, containers: &mut Vec<bool>) -> Result<usize, NoObject> {
        let mut key = self.next();
        if byte(self.text, key) == b'}' {
            return Ok(key);
        }
        loop {
            let colon = self.colon_after(key)?;
            let value = self.next();
            let (value_end, separator) = match byte(self.text, value) {
                b'{' | b'[' => {
                    let close = self.container(value, containers)?;
                    (close + 1, self.next())
                }
                _ => {
                    let separator = self.scalar(value)?;
                    (trimmed_end(self.text, separator.min(self.index.end())), separator)
                }
            };
            let key_end = trimmed_end(self.text, colon) - 1;
            fields.push(Field::new(key + 1 - start..key_end - start, value - start..value_end - start));
            match byte(self.text, separator) {
                b',' => key = self.next(),
                b'}' => return Ok(separator),
                _ => return Err(NoObject),
            }
        }
    }

    /// Where the colon after the key at `key` is.
    #[inline]
    fn colon_after(&mut self, key: usize) -> Result<usize, NoObject> {
        let colon = self.next();
        if byte(self.text, key) == b'"' && byte(self.text, colon) == b':' { Ok(colon) } else { Err(NoObject) }
    }

    /// Passes over a value that is no container; answers the token after it.
    #[inline(always)]
    fn scalar(&mut self, at: usize) -> Result<usize, NoObject> {
        let after = self.next();
        if byte(self.text, at) == b'"' { Ok(after) } else { self.word(at, after) }
    }

    /// Checks the number or word at `at`; answers the token after it, which is `after`.
    #[inline(never)]
    fn word(&mut self, at: usize, after: usize) -> Result<usize, NoObject> {
        if at == END || after == END {
            return Err(NoObject);
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
            Some(b'-' | b'0'..=b'9') => self.number(token),
            Some(b't') => token == b"true",
            Some(b'f') => token == b"false",
            _ => token == b"null",
        };
        if valid { Ok(after) } else { Err(NoObject) }
    }

    /// Passes over the container that begins at `open`, however deep it goes; answers where it ends.
    fn container(&mut self, open: usize, containers: &mut Vec<bool>) -> Result<usize, NoObject> {
        containers.clear();
        let mut is_object = byte(self.text, open) == b'{';
        let (mut at, mut fresh) = (self.next(), true);
        loop {
            if is_object {
                let rest = self.text_fields(at);
                fresh &= rest == at;
                at = rest;
            }
            let mut after = at;
            if !fresh || byte(self.text, at) != closing(is_object) {
                if is_object {
                    self.colon_after(at)?;
                    at = self.next();
                }
                if let inner @ (b'{' | b'[') = byte(self.text, at) {
                    containers.push(is_object);
                    is_object = inner == b'{';
                    self.acceptable &= containers.len() + 2 <= MAX_DEPTH;
                    (at, fresh) = (self.next(), true);
                    continue;
                }
                after = self.scalar(at)?;
            }
            while byte(self.text, after) == closing(is_object) {
                match containers.pop() {
                    None => return Ok(after),
                    Some(outer) => is_object = outer,
                }
                after = self.next();
            }
            if byte(self.text, after) != b',' {
                return Err(NoObject);
            }
            (at, fresh) = (self.next(), false);
        }
    }

    /// Passes over fields whose values are strings and that others follow, which most are; `key` is where the first one's
    /// key is if there is any, and the answer is where that of the first other one is.
    #[inline(always)]
    fn text_fields(&mut self, mut key: usize) -> usize {
        while let Some([colon, value, comma, next]) = self.index.four() {
            let is_text_field = byte(self.text, key) == b'"'
                && byte(self.text, colon) == b':'
                && byte(self.text, value) == b'"'
                && byte(self.text, comma) == b',';
            if !is_text_field {
                break;
            }
            self.index.take_four();
            key = next;
        }
        key
    }

    /// Whether the token is a number by JSON's grammar; notes whether it is in range.
    #[inline]
    fn number(&mut self, token: &[u8]) -> bool {
        let digits = token.strip_prefix(b"-").unwrap_or(token);
        let (integer, rest) = split_digits(digits);
        if integer == 0 || integer > 1 && digits[0] == b'0' {
            return false;
        }
        if rest.is_empty() && token.len() <= SURELY_IN_RANGE_BYTES {
            return true;
        }
        self.odd_number(token, rest)
    }

    #[cold]
    fn odd_number(&mut self, token: &[u8], mut rest: &[u8]) -> bool {
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

/// The byte at `at`; at [`END`], one that no JSON has there.
#[inline]
fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

#[inline]
fn closing(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}

/// Where the text before `end` ends but for white space. There is a token before it.
#[inline(always)]
fn trimmed_end(text: &[u8], end: usize) -> usize {
    let end = end.min(text.len());
    match end.checked_sub(1).and_then(|last| text.get(last)) {
        Some(last) if *last > b' ' => end,
        _ => trimmed_blanks(text, end),
    }
}

#[cold]
fn trimmed_blanks(text: &[u8], mut end: usize) -> usize {
    while end > 0 && matches!(text[end - 1], b' ' | b'\t' | b'\r' | b'\n') {
        end -= 1;
    }
    end
}

/// The number of digits that the text begins with, and what comes after them.
#[inline]
fn split_digits(text: &[u8]) -> (usize, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits, &text[digits..])
}

/// Whether serde_json can hold a number, which is its alone to say.
fn in_range(number: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Number>(number).is_ok()
}

#[cfg(test)]
mod tests;
