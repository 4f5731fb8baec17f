//! A row of the table.

use std::borrow::Cow;

/// The text columns of `actor` in their order, after `id`.
pub(crate) const ACTOR_TEXTS: [&str; 5] = ["login", "display_login", "gravatar_id", "url", "avatar_url"];
/// The text columns of `repo` in their order, after `id`.
pub(crate) const REPO_TEXTS: [&str; 2] = ["name", "url"];
/// The text columns of `org` in their order, after `id`.
pub(crate) const ORG_TEXTS: [&str; 4] = ["login", "gravatar_id", "url", "avatar_url"];

/// An event. A value that is absent, null or does not fit its column is `None`; one that does not fit is in `other`.
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
    /// JSON text, unchanged from the source.
    pub(crate) payload: Option<&'a str>,
    /// A JSON object of the fields without a column.
    pub(crate) other: Option<String>,
}

/// An `actor`, `repo` or `org`. The struct is null if its id and all texts are.
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
