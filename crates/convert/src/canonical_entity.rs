//! The canonical spelling of an `actor`, `repo` or `org`: GitHub's field order, and each text derived from the id and
//! the name.
#![expect(clippy::inline_always, reason = "the hot loop of a conversion; each kind of entity gets its own code")]

use wide::u8x16;

use crate::integer::leading_integer;
use crate::row::{ACTOR_TEXTS, ORG_TEXTS, REPO_TEXTS};
use crate::short_bytes::equal;

/// What the text of a column is derived from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TextOrigin {
    /// Nothing; in the canonical spelling the text is empty.
    Own,
    /// This prefix and the name. With an empty prefix, it is the name itself.
    Name(&'static str),
    /// The name without a bot's suffix; see [`display_name`].
    DisplayName,
    /// The id between this prefix and this suffix.
    Id(&'static str, &'static str),
}

/// A text column, and the canonical spelling of its field.
#[derive(Debug)]
pub(crate) struct TextColumn {
    pub(crate) origin: TextOrigin,
    /// The JSON before the name or the id: `,"key":"` and the prefix.
    lead: &'static str,
    /// The JSON after the name or the id: the suffix and a quote.
    end: &'static str,
}

macro_rules! column {
    ($key:literal) => {
        TextColumn { origin: TextOrigin::Own, lead: concat!(",\"", $key, "\":\""), end: "\"" }
    };
    ($key:literal, display_name) => {
        TextColumn { origin: TextOrigin::DisplayName, lead: concat!(",\"", $key, "\":\""), end: "\"" }
    };
    ($key:literal, $prefix:literal + name) => {
        TextColumn { origin: TextOrigin::Name($prefix), lead: concat!(",\"", $key, "\":\"", $prefix), end: "\"" }
    };
    ($key:literal, $prefix:literal + id + $suffix:literal) => {
        TextColumn {
            origin: TextOrigin::Id($prefix, $suffix),
            lead: concat!(",\"", $key, "\":\"", $prefix),
            end: concat!($suffix, "\""),
        }
    };
}

/// A kind of entity. Its columns are constants, so the compiler generates a separate reader for each kind.
pub(crate) trait EntityKind<const N: usize> {
    /// The names of the text columns, in their order.
    const TEXTS: &'static [&'static str; N];
    const COLUMNS: [TextColumn; N];
}

pub(crate) struct Actor;
pub(crate) struct Repo;
pub(crate) struct Org;

impl EntityKind<5> for Actor {
    const TEXTS: &'static [&'static str; 5] = &ACTOR_TEXTS;
    const COLUMNS: [TextColumn; 5] = [
        column!("login", "" + name),
        column!("display_login", display_name),
        column!("gravatar_id"),
        column!("url", "https://api.github.com/users/" + name),
        column!("avatar_url", "https://avatars.githubusercontent.com/u/" + id + "?"),
    ];
}

impl EntityKind<2> for Repo {
    const TEXTS: &'static [&'static str; 2] = &REPO_TEXTS;
    const COLUMNS: [TextColumn; 2] =
        [column!("name", "" + name), column!("url", "https://api.github.com/repos/" + name)];
}

impl EntityKind<4> for Org {
    const TEXTS: &'static [&'static str; 4] = &ORG_TEXTS;
    const COLUMNS: [TextColumn; 4] = [
        column!("login", "" + name),
        column!("gravatar_id"),
        column!("url", "https://api.github.com/orgs/" + name),
        column!("avatar_url", "https://avatars.githubusercontent.com/u/" + id + "?"),
    ];
}

/// The name that GitHub displays: a bot's name without its suffix `[bot]`.
#[inline]
pub(crate) fn display_name(name: &[u8]) -> &[u8] {
    name.strip_suffix(b"[bot]").unwrap_or(name)
}

/// A range of a record's bytes. A record has at most 16 MiB, so 32 bits are enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[expect(clippy::cast_possible_truncation, reason = "a record has at most MAX_RECORD_BYTES")]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes of the range.
    #[inline]
    pub(crate) fn of(self, record: &[u8]) -> &[u8] {
        &record[self.start as usize..self.end as usize]
    }
}

/// An entity in the canonical spelling: an id, a name, and texts that are derived from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CanonicalEntity {
    pub(crate) id: i64,
    /// The digits of the id.
    pub(crate) digits: Span,
    pub(crate) name: Span,
    /// Which texts are present: bit `n` for column `n`.
    pub(crate) texts: u32,
}

/// Reads JSON that is expected to have a certain spelling, and compares it with that spelling. It does not know where the
/// JSON ends: it continues as long as the bytes match, so the caller compares [`Self::at`] with the expected end.
pub(crate) struct CanonicalReader<'a> {
    text: &'a [u8],
    /// Where the record begins. Spans are relative to it.
    start: usize,
    at: usize,
    /// Whether all texts that were read are ASCII; may be false for ASCII near the end of the text.
    is_ascii: bool,
}

impl<'a> CanonicalReader<'a> {
    pub(crate) fn new(text: &'a [u8], start: usize) -> Self {
        Self { text, start, at: start, is_ascii: true }
    }

    /// The offset in the text that was reached.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether everything that was read is ASCII; what [`Self::skip_to`] skipped is not included.
    pub(crate) fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// Skips to an offset in the text. Returns the skipped range.
    pub(crate) fn skip_to(&mut self, at: usize) -> Span {
        let skipped = self.span(self.at, at);
        self.at = at;
        skipped
    }

    fn span(&self, from: usize, to: usize) -> Span {
        Span::new(from - self.start, to - self.start)
    }

    /// Skips `expected` if it comes next; returns whether it did.
    #[inline(always)]
    pub(crate) fn skip(&mut self, expected: &[u8]) -> bool {
        let found = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.get(..expected.len()))
            .is_some_and(|rest| equal(rest, expected));
        if found {
            self.at += expected.len();
        }
        found
    }

    /// Skips `expected`, or returns `None` if something else comes next.
    #[inline(always)]
    pub(crate) fn expect(&mut self, expected: &str) -> Option<()> {
        self.skip(expected.as_bytes()).then_some(())
    }

    /// Reads up to the closing quote of a string. Returns `None` if there is an escape or a control character before
    /// it.
    #[inline(always)]
    pub(crate) fn plain_text(&mut self) -> Option<Span> {
        let from = self.at;
        let end = loop {
            let rest = self.text.get(self.at..)?;
            let Some(bytes) = rest.first_chunk() else {
                self.is_ascii &= rest.is_ascii();
                break self.at + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
            };
            let bytes = u8x16::new(*bytes);
            // The mask consists of each byte's highest bit.
            self.is_ascii &= bytes.to_bitmask() == 0;
            let equal = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
            let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
            let ends = (equal(b'"') | equal(b'\\') | control).to_bitmask();
            if ends != 0 {
                break self.at + ends.trailing_zeros() as usize;
            }
            self.at += 16;
        };
        self.at = end;
        (self.text[end] == b'"').then(|| self.span(from, end))
    }

    /// Reads an entity, or returns `None` if its spelling is not canonical.
    #[inline(always)]
    pub(crate) fn entity<K: EntityKind<N>, const N: usize>(&mut self) -> Option<CanonicalEntity> {
        self.expect("{\"id\":")?;
        let text = self.text;
        let from = self.at;
        let (id, length) = leading_integer(&text[from..])?;
        self.at += length;
        let digits = &text[from..self.at];
        let digits_span = self.span(from, self.at);
        let mut entity = CanonicalEntity { id, digits: digits_span, ..CanonicalEntity::default() };
        let mut name = None;
        for (place, column) in K::COLUMNS.iter().enumerate() {
            // The field is absent: the next column's may come instead.
            if !self.skip(column.lead.as_bytes()) {
                continue;
            }
            let is_derived = match (column.origin, name) {
                (TextOrigin::Own, _) => true,
                (TextOrigin::Id(..), _) => self.skip(digits),
                (TextOrigin::Name(_), Some(name)) => self.skip(name),
                (TextOrigin::DisplayName, Some(name)) => self.skip(display_name(name)),
                (TextOrigin::Name(_) | TextOrigin::DisplayName, None) => {
                    let from = self.at;
                    entity.name = self.plain_text()?;
                    name = Some(&text[from..self.at]);
                    true
                }
            };
            if !is_derived {
                return None;
            }
            self.expect(column.end)?;
            entity.texts |= 1 << place;
        }
        self.expect("}")?;
        (entity.texts & 1 == 1).then_some(entity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id, the name and the texts of an entity, if its spelling is canonical.
    fn read<K: EntityKind<N>, const N: usize>(json: &str) -> Option<(i64, &str, u32)> {
        let mut reader = CanonicalReader::new(json.as_bytes(), 0);
        let entity = reader.entity::<K, N>()?;
        if reader.at() != json.len() {
            return None;
        }
        let text = |span: Span| std::str::from_utf8(span.of(json.as_bytes())).unwrap();
        assert_eq!(text(entity.digits), entity.id.to_string());
        Some((entity.id, text(entity.name), entity.texts))
    }

    #[test]
    fn entity_canonical_spelling_is_read() {
        let actor = read::<Actor, 5>;
        let full = r#"{"id":12,"login":"mona","display_login":"mona","gravatar_id":"","url":"https://api.github.com/users/mona","avatar_url":"https://avatars.githubusercontent.com/u/12?"}"#;
        assert_eq!(actor(full), Some((12, "mona", 0b11111)));
        let older = full.replace(r#""display_login":"mona","#, "");
        assert_eq!(actor(&older), Some((12, "mona", 0b11101)));
        let bot =
            full.replace(r#"login":"mona","d"#, r#"login":"mona[bot]","d"#).replace("users/mona", "users/mona[bot]");
        assert_eq!(actor(&bot), Some((12, "mona[bot]", 0b11111)));
        assert_eq!(actor(&bot.replace(r#"display_login":"mona""#, r#"display_login":"mona[bot]""#)), None);
        let json = r#"{"id":7,"name":"mona/cat","url":"https://api.github.com/repos/mona/cat"}"#;
        assert_eq!(read::<Repo, 2>(json), Some((7, "mona/cat", 0b11)));
        assert_eq!(read::<Repo, 2>(r#"{"id":7,"name":"é"}"#), Some((7, "é", 0b1)));
        assert_eq!(read::<Repo, 2>(r#"{"id":7,"url":"https://api.github.com/repos/"}"#), None);
    }

    #[test]
    fn entity_columns_match_row_columns() {
        fn keys<K: EntityKind<N>, const N: usize>() -> [bool; N] {
            std::array::from_fn(|place| K::COLUMNS[place].lead.starts_with(&format!(",\"{}\":\"", K::TEXTS[place])))
        }
        assert_eq!((keys::<Actor, 5>(), keys::<Repo, 2>(), keys::<Org, 4>()), ([true; 5], [true; 2], [true; 4]));
    }

    #[test]
    fn entity_other_spelling_is_rejected() {
        let actor = read::<Actor, 5>;
        let canonical = r#"{"id":12,"login":"mona","gravatar_id":"","url":"https://api.github.com/users/mona"}"#;
        assert!(actor(canonical).is_some());
        assert!(actor(&canonical.replace("\"gravatar_id\":\"\",", "")).is_some(), "a text may be absent");
        for (case, from, to) in [
            ("another name in the url", "users/mona", "users/lisa"),
            ("a longer name in the url", "users/mona", "users/monalisa"),
            ("a shorter name in the url", "users/mona", "users/mon"),
            ("an id with a zero before it", ":12,", ":012,"),
            ("a negative id", ":12,", ":-12,"),
            ("a fraction", ":12,", ":12.0,"),
            ("an id as text", ":12,", ":\"12\","),
            ("an id of 19 digits", ":12,", ":1234567890123456789,"),
            ("no id", "\"id\":12,", ""),
            ("white space", ":12,", ": 12,"),
            ("an escape in the name", "\"mona\"", "\"mo\\u006ea\""),
            ("a tab in the name", "\"mona\"", "\"mo\tna\""),
            ("a gravatar", "\"gravatar_id\":\"", "\"gravatar_id\":\"f"),
            ("another order", "\"login\":\"mona\",\"gravatar_id\":\"\"", "\"gravatar_id\":\"\",\"login\":\"mona\""),
            ("a null", "\"gravatar_id\":\"\"", "\"gravatar_id\":null"),
            ("an unknown field", "}", ",\"node_id\":\"x\"}"),
            ("a key twice", ",\"gravatar_id\"", ",\"login\":\"mona\",\"gravatar_id\""),
        ] {
            let other = canonical.replace(from, to);
            assert_ne!(other, canonical, "{case}");
            assert_eq!(actor(&other), None, "{case}: {other}");
        }
    }
}
