//! Who there is: people, bots, organisations and repositories. None of them is stored: each follows from its number, so
//! that the same ones come back in every hour and memory does not grow with them.

use super::random::{SeededRandom, cube, mix};

/// How many people there are.
const PEOPLE: u64 = 1_000_000;
/// How many organisations there are.
const ORGANISATIONS: u64 = 60_000;
/// How many repositories there are.
const REPOSITORIES: u64 = 1_000_000;
/// One repository of this many belongs to an organisation, and so about a fifth of all events.
const ORGANISATION_EVERY: u64 = 5;

/// A user, a bot or an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) display_login: String,
    pub(crate) kind: AccountKind,
}

/// What an account is, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountKind {
    User,
    Bot,
    Organization,
}

/// A repository and who owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) owner: Account,
    /// Without the owner.
    pub(crate) short_name: String,
    /// `owner/name`.
    pub(crate) name: String,
}

/// All accounts and repositories that belong to one seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    seed: u64,
}

impl Population {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A person, the active ones more often.
    pub(crate) fn person(self, random: &mut SeededRandom) -> Account {
        self.person_by_number(random.skewed(PEOPLE))
    }

    /// A bot, the active ones more often. Bots act under `name[bot]` and are shown as `name`.
    pub(crate) fn bot(self, random: &mut SeededRandom) -> Account {
        let number = random.skewed(BOTS.len() as u64);
        let name = BOTS[number as usize];
        Account {
            id: 41_000_000 + number,
            login: format!("{name}[bot]"),
            display_login: name.to_owned(),
            kind: AccountKind::Bot,
        }
    }

    /// A repository, the active ones more often.
    pub(crate) fn repository(self, random: &mut SeededRandom) -> Repository {
        let number = random.skewed(REPOSITORIES);
        let traits = mix(self.seed ^ 0x7265_706f, number);
        let owner = if traits.is_multiple_of(ORGANISATION_EVERY) {
            self.organisation_by_number(cube(mix(traits, 1), ORGANISATIONS))
        } else {
            self.person_by_number(cube(mix(traits, 2), PEOPLE))
        };
        let topic = TOPICS[(mix(traits, 3) % TOPICS.len() as u64) as usize];
        let form = FORMS[(mix(traits, 4) % FORMS.len() as u64) as usize];
        let short_name = format!("{topic}{form}{}", base36(number));
        let name = format!("{}/{short_name}", owner.login);
        Repository { id: 3_000_003 + 1129 * number, owner, short_name, name }
    }

    fn person_by_number(self, number: u64) -> Account {
        let traits = mix(self.seed ^ 0x7065_7273, number);
        let first = FIRST_NAMES[(traits % FIRST_NAMES.len() as u64) as usize];
        let second = SECOND_NAMES[(mix(traits, 1) % SECOND_NAMES.len() as u64) as usize];
        let login = format!("{first}{second}{}", base36(number));
        Account { id: 13 + 277 * number, display_login: login.clone(), login, kind: AccountKind::User }
    }

    fn organisation_by_number(self, number: u64) -> Account {
        let traits = mix(self.seed ^ 0x6f72_6773, number);
        let second = SECOND_NAMES[(traits % SECOND_NAMES.len() as u64) as usize];
        let login = format!("{}-{}", second.trim_start_matches('-'), ORGANISATION_FORMS[(number % 5) as usize])
            + &base36(number);
        Account { id: 140 + 277 * number, display_login: login.clone(), login, kind: AccountKind::Organization }
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]);
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
    fn accounts_and_repositories_have_one_name_and_one_id_each() {
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
    fn a_repository_looks_the_same_whenever_it_comes_back() {
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
        assert!(again > 1000, "only {again} of 20,000 came back");
    }
}
