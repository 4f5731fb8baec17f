//! Generates the events of an hour one by one.

use jiff::{SignedDuration, Timestamp};
use pipeline::ArchiveHour;

use super::era::{Era, EventType};
use super::objects::{EventScene, put};
use super::payload::push_payload;
use super::population::{Account, AccountKind, Population, Repository};
use super::random::{SeededRandom, mix};
use super::settings::HourSettings;

const SECONDS_PER_HOUR: u64 = 3600;
/// The ids of an hour before October 2025, in steps of one or two.
const IDS_PER_HOUR: u64 = 2_100_000;
/// Events that are written late: their time is before that of the previous line.
const LATE_PER_MILLION: u32 = 2_000;
/// Events of a bot, among those with a new actor: about a tenth of all events since bots have a display name.
const BOTS_PER_MILLION: u32 = 160_000;
/// Events whose actor continues in the same repository.
const GOING_ON_PER_MILLION: u32 = 450_000;
/// The number of pairs of actor and repository that can continue.
const AT_WORK: usize = 200;
/// Events in a user's repository whose actor is the owner.
const OWN_PER_MILLION: u32 = 650_000;

/// Each event is borrowed until the next one is generated.
pub(crate) struct EventGenerator {
    era: Era,
    population: Population,
    random: SeededRandom,
    start: Timestamp,
    ids: IdSequence,
    count: u64,
    done: u64,
    at_work: Vec<(Repository, Account)>,
    line: String,
}

#[derive(Clone, Copy)]
pub(crate) struct GeneratedEvent<'a> {
    pub(crate) event_type: EventType,
    pub(crate) with_organisation: bool,
    /// The record without a line feed.
    pub(crate) json: &'a str,
}

/// The next ids. From October 2025 on, pushes, creations and deletions have a separate sequence.
struct IdSequence {
    general: u64,
    references: Option<u64>,
}

impl EventGenerator {
    pub(crate) fn new(hour: ArchiveHour, settings: &HourSettings) -> Self {
        Self {
            era: Era::of(hour, settings.shape),
            population: Population::new(settings.seed),
            random: SeededRandom::new(mix(settings.seed, hour.start().as_second().unsigned_abs())),
            start: hour.start(),
            ids: IdSequence::of(hour),
            count: u64::from(settings.events),
            done: 0,
            at_work: Vec::new(),
            line: String::with_capacity(64 << 10),
        }
    }

    /// The next event; `None` after the last.
    pub(crate) fn advance(&mut self) -> Option<GeneratedEvent<'_>> {
        if self.done == self.count {
            return None;
        }
        let event_type = self.era.event_type(&mut self.random);
        let (repository, actor) = self.repository_and_actor(event_type);
        let id = self.ids.next(event_type, &mut self.random);
        let at = self.time();
        let before = at - seconds(60 + self.random.skewed(40_000_000));
        let (now, before) = (at.to_string(), before.to_string());
        let scene = EventScene {
            era: &self.era,
            repository: &repository,
            actor: &actor,
            now: &now,
            before: &before,
            serial: id % 900_000_000,
        };
        let out = &mut self.line;
        out.clear();
        put!(out, r#"{{"id":"{id}","type":"{}","actor":"#, event_type.name());
        push_actor(out, &self.era, &actor);
        let Repository { id: repository_id, name, owner, .. } = &repository;
        put!(
            out,
            r#","repo":{{"id":{repository_id},"name":"{name}","url":"https://api.github.com/repos/{name}"}},"payload":"#
        );
        push_payload(out, &mut self.random, &scene, event_type, self.population);
        put!(out, r#","public":true,"created_at":"{now}""#);
        let with_organisation = owner.kind == AccountKind::Organization;
        if with_organisation {
            push_organisation(out, owner);
        }
        out.push('}');
        self.done += 1;
        Some(GeneratedEvent { event_type, with_organisation, json: &self.line })
    }

    fn repository_and_actor(&mut self, event_type: EventType) -> (Repository, Account) {
        let random = &mut self.random;
        let by_any_person = matches!(event_type, EventType::Watch | EventType::Fork);
        if !by_any_person && self.at_work.len() == AT_WORK && random.chance(GOING_ON_PER_MILLION) {
            return self.at_work[random.index(AT_WORK)].clone();
        }
        let repository = self.population.repository(random);
        if by_any_person {
            return (repository, self.population.person(random));
        }
        if self.era.display_login && random.chance(BOTS_PER_MILLION) {
            return (repository, Population::bot(random));
        }
        let own = repository.owner.kind == AccountKind::User && random.chance(OWN_PER_MILLION);
        let actor = if own { repository.owner.clone() } else { self.population.person(random) };
        let pair = (repository, actor);
        match self.at_work.len() {
            AT_WORK => self.at_work[random.index(AT_WORK)] = pair.clone(),
            _ => self.at_work.push(pair.clone()),
        }
        pair
    }

    /// Spreads the events evenly over the hour.
    fn time(&mut self) -> Timestamp {
        let second = self.done * SECONDS_PER_HOUR / self.count;
        let late = if self.random.chance(LATE_PER_MILLION) { self.random.between(1, 4) } else { 0 };
        self.start + seconds(second.saturating_sub(late))
    }
}

impl IdSequence {
    /// Hours share no ids before October 2025. The sequences of October 2025 begin at smaller ids again.
    fn of(hour: ArchiveHour) -> Self {
        let since = |first: &str| {
            let first = first.parse().expect("the constant is a valid hour");
            u64::try_from(hour.hours_since(first))
        };
        if let Ok(hours) = since("2025-10-08-0") {
            let references = 2_000_000_000 + hours * 2 * IDS_PER_HOUR;
            return Self { general: 101 + hours * IDS_PER_HOUR, references: Some(references) };
        }
        let hours = since("2015-01-01-0").unwrap_or(0); // no earlier hour is generated
        Self { general: 2_489_651_045 + hours * IDS_PER_HOUR, references: None }
    }

    fn next(&mut self, event_type: EventType, random: &mut SeededRandom) -> u64 {
        let of_a_reference = matches!(event_type, EventType::Push | EventType::Create | EventType::Delete);
        let sequence = match &mut self.references {
            Some(references) if of_a_reference => references,
            _ => &mut self.general,
        };
        *sequence += random.between(1, 3);
        *sequence
    }
}

fn seconds(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).expect("an hour or a year is short"))
}

fn push_actor(out: &mut String, era: &Era, actor: &Account) {
    let Account { id, login, display_login, .. } = actor;
    put!(out, r#"{{"id":{id},"login":"{login}","#);
    if era.display_login {
        put!(out, r#""display_login":"{display_login}","#);
    }
    put!(
        out,
        r#""gravatar_id":"","url":"https://api.github.com/users/{login}","avatar_url":"https://avatars.githubusercontent.com/u/{id}?"}}"#
    );
}

fn push_organisation(out: &mut String, organisation: &Account) {
    let Account { id, login, .. } = organisation;
    put!(
        out,
        r#","org":{{"id":{id},"login":"{login}","gravatar_id":"","url":"https://api.github.com/orgs/{login}","avatar_url":"https://avatars.githubusercontent.com/u/{id}?"}}"#
    );
}
