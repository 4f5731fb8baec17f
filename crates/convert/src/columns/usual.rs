//! The usual spelling of an `actor`, `repo` or `org`: its fields in GitHub's order, all of them made from an id and a name.

use super::dictionary::equal;
use crate::row::{ACTOR_TEXTS, ORG_TEXTS, REPO_TEXTS};

/// Where the text of a column usually comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// From nowhere else. Usually it is empty.
    Own,
    /// It is this and the entity's name; alone it is the name.
    Name(&'static str),
    /// It is the entity's id between these.
    Id(&'static str, &'static str),
}

/// A column of texts, and how its field is usually spelled.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) origin: Origin,
    /// What stands before the name or the id: a comma, the key, a colon, a quote, and the beginning of the text.
    lead: &'static str,
    /// What stands after the name or the id: the rest of the text, and a quote.
    end: &'static str,
}

macro_rules! column {
    ($key:literal) => {
        Column { origin: Origin::Own, lead: concat!(",\"", $key, "\":\""), end: "\"" }
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
pub(super) trait Kind<const N: usize> {
    /// The names of the texts, in the order of the columns.
    const TEXTS: &'static [&'static str; N];
    /// The columns of the texts.
    const COLUMNS: [Column; N];
}

/// `actor`.
pub(super) struct Actor;
/// `repo`.
pub(super) struct Repo;
/// `org`.
pub(super) struct Org;

impl Kind<5> for Actor {
    const TEXTS: &'static [&'static str; 5] = &ACTOR_TEXTS;
    const COLUMNS: [Column; 5] = [
        column!("login", "" + name),
        column!("display_login", "" + name),
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

/// An id of more digits is no usual one.
const MOST_DIGITS: usize = 18;

/// The id and the texts of the object `json`, which is known to be JSON, if it is in this spelling: there is an id and a
/// name, and each other text is absent or follows from them.
#[inline(always)]
pub(super) fn read<K: Kind<N>, const N: usize>(json: &str) -> Option<(i64, [Option<&str>; N])> {
    let rest = after(json, "{\"id\":")?;
    let digits = &rest[..rest.bytes().take(MOST_DIGITS + 1).take_while(u8::is_ascii_digit).count()];
    let id = plain_integer(digits)?;
    let mut rest = &rest[digits.len()..];
    let mut texts = [None; N];
    let mut name = None;
    for (column, text) in K::COLUMNS.iter().zip(&mut texts) {
        // A column that is not there is not the end: what comes instead is another one's, or nothing known.
        let Some(from) = after(rest, column.lead) else { continue };
        let (start, rest_of_text) = match (column.origin, name) {
            (Origin::Own, _) => (0, from),
            (Origin::Id(prefix, _), _) => (prefix.len(), after(from, digits)?),
            (Origin::Name(prefix), Some(name)) => (prefix.len(), after(from, name)?),
            (Origin::Name(prefix), None) => {
                let end = memchr::memchr2(b'"', b'\\', from.as_bytes())?;
                name = Some(&from[..end]);
                (prefix.len(), &from[end..])
            }
        };
        let start = &rest[column.lead.len() - start..];
        rest = after(rest_of_text, column.end)?;
        *text = Some(&start[..start.len() - rest.len() - 1]);
    }
    (rest == "}" && texts[0].is_some()).then_some((id, texts))
}

/// What comes after `prefix`, if `text` begins with it.
#[inline(always)]
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    equal(head.as_bytes(), prefix.as_bytes()).then_some(rest)
}

/// The integer that is spelled this way, if it is from 1 on and not too long.
#[inline]
pub(super) fn plain_integer(digits: &str) -> Option<i64> {
    if digits.is_empty() || digits.len() > MOST_DIGITS || digits.starts_with('0') {
        return None;
    }
    digits.bytes().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_spelling_is_known() {
        let actor = read::<Actor, 5>;
        let full = r#"{"id":12,"login":"mona","display_login":"mona","gravatar_id":"","url":"https://api.github.com/users/mona","avatar_url":"https://avatars.githubusercontent.com/u/12?"}"#;
        let url = Some("https://api.github.com/users/mona");
        let avatar_url = Some("https://avatars.githubusercontent.com/u/12?");
        assert_eq!(actor(full), Some((12, [Some("mona"), Some("mona"), Some(""), url, avatar_url])));
        let older = full.replace(r#""display_login":"mona","#, "");
        assert_eq!(actor(&older), Some((12, [Some("mona"), None, Some(""), url, avatar_url])));
        let json = r#"{"id":7,"name":"mona/cat","url":"https://api.github.com/repos/mona/cat"}"#;
        assert_eq!(read::<Repo, 2>(json), Some((7, [Some("mona/cat"), Some("https://api.github.com/repos/mona/cat")])));
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
        let actor = read::<Actor, 5>;
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
