//! The saved queries of the stack, with a day for their parameters.

use cli_core::{CliError, hours};
use cli_stack::Stack;
use jiff::civil::Date;
use pipeline::ArchiveHour;
use pipeline::ledger::HourStatus;

/// Limit of one `BatchGetNamedQuery`. Source: the Athena API.
const BATCH: usize = 50;

#[derive(Clone, Debug)]
pub(super) struct NamedQuery {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) sql: String,
}

/// All saved queries of the workgroup, sorted by name.
pub(super) async fn all(stack: &Stack) -> Result<Vec<NamedQuery>, CliError> {
    let client = stack.aws.athena();
    let workgroup = stack.output("AthenaWorkGroupName")?;
    let (mut ids, mut token) = (Vec::new(), None);
    loop {
        let page = client.list_named_queries().work_group(workgroup).set_next_token(token).send().await;
        let page = page.map_err(|error| stack.aws.call_error("ListNamedQueries", workgroup, error))?;
        ids.extend(page.named_query_ids.unwrap_or_default());
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    let mut queries = Vec::new();
    for ids in ids.chunks(BATCH) {
        let answer = client.batch_get_named_query().set_named_query_ids(Some(ids.to_vec())).send().await;
        let answer = answer.map_err(|error| stack.aws.call_error("BatchGetNamedQuery", workgroup, error))?;
        queries.extend(answer.named_queries.unwrap_or_default().into_iter().map(|one| NamedQuery {
            name: one.name,
            description: one.description.unwrap_or_default(),
            sql: one.query_string,
        }));
    }
    queries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(queries)
}

/// The SQL of the query `name` for `day`.
pub(super) async fn bound(stack: &Stack, name: &str, day: Option<Date>) -> Result<String, CliError> {
    let queries = all(stack).await?;
    let query = queries.iter().find(|query| query.name == name).ok_or_else(|| {
        let next = "'ghactivity query --list' lists all".to_owned();
        CliError::Absent { what: format!("saved query '{name}'"), next }
    })?;
    let day = match day {
        Some(day) => day,
        None if query.parameters().is_empty() => Date::default(),
        None => day_of(&newest_published(stack).await?),
    };
    if !query.parameters().is_empty() {
        eprintln!("  about {day}: {}", query.purpose());
    }
    query.about(day)
}

/// The newest published hour, the default day of saved queries.
async fn newest_published(stack: &Stack) -> Result<ArchiveHour, CliError> {
    let last = hours::current(jiff::Timestamp::now());
    // The newest hour is usually of today, so older hours are read only if needed.
    for days in [2, 60, 24 * 365 * 100] {
        let first = last.minus(days * 24).unwrap_or(ArchiveHour::FIRST);
        let marks = stack.ledger()?.summaries(first, last).await.map_err(|error| stack.aws.error(error))?;
        let published = marks.iter().rev().find(|mark| mark.status == HourStatus::Published);
        if let Some(found) = published {
            return Ok(found.hour);
        }
    }
    Err(CliError::Absent {
        what: "published hour".to_owned(),
        next: "run some first: 'ghactivity ingest', or 'ghactivity hour 2025-11-21-0'".to_owned(),
    })
}

fn day_of(hour: &ArchiveHour) -> Date {
    jiff::tz::TimeZone::UTC.to_datetime(hour.start()).date()
}

impl NamedQuery {
    /// The description without the list of parameters.
    pub(super) fn purpose(&self) -> &str {
        self.description.split(" Parameter").next().unwrap_or_default()
    }

    /// The parameters in order, as the description lists them after "Parameters:".
    fn parameters(&self) -> Vec<&str> {
        let Some((_, listed)) = self.description.split_once("Parameters: ") else { return Vec::new() };
        let listed = listed.split(", as quoted text").next().unwrap_or_default();
        listed.trim_end_matches('.').split(", ").collect()
    }

    /// The SQL with each `?` replaced by its part of the day.
    fn about(&self, day: Date) -> Result<String, CliError> {
        let wrong = |what: String| CliError::Absent {
            what,
            next: format!("copy the SQL from 'ghactivity query --list --json' and fill it in: {}", self.description),
        };
        let parameters = self.parameters();
        let mut parts = self.sql.split('?');
        let mut sql = parts.next().unwrap_or_default().to_owned();
        let rest: Vec<_> = parts.collect();
        if rest.len() != parameters.len() {
            return Err(wrong(format!("a value for each ? of '{}'", self.name)));
        }
        for (part, parameter) in rest.iter().zip(parameters) {
            let value = match parameter {
                "year" => format!("{:04}", day.year()),
                "month" => format!("{:02}", day.month()),
                "day of month" => format!("{:02}", day.day()),
                other => return Err(wrong(format!("a value for '{other}' of '{}'", self.name))),
            };
            sql.push_str(&format!("'{value}'{part}"));
        }
        Ok(sql)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(description: &str, sql: &str) -> NamedQuery {
        NamedQuery { name: "q".to_owned(), description: description.to_owned(), sql: sql.to_owned() }
    }

    #[test]
    fn day_fills_the_parameters_in_order() {
        let day = Date::constant(2025, 3, 7);
        let daily = "What. Parameters: year, month, day of month, as quoted text: '2025', '11', '21'.";
        let asked = query(daily, "year = ? AND month = ? AND dayofmonth = ?").about(day).unwrap();
        assert_eq!(asked, "year = '2025' AND month = '03' AND dayofmonth = '07'");
        assert_eq!(query("What.", "SELECT 1").about(day).unwrap(), "SELECT 1");
        assert_eq!(query(daily, "").purpose(), "What.");
    }

    #[test]
    fn query_with_unknown_parameters_is_refused() {
        let day = Date::constant(2025, 3, 7);
        assert!(query("What.", "year = ?").about(day).is_err());
        assert!(query("What. Parameters: colour, as quoted text.", "x = ?").about(day).is_err());
    }
}
