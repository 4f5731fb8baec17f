//! The figures of the report: each is one query, which the page shows.

use pipeline::ArchiveHour;

/// A figure, and the SQL for its values.
pub(super) struct ReportFigure {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) note: &'static str,
    pub(super) sql: String,
}

/// A figure whose SQL has `{range}` in place of the hours.
struct FigureQuery {
    id: &'static str,
    title: &'static str,
    note: &'static str,
    sql: &'static str,
}

const QUESTIONS: [FigureQuery; 9] = [
    FigureQuery {
        id: "totals",
        title: "Totals",
        note: "",
        sql: "\
SELECT count(*) AS events,
  count(DISTINCT actor.login) AS contributors,
  count(DISTINCT repo.name) AS repositories,
  count(DISTINCT org.login) AS organisations
FROM events
WHERE {range}",
    },
    FigureQuery {
        id: "types",
        title: "Events by type",
        note: "",
        sql: "\
SELECT type, count(*) AS events
FROM events
WHERE {range}
GROUP BY type
ORDER BY events DESC, type",
    },
    FigureQuery {
        id: "hours",
        title: "Events per hour",
        note: "A filled dot marks an hour that is degraded or tiny: far fewer rows than the days before, or another mix of \
               types. An hour that is not published has no point.",
        sql: "\
SELECT year || '-' || month || '-' || dayofmonth || ' ' || hour AS hour, count(*) AS events
FROM events
WHERE {range}
GROUP BY year, month, dayofmonth, hour
ORDER BY 1",
    },
    FigureQuery {
        id: "contributors",
        title: "Most active contributors",
        note: "With the organisation in whose repositories most of their events took place, if any.",
        sql: "\
SELECT contributor, sum(events) AS events,
  max_by(organisation, lpad(CAST(events AS varchar), 12, '0') || organisation) AS organisation
FROM (
  SELECT actor.login AS contributor, org.login AS organisation, count(*) AS events
  FROM events
  WHERE {range}
  GROUP BY actor.login, org.login
)
GROUP BY contributor
ORDER BY 2 DESC, contributor
LIMIT 20",
    },
    FigureQuery {
        id: "repositories",
        title: "Busiest repositories",
        note: "",
        sql: "\
SELECT repo.name AS repository, count(*) AS events, count_if(type = 'WatchEvent') AS stars
FROM events
WHERE {range}
GROUP BY repo.name
ORDER BY events DESC, repository
LIMIT 20",
    },
    FigureQuery {
        id: "actions",
        title: "Actions by contributor, without pushes",
        note: "The fifteen contributors with the most events other than PushEvent.",
        sql: "\
SELECT contributor, type, actions
FROM (
  SELECT contributor, type, actions, total, dense_rank() OVER (ORDER BY total DESC, contributor) AS place
  FROM (
    SELECT actor.login AS contributor, type, count(*) AS actions,
      sum(count(*)) OVER (PARTITION BY actor.login) AS total
    FROM events
    WHERE {range} AND type <> 'PushEvent'
    GROUP BY actor.login, type
  )
)
WHERE place <= 15
ORDER BY place, actions DESC, type",
    },
    FigureQuery {
        id: "organisations",
        title: "Share with an organisation",
        note: "The share of a day's events that took place in a repository of an organisation.",
        sql: "\
SELECT year || '-' || month || '-' || dayofmonth AS day, count(*) AS events,
  count_if(org.id IS NOT NULL OR org.login IS NOT NULL) AS with_organisation
FROM events
WHERE {range}
GROUP BY year, month, dayofmonth
ORDER BY 1",
    },
    FigureQuery {
        id: "week",
        title: "Hours of the week",
        note: "Mean events of an hour, in UTC; Monday is 1.",
        sql: "\
SELECT day_of_week(CAST(year || '-' || month || '-' || dayofmonth AS date)) AS weekday, hour,
  count(*) AS events, count(DISTINCT year || month || dayofmonth) AS days
FROM events
WHERE {range}
GROUP BY 1, hour
ORDER BY 1, hour",
    },
    FigureQuery {
        id: "late",
        title: "Events outside their hour",
        note: "An event is in the partition of the file that the archive has it in; late ones are older than the file's hour.",
        sql: "\
SELECT count_if(date_format(created_at, '%Y%m%d%H') < year || month || dayofmonth || hour) AS late,
  count_if(date_format(created_at, '%Y%m%d%H') > year || month || dayofmonth || hour) AS early
FROM events
WHERE {range}",
    },
];

/// All figures from Athena for the hours from `first` to `last`, both included.
pub(super) fn all(first: ArchiveHour, last: ArchiveHour) -> Vec<ReportFigure> {
    let range = condition(first, last);
    let figure = |question: &FigureQuery| ReportFigure {
        id: question.id,
        title: question.title,
        note: question.note,
        sql: question.sql.replace("{range}", &range),
    };
    QUESTIONS.iter().map(figure).collect()
}

/// The hours as a condition on partition keys alone, which limits what Athena scans.
fn condition(first: ArchiveHour, last: ArchiveHour) -> String {
    let ([year, month, day, from], [last_year, last_month, last_day, to]) =
        (first.partition_values(), last.partition_values());
    if (&year, &month, &day) == (&last_year, &last_month, &last_day) {
        let hours = match (from.as_str(), to.as_str()) {
            ("00", "23") => String::new(),
            _ => format!(" AND hour BETWEEN '{from}' AND '{to}'"),
        };
        return format!("year = '{year}' AND month = '{month}' AND dayofmonth = '{day}'{hours}");
    }
    let months =
        if year == last_year { format!(" AND month BETWEEN '{month}' AND '{last_month}'") } else { String::new() };
    format!(
        "year BETWEEN '{year}' AND '{last_year}'{months}\n  AND year || '-' || month || '-' || dayofmonth || ' ' || hour \
         BETWEEN '{year}-{month}-{day} {from}' AND '{last_year}-{last_month}-{last_day} {to}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_is_a_condition_on_partition_keys() {
        for (first, last, expected) in [
            ("2025-11-21-0", "2025-11-21-23", "year = '2025' AND month = '11' AND dayofmonth = '21'"),
            (
                "2025-11-21-3",
                "2025-11-21-9",
                "year = '2025' AND month = '11' AND dayofmonth = '21' AND hour BETWEEN '03' AND '09'",
            ),
            (
                "2025-11-30-22",
                "2025-12-01-1",
                "year BETWEEN '2025' AND '2025' AND month BETWEEN '11' AND '12'\n  AND year || '-' || month || '-' || \
                 dayofmonth || ' ' || hour BETWEEN '2025-11-30 22' AND '2025-12-01 01'",
            ),
        ] {
            assert_eq!(condition(first.parse().unwrap(), last.parse().unwrap()), expected);
        }
        let across = condition("2025-12-31-22".parse().unwrap(), "2026-01-01-1".parse().unwrap());
        assert!(!across.contains("month BETWEEN"), "{across}");
    }
}
