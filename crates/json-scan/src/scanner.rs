//! The scanner: one object at a time.

use crate::grammar::TokenCursor;
use crate::index::TokenIndex;
use crate::object::{MAX_TEXT_BYTES, NotAnObject, ScannedObject};

/// The scanner keeps memory for this many fields, and for this many levels of nesting, from one object to the next.
const KEPT_FIELDS: usize = 1024;

/// Scans objects, and reuses its memory from one object to the next.
pub struct Scanner {
    index: TokenIndex,
    /// One entry for each open container between the outermost object and the current value: true for an object.
    containers: Vec<bool>,
    object: ScannedObject,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// Chooses the fastest instructions that this processor has.
    pub fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        let index = crate::x86_64::detect().map_or_else(TokenIndex::portable, TokenIndex::with_refill);
        #[cfg(not(target_arch = "x86_64"))]
        let index = TokenIndex::portable();
        Self { index, containers: Vec::new(), object: ScannedObject::default() }
    }

    /// Forgets the current text. Call it before scanning another text.
    pub fn reset(&mut self) {
        self.index.reset(0, 0);
    }

    /// The object that the last successful [`Self::scan`] found.
    pub fn object(&self) -> &ScannedObject {
        &self.object
    }

    /// Scans the object whose opening brace is at `start` of `text` and that ends at or before `end`. Returns its
    /// length.
    ///
    /// Successive calls may scan the objects of one text from left to right: as long as `text` and `end` stay the same
    /// and [`Self::reset`] is not called, each call continues after the previous object. Only white space, NUL and
    /// other JSON values may stand between two objects.
    ///
    /// # Errors
    ///
    /// [`NotAnObject`] if the bytes are not an object by JSON's grammar, or the object does not end by `end`.
    ///
    /// # Panics
    ///
    /// If `start..end` is not within `text`, or longer than 4 GiB.
    pub fn scan(&mut self, text: &[u8], start: usize, end: usize) -> Result<usize, NotAnObject> {
        assert!(end.saturating_sub(start) <= MAX_TEXT_BYTES, "a scanned text is at most 4 GiB long");
        if self.index.end() != end {
            self.index.reset(start, end);
        }
        self.index.skip_to(text, start);
        self.object.fields.clear();
        // An object may have millions of fields, or millions of levels; that memory is not kept for the next object.
        self.object.fields.shrink_to(KEPT_FIELDS);
        self.containers.clear();
        self.containers.shrink_to(KEPT_FIELDS);
        self.object.acceptable = true;
        let mut tokens = TokenCursor::new(text, &mut self.index);
        if !tokens.opens_object_at(start) {
            return Err(NotAnObject);
        }
        let object_end = tokens.collect_fields(start, &mut self.object.fields, &mut self.containers)? + 1;
        let in_range = tokens.acceptable();
        self.object.acceptable = in_range && !self.index.has_lone_surrogate_between(start, object_end);
        if self.index.has_syntax_flaw_before(object_end) {
            return Err(NotAnObject);
        }
        Ok(object_end - start)
    }

    /// Scans the object at `start` of `text` as the value of a field of an object that encloses it. Returns the offset
    /// of its end, and whether the index saw only ASCII; `false` may also mean that a byte shortly behind the object is
    /// not ASCII.
    ///
    /// Returns `None` if there is no acceptable object ([`ScannedObject::acceptable`]) that ends at or before `end`.
    /// The fields are not collected, and [`Self::reset`] is implied before and after.
    pub fn scan_field(&mut self, text: &[u8], start: usize, end: usize) -> Option<(usize, bool)> {
        self.index.reset(start, end);
        self.containers.shrink_to(KEPT_FIELDS);
        let mut tokens = TokenCursor::new(text, &mut self.index);
        let close = tokens.opens_object_at(start).then(|| tokens.skip_container(start, &mut self.containers));
        let in_range = tokens.acceptable();
        let is_ascii = self.index.is_ascii();
        let object_end = close.and_then(Result::ok).map(|close| close + 1).filter(|end| {
            in_range && !self.index.has_lone_surrogate_between(start, *end) && !self.index.has_syntax_flaw_before(*end)
        });
        self.reset();
        Some((object_end?, is_ascii))
    }
}
