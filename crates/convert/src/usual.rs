//! The usual spelling of an `actor`, `repo` or `org`: its fields in GitHub's order, all of them made from an id and a name.

use wide::u8x16;

use crate::row::{ACTOR_TEXTS, ORG_TEXTS, REPO_TEXTS};

/// Where the text of a column usually comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// From nowhere else. Usually it is empty.
    Own,
    /// It is this and the entity's name; alone it is the name.
    Name(&'static str),
    /// It is the entity's name as people see it; see [`shown`].
    Shown,
    /// It is the entity's id between these.
    Id(&'static str, &'static str),
}

/// A column of texts, and how its field is usually spelled.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) origin: Origin,
    /// What stands before the name or the id: a comma, the key, a colon, a quote, and the beginning of the text.
    lead: &'static str,
    /// What stands after the name or the id: the rest of the text, and a quote.
    end: &'static str,
}

macro_rules! column {
    ($key:literal) => {
        Column { origin: Origin::Own, lead: concat!(",\"", $key, "\":\""), end: "\"" }
    };
    ($key:literal, shown) => {
        Column { origin: Origin::Shown, lead: concat!(",\"", $key, "\":\""), end: "\"" }
    };
    ($key:literal, $prefix:literal + name) => {
        Column { origin: Origin::Name($prefix), lead: concat!(",\"", $key, "\":\"", $prefix), end: "\"" }
    };
    ($key:literal, $prefix:literal + id + $suffix:literal) => {
        Column {
            origin: Origin::Id($prefix, $suffix),
            lead: concat!(",\"", $key, "\":\"", $prefix),
            end: concat!($suffix, "\""),
        }
    };
}

/// A kind of entity. What is known of it is constant, so that each is read by code of its own.
pub(crate) trait Kind<const N: usize> {
    /// The names of the texts, in the order of the columns.
    const TEXTS: &'static [&'static str; N];
    /// The columns of the texts.
    const COLUMNS: [Column; N];
}

/// `actor`.
pub(crate) struct Actor;
/// `repo`.
pub(crate) struct Repo;
/// `org`.
pub(crate) struct Org;

impl Kind<5> for Actor {
    const TEXTS: &'static [&'static str; 5] = &ACTOR_TEXTS;
    const COLUMNS: [Column; 5] = [
        column!("login", "" + name),
        column!("display_login", shown),
        column!("gravatar_id"),
        column!("url", "https://api.github.com/users/" + name),
        column!("avatar_url", "https://avatars.githubusercontent.com/u/" + id + "?"),
    ];
}

impl Kind<2> for Repo {
    const TEXTS: &'static [&'static str; 2] = &REPO_TEXTS;
    const COLUMNS: [Column; 2] = [column!("name", "" + name), column!("url", "https://api.github.com/repos/" + name)];
}

impl Kind<4> for Org {
    const TEXTS: &'static [&'static str; 4] = &ORG_TEXTS;
    const COLUMNS: [Column; 4] = [
        column!("login", "" + name),
        column!("gravatar_id"),
        column!("url", "https://api.github.com/orgs/" + name),
        column!("avatar_url", "https://avatars.githubusercontent.com/u/" + id + "?"),
    ];
}

/// A name as people see it: bots' names have something more at their end.
#[inline]
pub(crate) fn shown(name: &[u8]) -> &[u8] {
    name.strip_suffix(b"[bot]").unwrap_or(name)
}

/// An id of more digits is no usual one.
const MOST_DIGITS: usize = 18;

/// A part of a record, as places counted from where the record begins. Records are short enough for 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The part itself.
    #[inline]
    pub(crate) fn of(self, record: &[u8]) -> &[u8] {
        &record[self.start as usize..self.end as usize]
    }
}

/// An entity in the usual spelling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usual {
    pub(crate) id: i64,
    /// The id as it is spelled.
    pub(crate) digits: Span,
    pub(crate) name: Span,
    /// A bit for each text that there is, the lowest one for the first; what is in them follows.
    pub(crate) texts: u32,
}

/// The object `json`, which is known to be JSON, if it is in the usual spelling: there is an id and a name, and each other
/// text is absent or follows from them.
#[inline]
pub(crate) fn read<K: Kind<N>, const N: usize>(json: &str) -> Option<Usual> {
    let mut reader = Reader::new(json.as_bytes(), 0);
    let usual = reader.entity::<K, N>()?;
    (reader.at() == json.len()).then_some(usual)
}

/// Reads JSON that is spelled as expected, and checks it by that. It does not know where the JSON has to end: whoever asks
/// looks whether it came there, and no further.
pub(crate) struct Reader<'a> {
    text: &'a [u8],
    start: usize,
    at: usize,
    /// Whether all texts that were passed over are ASCII, or not surely so.
    is_ascii: bool,
}

impl<'a> Reader<'a> {
    /// Reads the record that begins at `start`.
    pub(crate) fn new(text: &'a [u8], start: usize) -> Self {
        Self { text, start, at: start, is_ascii: true }
    }

    /// The place that is reached, in the text.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether all that was passed over is ASCII, but for where it was told to go on.
    pub(crate) fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// Goes on at a place in the text; answers what was passed over.
    pub(crate) fn go_to(&mut self, at: usize) -> Span {
        let passed = self.since(self.at, at);
        self.at = at;
        passed
    }

    fn since(&self, from: usize, to: usize) -> Span {
        Span::new(from - self.start, to - self.start)
    }

    /// Passes over this, if it comes next.
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

    /// Passes over this, which has to come next.
    #[inline(always)]
    pub(crate) fn expect(&mut self, expected: &str) -> Option<()> {
        self.skip(expected.as_bytes()).then_some(())
    }

    /// Passes over the rest of a string without escapes, up to its closing quote; answers what is in it.
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
            // The highest bits make the mask.
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
        (self.text[end] == b'"').then(|| self.since(from, end))
    }

    /// Passes over an entity in the usual spelling.
    #[inline(always)]
    pub(crate) fn entity<K: Kind<N>, const N: usize>(&mut self) -> Option<Usual> {
        self.expect("{\"id\":")?;
        let text = self.text;
        let from = self.at;
        let (id, length) = leading_integer(&text[from..])?;
        self.at += length;
        let digits = &text[from..self.at];
        let mut usual = Usual { id, digits: self.since(from, self.at), ..Usual::default() };
        let mut name = None;
        for (place, column) in K::COLUMNS.iter().enumerate() {
            // A column that is not there is not the end: what comes instead is another one's, or nothing known.
            if !self.skip(column.lead.as_bytes()) {
                continue;
            }
            let made = match (column.origin, name) {
                (Origin::Own, _) => true,
                (Origin::Id(..), _) => self.skip(digits),
                (Origin::Name(_), Some(name)) => self.skip(name),
                (Origin::Shown, Some(name)) => self.skip(shown(name)),
                (Origin::Name(_) | Origin::Shown, None) => {
                    let from = self.at;
                    usual.name = self.plain_text()?;
                    name = Some(&text[from..self.at]);
                    true
                }
            };
            if !made {
                return None;
            }
            self.expect(column.end)?;
            usual.texts |= 1 << place;
        }
        self.expect("}")?;
        (usual.texts & 1 == 1).then_some(usual)
    }
}

/// Whether texts that are mostly short are equal. Calls of the library's comparison for so few bytes at a time, and of such
/// different lengths, would take longer than the comparisons; so would loops over the bytes that are left of a word.
#[inline(always)]
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if let (Some(a_end), Some(b_end)) = (a.last_chunk::<16>(), b.last_chunk::<16>()) {
        let (a_heads, b_heads) = (a.as_chunks::<16>().0, b.as_chunks::<16>().0);
        let heads_are = a_heads.iter().zip(b_heads).all(|(a, b)| u128::from_ne_bytes(*a) == u128::from_ne_bytes(*b));
        return heads_are && u128::from_ne_bytes(*a_end) == u128::from_ne_bytes(*b_end);
    }
    if let (Some(a_start), Some(b_start), Some(a_end), Some(b_end)) =
        (a.first_chunk::<8>(), b.first_chunk::<8>(), a.last_chunk::<8>(), b.last_chunk::<8>())
    {
        return (u64::from_ne_bytes(*a_start) ^ u64::from_ne_bytes(*b_start))
            | (u64::from_ne_bytes(*a_end) ^ u64::from_ne_bytes(*b_end))
            == 0;
    }
    if let (Some(a_start), Some(b_start), Some(a_end), Some(b_end)) =
        (a.first_chunk::<4>(), b.first_chunk::<4>(), a.last_chunk::<4>(), b.last_chunk::<4>())
    {
        return (u32::from_ne_bytes(*a_start) ^ u32::from_ne_bytes(*b_start))
            | (u32::from_ne_bytes(*a_end) ^ u32::from_ne_bytes(*b_end))
            == 0;
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

/// The integer that the text begins with, if it is from 1 on and not too long, and how many digits it has.
#[inline]
fn leading_integer(text: &[u8]) -> Option<(i64, usize)> {
    // Two steps for all of usual length: loops over digits take as long as their number is hard to foresee.
    if let Some(bytes) = text.first_chunk() {
        let digits = leading_digits(bytes);
        if (1..16).contains(&digits) && bytes[0] != b'0' {
            let values = u128::from_le_bytes(*bytes) ^ u128::from_le_bytes([b'0'; 16]);
            let shifted = values << (128 - 8 * digits);
            let (high, low) = (eight_digits(shifted as u64), eight_digits((shifted >> 64) as u64));
            return Some(((high * 100_000_000 + low) as i64, digits as usize));
        }
    }
    let digits = text.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    Some((plain_integer(&text[..digits])?, digits))
}

/// How many digits these begin with.
#[inline]
pub(crate) fn leading_digits(bytes: &[u8; 16]) -> u32 {
    let values = u8x16::new(*bytes) ^ u8x16::splat(b'0');
    values.min(u8x16::splat(9)).simd_eq(values).to_bitmask().trailing_ones()
}

/// The number of eight digits, one in each byte, the first of them in the lowest.
#[inline]
fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

/// The integer that is spelled this way, if it is from 1 on and not too long.
#[inline]
pub(crate) fn plain_integer(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > MOST_DIGITS || digits[0] == b'0' {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id, the name and the texts of an entity in the usual spelling.
    fn known<K: Kind<N>, const N: usize>(json: &str) -> Option<(i64, &str, u32)> {
        let usual = read::<K, N>(json)?;
        let text = |span: Span| std::str::from_utf8(span.of(json.as_bytes())).unwrap();
        assert_eq!(text(usual.digits), usual.id.to_string());
        Some((usual.id, text(usual.name), usual.texts))
    }

    #[test]
    fn the_usual_spelling_is_known() {
        let actor = known::<Actor, 5>;
        let full = r#"{"id":12,"login":"mona","display_login":"mona","gravatar_id":"","url":"https://api.github.com/users/mona","avatar_url":"https://avatars.githubusercontent.com/u/12?"}"#;
        assert_eq!(actor(full), Some((12, "mona", 0b11111)));
        let older = full.replace(r#""display_login":"mona","#, "");
        assert_eq!(actor(&older), Some((12, "mona", 0b11101)));
        let bot =
            full.replace(r#"login":"mona","d"#, r#"login":"mona[bot]","d"#).replace("users/mona", "users/mona[bot]");
        assert_eq!(actor(&bot), Some((12, "mona[bot]", 0b11111)));
        assert_eq!(actor(&bot.replace(r#"display_login":"mona""#, r#"display_login":"mona[bot]""#)), None);
        let json = r#"{"id":7,"name":"mona/cat","url":"https://api.github.com/repos/mona/cat"}"#;
        assert_eq!(known::<Repo, 2>(json), Some((7, "mona/cat", 0b11)));
        assert_eq!(known::<Repo, 2>(r#"{"id":7,"name":"é"}"#), Some((7, "é", 0b1)));
        assert_eq!(known::<Repo, 2>(r#"{"id":7,"url":"https://api.github.com/repos/"}"#), None);
    }

    proptest::proptest! {
        #[test]
        fn proptest_integers_are_read(zeros in 0_usize..2, number in 0_u64.., cut in 0_u32..20, rest in "[:/aé-]{0,20}") {
            let digits = format!("{}{}", "0".repeat(zeros), number / 10_u64.pow(cut));
            let expected = plain_integer(digits.as_bytes()).map(|number| (number, digits.len()));
            let text = format!("{digits}{rest}");
            proptest::prop_assert_eq!(leading_integer(text.as_bytes()), expected, "{}", text);
        }
    }

    #[test]
    fn columns_are_those_of_the_row() {
        fn keys<K: Kind<N>, const N: usize>() -> [bool; N] {
            std::array::from_fn(|place| K::COLUMNS[place].lead.starts_with(&format!(",\"{}\":\"", K::TEXTS[place])))
        }
        assert_eq!((keys::<Actor, 5>(), keys::<Repo, 2>(), keys::<Org, 4>()), ([true; 5], [true; 2], [true; 4]));
    }

    #[test]
    fn any_other_spelling_is_not() {
        let actor = known::<Actor, 5>;
        let usual = r#"{"id":12,"login":"mona","gravatar_id":"","url":"https://api.github.com/users/mona"}"#;
        assert!(actor(usual).is_some());
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
            ("a null", "\"gravatar_id\":\"\"", "\"gravatar_id\":null"),
            ("another order", "\"gravatar_id\":\"\",", ""),
            ("a field more", "}", ",\"node_id\":\"x\"}"),
            ("a key twice", ",\"gravatar_id\"", ",\"login\":\"mona\",\"gravatar_id\""),
        ] {
            let other = usual.replace(from, to);
            assert_ne!(other, usual, "{case}");
            let known = actor(&other).is_some();
            // Texts may be absent: only that makes the last but two cases the usual spelling still.
            assert_eq!(known, case == "another order", "{case}: {other}");
        }
    }
}
