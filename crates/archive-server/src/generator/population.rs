//! People, bots, organisations and repositories. None of them is stored: each is computed from its number. So they are the same
//! in every hour, and need no memory.

use super::random::{SeededRandom, cube, mix};

const PEOPLE: u64 = 1_000_000;
const ORGANISATIONS: u64 = 60_000;
const REPOSITORIES: u64 = 1_000_000;
/// One repository of this many belongs to an organisation; so do about a fifth of all events.
const ORGANISATION_EVERY: u64 = 5;

/// A user, a bot or an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) display_login: String,
    pub(crate) kind: AccountKind,
}

/// The type of an account, with the API's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountKind {
    User,
    Bot,
    Organization,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) owner: Account,
    /// The name without the owner.
    pub(crate) short_name: String,
    /// `owner/name`.
    pub(crate) name: String,
}

/// All accounts and repositories of a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    seed: u64,
}

impl Population {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Picks a person; active ones are more frequent.
    pub(crate) fn person(self, random: &mut SeededRandom) -> Account {
        self.person_by_number(random.skewed(PEOPLE))
    }

    /// Picks a bot; active ones are more frequent. The login of a bot is `name[bot]`, its display login `name`.
    pub(crate) fn bot(random: &mut SeededRandom) -> Account {
        let number = random.skewed(BOTS.len() as u64);
        let name = BOTS[index(number, BOTS.len())];
        Account {
            id: 41_000_000 + number,
            login: format!("{name}[bot]"),
            display_login: name.to_owned(),
            kind: AccountKind::Bot,
        }
    }

    /// Picks a repository; active ones are more frequent.
    pub(crate) fn repository(self, random: &mut SeededRandom) -> Repository {
        let number = random.skewed(REPOSITORIES);
        let traits = mix(self.seed ^ 0x7265_706f, number);
        let owner = if traits.is_multiple_of(ORGANISATION_EVERY) {
            self.organisation_by_number(cube(mix(traits, 1), ORGANISATIONS))
        } else {
            self.person_by_number(cube(mix(traits, 2), PEOPLE))
        };
        let topic = TOPICS[index(mix(traits, 3), TOPICS.len())];
        let form = FORMS[index(mix(traits, 4), FORMS.len())];
        let short_name = format!("{topic}{form}{}", base36(number));
        let name = format!("{}/{short_name}", owner.login);
        Repository { id: 3_000_003 + 1129 * number, owner, short_name, name }
    }

    fn person_by_number(self, number: u64) -> Account {
        let traits = mix(self.seed ^ 0x7065_7273, number);
        let first = FIRST_NAMES[index(traits, FIRST_NAMES.len())];
        let second = SECOND_NAMES[index(mix(traits, 1), SECOND_NAMES.len())];
        let login = format!("{first}{second}{}", base36(number));
        Account { id: 13 + 277 * number, display_login: login.clone(), login, kind: AccountKind::User }
    }

    fn organisation_by_number(self, number: u64) -> Account {
        let traits = mix(self.seed ^ 0x6f72_6773, number);
        let second = SECOND_NAMES[index(traits, SECOND_NAMES.len())];
        let login = format!(
            "{}-{}",
            second.trim_start_matches('-'),
            ORGANISATION_FORMS[index(number, ORGANISATION_FORMS.len())]
        ) + &base36(number);
        Account { id: 140 + 277 * number, display_login: login.clone(), login, kind: AccountKind::Organization }
    }
}

/// `number` modulo `length`.
fn index(number: u64, length: usize) -> usize {
    usize::try_from(number % length as u64).expect("it is below a usize")
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[index(number, 36)]);
        number /= 36;
        if number == 0 {
            digits.reverse();
            return digits.into_iter().map(char::from).collect();
        }
    }
}

const BOTS: [&str; 8] =
    ["ci-runner", "dependency-keeper", "stale-sweeper", "doc-deployer", "merge-queue", "Reviewer", "cla-check", "i18n"];

const FIRST_NAMES: [&str; 24] = [
    "anna", "Bo", "chen", "dmitri", "elif", "Fatou", "gabriel", "hana", "ivan", "Jo", "kenji", "lena", "Mateus", "nia",
    "olu", "petra", "quinn", "Ravi", "sofia", "tomas", "uma", "viktor", "wei", "zoe",
];

const SECOND_NAMES: [&str; 16] = [
    "-otter", "-heron", "Maple", "birch", "-stone", "river", "-cloud", "Codes", "dev", "-labs", "works", "Ash", "-fox",
    "pine", "-wren", "reed",
];

const ORGANISATION_FORMS: [&str; 5] = ["org", "Inc", "team", "foundation", "io"];

const TOPICS: [&str; 20] = [
    "dotfiles", "web", "api", "data", "blog", "Game", "ml", "infra", "docs", "cli", "parser", "bot", "Homework",
    "website", "notes", "compiler", "chart", "mobile", "sensor", "shop",
];

const FORMS: [&str; 8] = ["-", "-app-", "_", "-rs-", ".js-", "-kit-", "-demo-", "."];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn accounts_have_unique_logins_and_ids() {
        let population = Population::new(7);
        let (mut logins, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for number in 0..20_000 {
            let person = population.person_by_number(number);
            let organisation = population.organisation_by_number(number);
            assert!(logins.insert(person.login) && logins.insert(organisation.login), "number {number}");
            assert!(ids.insert(person.id) && ids.insert(organisation.id), "number {number}");
        }
    }

    #[test]
    fn repository_is_the_same_every_time() {
        let population = Population::new(7);
        let mut random = SeededRandom::new(1);
        let mut seen = BTreeMap::new();
        let mut again = 0;
        for _ in 0..20_000 {
            let repository = population.repository(&mut random);
            match seen.insert(repository.id, repository.clone()) {
                Some(before) => {
                    assert_eq!(before, repository);
                    again += 1;
                }
                None => assert!(repository.name.starts_with(&format!("{}/", repository.owner.login))),
            }
        }
        assert!(again > 1000, "only {again} of 20,000 occurred again");
    }
}
