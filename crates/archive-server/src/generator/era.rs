//! The properties of an hour that depend on its date: its fields (unless a shape is given), and the shares of event types.

use pipeline::ArchiveHour;

use super::random::SeededRandom;

/// The format of payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// The format of the hour's date: trimmed from 2025-10-08 on.
    #[default]
    Auto,
    /// Pushes with commits and sizes, complete pull requests.
    Rich,
    /// Pushes without commits and sizes, pull requests as stubs.
    Trimmed,
}

/// The properties of an hour's date (source: the history of the archive's files).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Era {
    /// From 2016-05-20: actors have a `display_login`, and the login of a bot differs from it.
    pub(crate) display_login: bool,
    /// From 2018: objects have a `node_id`.
    pub(crate) node_ids: bool,
    pub(crate) trimmed: bool,
    shares: &'static [(EventType, u32)],
}

/// The event types since 2015.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    CommitComment,
    Create,
    Delete,
    Fork,
    Gollum,
    IssueComment,
    Issues,
    Member,
    Public,
    PullRequest,
    PullRequestReview,
    PullRequestReviewComment,
    Push,
    Release,
    Watch,
}

impl EventType {
    /// The `type` of the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::CommitComment => "CommitCommentEvent",
            Self::Create => "CreateEvent",
            Self::Delete => "DeleteEvent",
            Self::Fork => "ForkEvent",
            Self::Gollum => "GollumEvent",
            Self::IssueComment => "IssueCommentEvent",
            Self::Issues => "IssuesEvent",
            Self::Member => "MemberEvent",
            Self::Public => "PublicEvent",
            Self::PullRequest => "PullRequestEvent",
            Self::PullRequestReview => "PullRequestReviewEvent",
            Self::PullRequestReviewComment => "PullRequestReviewCommentEvent",
            Self::Push => "PushEvent",
            Self::Release => "ReleaseEvent",
            Self::Watch => "WatchEvent",
        }
    }
}

impl Era {
    pub(crate) fn of(hour: ArchiveHour, shape: Shape) -> Self {
        let since = |first: &str| first.parse().is_ok_and(|first: ArchiveHour| hour >= first);
        let trimmed = match shape {
            Shape::Auto => since("2025-10-08-0"),
            Shape::Rich => false,
            Shape::Trimmed => true,
        };
        let shares = match (since("2025-10-08-0"), since("2020-08-24-0")) {
            (true, _) => MOSTLY_PUSHES,
            (false, true) => WITH_REVIEWS,
            (false, false) => WITHOUT_REVIEWS,
        };
        Self { display_login: since("2016-05-20-0"), node_ids: since("2018-01-01-0"), trimmed, shares }
    }

    /// Picks the type of the next event.
    pub(crate) fn event_type(&self, random: &mut SeededRandom) -> EventType {
        let mut left = random.below(TOTAL);
        for &(event_type, share) in self.shares {
            match left.checked_sub(u64::from(share)) {
                Some(less) => left = less,
                None => return event_type,
            }
        }
        EventType::Push
    }
}

/// Shares are per ten thousand.
const TOTAL: u64 = 10_000;

/// As in hours of 2015 and 2016.
const WITHOUT_REVIEWS: &[(EventType, u32)] = &[
    (EventType::Push, 5700),
    (EventType::Create, 1150),
    (EventType::Watch, 1050),
    (EventType::IssueComment, 620),
    (EventType::PullRequest, 390),
    (EventType::Issues, 350),
    (EventType::Fork, 300),
    (EventType::Delete, 180),
    (EventType::Gollum, 90),
    (EventType::PullRequestReviewComment, 75),
    (EventType::Release, 40),
    (EventType::CommitComment, 30),
    (EventType::Member, 15),
    (EventType::Public, 10),
];

/// As in hours of 2021.
const WITH_REVIEWS: &[(EventType, u32)] = &[
    (EventType::Push, 5310),
    (EventType::Create, 1290),
    (EventType::PullRequest, 800),
    (EventType::Watch, 725),
    (EventType::IssueComment, 450),
    (EventType::PullRequestReview, 350),
    (EventType::Delete, 285),
    (EventType::Issues, 260),
    (EventType::Fork, 240),
    (EventType::PullRequestReviewComment, 125),
    (EventType::Member, 50),
    (EventType::Release, 40),
    (EventType::Public, 25),
    (EventType::CommitComment, 25),
    (EventType::Gollum, 25),
];

/// As in hours of 2026. Rare types are a little more frequent, so that an hour of some thousand events has all types.
const MOSTLY_PUSHES: &[(EventType, u32)] = &[
    (EventType::Push, 8370),
    (EventType::Create, 900),
    (EventType::Delete, 350),
    (EventType::PullRequest, 100),
    (EventType::IssueComment, 60),
    (EventType::Watch, 60),
    (EventType::Issues, 40),
    (EventType::PullRequestReview, 40),
    (EventType::Fork, 20),
    (EventType::PullRequestReviewComment, 20),
    (EventType::Release, 15),
    (EventType::Member, 10),
    (EventType::Gollum, 5),
    (EventType::CommitComment, 5),
    (EventType::Public, 5),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        for (phrase, shares) in [("2016", WITHOUT_REVIEWS), ("2021", WITH_REVIEWS), ("2026", MOSTLY_PUSHES)] {
            let total: u32 = shares.iter().map(|(_, share)| share).sum();
            assert_eq!(u64::from(total), TOTAL, "{phrase}");
        }
    }

    #[test]
    fn era_follows_date_or_given_shape() {
        for (hour, shape, display_login, trimmed) in [
            ("2015-01-01-0", Shape::Auto, false, false),
            ("2016-05-19-23", Shape::Auto, false, false),
            ("2016-05-20-0", Shape::Auto, true, false),
            ("2025-10-07-23", Shape::Auto, true, false),
            ("2025-10-08-0", Shape::Auto, true, true),
            ("2026-06-01-15", Shape::Rich, true, false),
            ("2015-01-01-0", Shape::Trimmed, false, true),
        ] {
            let era = Era::of(hour.parse().unwrap(), shape);
            assert_eq!((era.display_login, era.trimmed), (display_login, trimmed), "{hour} {shape:?}");
        }
    }
}
