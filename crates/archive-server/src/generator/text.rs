//! Texts in many scripts, as JSON strings.

use std::fmt::Write as _;

use super::random::SeededRandom;

/// Appends `text` as a JSON string, escaped like the archive's crawler did: `/` and UTF-8 are not escaped.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        push_escaped(out, letter);
    }
    out.push('"');
}

/// Appends one line of about `words` words as a JSON string.
pub(crate) fn push_title(out: &mut String, random: &mut SeededRandom, words: u64) {
    let mut text = String::new();
    push_words(&mut text, random, words);
    push_string(out, &text);
}

/// Appends some paragraphs as a JSON string: mostly short, sometimes many kilobytes.
pub(crate) fn push_body(out: &mut String, random: &mut SeededRandom) {
    let mut text = String::new();
    for _ in 0..=random.skewed(12) {
        let words = 6 + random.skewed(90);
        push_words(&mut text, random, words);
        text.push_str(random.pick(BREAKS));
    }
    push_string(out, &text);
}

/// Appends `digits` lower-case hex digits.
pub(crate) fn push_hex(out: &mut String, random: &mut SeededRandom, digits: usize) {
    let mut bits = 0;
    for at in 0..digits {
        if at % 16 == 0 {
            bits = random.next();
        }
        out.push(char::from_digit(u32::from(bits.to_le_bytes()[0] & 15), 16).expect("four bits are a hex digit"));
        bits >>= 4;
    }
}

pub(crate) fn hex(random: &mut SeededRandom, digits: usize) -> String {
    let mut out = String::with_capacity(digits);
    push_hex(&mut out, random, digits);
    out
}

fn push_words(out: &mut String, random: &mut SeededRandom, words: u64) {
    for at in 0..words {
        if at > 0 {
            out.push(' ');
        }
        let list = match random.below(1000) {
            0 => ODDITIES,
            1..60 => FOREIGN,
            60..110 => MARKUP,
            _ => PLAIN,
        };
        out.push_str(random.pick(list));
    }
}

fn push_escaped(out: &mut String, letter: char) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        control if control < ' ' => {
            write!(out, "\\u{:04x}", u32::from(control)).expect("writing to memory does not fail");
        }
        other => out.push(other),
    }
}

const BREAKS: &[&str] = &["\n", "\n\n", "\r\n\r\n", ".", "!\n", "\n\n---\n", "\n\t"];

const PLAIN: &[&str] = &[
    "fix",
    "add",
    "update",
    "remove",
    "the",
    "a",
    "of",
    "in",
    "for",
    "with",
    "when",
    "not",
    "is",
    "build",
    "test",
    "tests",
    "docs",
    "readme",
    "version",
    "release",
    "bump",
    "from",
    "to",
    "merge",
    "branch",
    "into",
    "cache",
    "parser",
    "error",
    "handle",
    "missing",
    "config",
    "option",
    "support",
    "new",
    "old",
    "file",
    "files",
    "path",
    "windows",
    "linux",
    "api",
    "client",
    "server",
    "request",
    "response",
    "timeout",
    "retry",
    "value",
    "null",
    "empty",
    "string",
    "number",
    "table",
    "column",
    "row",
    "query",
    "index",
    "user",
    "login",
    "page",
    "style",
    "layout",
    "button",
    "image",
    "script",
    "package",
    "module",
    "refactor",
    "clean",
    "up",
    "typo",
    "initial",
    "commit",
    "wip",
    "work",
    "this",
    "that",
    "should",
    "now",
    "again",
    "after",
    "before",
    "crash",
    "memory",
    "leak",
    "slow",
    "fast",
    "makes",
    "it",
    "possible",
    "and",
    "or",
    "but",
    "see",
    "please",
    "thanks",
    "we",
    "I",
    "you",
    "can",
    "cannot",
    "reproduce",
];

const FOREIGN: &[&str] = &[
    "修复",
    "更新文档",
    "添加测试",
    "日本語",
    "テスト",
    "を追加",
    "수정",
    "테스트",
    "исправлено",
    "добавить",
    "тест",
    "größer",
    "Straße",
    "déjà",
    "réparé",
    "añadir",
    "versão",
    "çalışıyor",
    "ελληνικά",
    "עברית",
    "تحديث",
    "हिन्दी",
    "ไทย",
    "naïve",
    "e\u{301}galement",
    "🚀",
    "🐛",
    "✨",
    "👍🏽",
    "👩‍💻",
    "🇫🇮",
    "→",
    "…",
    "“quoted”",
    "½",
];

const MARKUP: &[&str] = &[
    "`code`",
    "\"quoted\"",
    "C:\\temp\\file",
    "#123",
    "https://example.org/a?b=c&d=%20",
    "{\"key\": [1, 2]}",
    "}{",
    "<br/>",
    "@someone",
    "**bold**",
    "a\tb",
    "'single'",
    "$HOME",
    "\\n",
];

/// Real hours have these once in a thousand records: controls, separators, the replacement character, a NUL.
const ODDITIES: &[&str] = &["\u{0}", "\u{1b}[31m", "\u{7f}", "\u{2028}", "\u{2029}", "\u{fffd}", "\u{85}", "\u{feff}"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_string_writes_valid_json() {
        for list in [PLAIN, FOREIGN, MARKUP, ODDITIES, BREAKS] {
            for text in list {
                let mut json = String::new();
                push_string(&mut json, text);
                assert_eq!(&serde_json::from_str::<String>(&json).unwrap(), text, "{json}");
                assert!(!json.contains('\n'), "a line feed would end the record: {json}");
            }
        }
    }

    #[test]
    fn hex_has_the_requested_length() {
        let mut random = SeededRandom::new(3);
        for digits in [0, 1, 16, 17, 40] {
            let text = hex(&mut random, digits);
            assert_eq!(text.len(), digits);
            assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
}
