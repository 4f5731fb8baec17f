//! One event, as the table has it.

use std::borrow::Cow;

/// The texts of `actor`, in the order of its columns after `id`.
pub(crate) const ACTOR_TEXTS: [&str; 5] = ["login", "display_login", "gravatar_id", "url", "avatar_url"];
/// The texts of `repo`, in the order of its columns after `id`.
pub(crate) const REPO_TEXTS: [&str; 2] = ["name", "url"];
/// The texts of `org`, in the order of its columns after `id`.
pub(crate) const ORG_TEXTS: [&str; 4] = ["login", "gravatar_id", "url", "avatar_url"];

/// An event. What is absent, null or does not fit its column is `None`; what does not fit is in `other` then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventRow<'a> {
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) event_type: Cow<'a, str>,
    pub(crate) actor: Entity<'a, 5>,
    pub(crate) repo: Entity<'a, 2>,
    pub(crate) org: Entity<'a, 4>,
    pub(crate) public: Option<bool>,
    /// Microseconds since 1970, UTC.
    pub(crate) created_at: i64,
    /// JSON text, exactly as in the source.
    pub(crate) payload: Option<&'a str>,
    /// A JSON object of everything that has no column.
    pub(crate) other: Option<String>,
}

/// An `actor`, `repo` or `org`: an id and texts. The struct is null if all of them are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entity<'a, const N: usize> {
    pub(crate) id: Option<i64>,
    pub(crate) texts: [Option<Cow<'a, str>>; N],
}

impl<const N: usize> Default for Entity<'_, N> {
    fn default() -> Self {
        Self { id: None, texts: [const { None }; N] }
    }
}

impl<const N: usize> Entity<'_, N> {
    pub(crate) fn is_null(&self) -> bool {
        self.id.is_none() && self.texts.iter().all(Option::is_none)
    }
}
