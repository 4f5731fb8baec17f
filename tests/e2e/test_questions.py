"""The results of the saved queries equal those that an independent script computes from the raw files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import oracle
from conftest import DATA
from deployment import Lake, wait_until
from local_aws.stack.named_queries import named_queries
from test_hour import instant

#: No other test publishes hours of this month, so queries over the month return only these five hours.
DAY = ("2017", "07", "01")
HOURS = [f"2017-07-01-{hour}" for hour in range(1, 6)]


@pytest.fixture(scope="module")
def answers(lake: Lake, generate: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Publishes five hours of one day, from real files if available, and returns the results computed from the raw files."""
    folder = tmp_path_factory.mktemp("five-hours")
    files = []
    for hour in HOURS:
        real = DATA / f"2016-01-01-{hour.rsplit('-', 1)[1]}.json.gz"
        body = real.read_bytes() if real.exists() else generate(hour, "--events", "12000", "--duplicates", "0.01")
        file = folder / f"{hour}.json.gz"
        file.write_bytes(body)
        files.append(file)
        lake.serve(hour, body)
    for arn in [lake.start("ProcessHour", hour=hour, job_id="test_questions") for hour in HOURS]:
        assert lake.wait(arn).status == "SUCCEEDED"
    return oracle.answers(oracle.hour_of(f"{hour}={file}") for hour, file in zip(HOURS, files, strict=True))


def ask(lake: Lake, name: str) -> list[dict[str, Any]]:
    """Runs a named query for the day or its month, and returns its rows."""
    query = next(query for query in named_queries() if query.name == name)
    assert "year = ?" in query.sql and "month = ?" in query.sql, f"{name} is restricted by partition"
    return lake.query(query.sql, *query.parameters(HOURS[0]))


def test_named_queries_are_deployed_unchanged(lake: Lake) -> None:
    athena, group = lake.aws.client("athena"), lake.outputs["AthenaWorkGroupName"]
    ids = athena.list_named_queries(WorkGroup=group)["NamedQueryIds"]
    deployed = [athena.get_named_query(NamedQueryId=one)["NamedQuery"] for one in ids]
    found = {query["Name"]: (query["Database"], query["QueryString"]) for query in deployed}
    assert found == {query.name: (lake.database, query.sql) for query in named_queries()}


def test_every_named_query_has_its_test() -> None:
    assert {query.name for query in named_queries()} == {
        "top-repositories-of-a-day",
        "hours-of-a-month",
        "events-by-type-of-a-day-without-degraded-hours",
        "events-by-type-of-a-day",
        "events-by-type-of-a-month",
        "events-per-hour-of-a-day",
        "most-active-contributors-by-push-of-a-day",
        "events-by-type-per-contributor-of-a-day",
        "share-with-organisation-per-day",
        "first-and-last-event-per-hour-of-a-day",
    }


def pairs(rows: list[dict[str, Any]], name: str, count: str) -> list[tuple[str | None, int]]:
    return [(row[name], int(row[count])) for row in rows]


def test_top_repositories_of_a_day(lake: Lake, answers: dict[str, Any]) -> None:
    found = ask(lake, "top-repositories-of-a-day")
    assert pairs(found, "repo", "events") == answers["top_repositories_of_day"]["-".join(DAY)]
    assert len(found) == 10


def test_events_by_type_of_a_day_and_of_a_month(lake: Lake, answers: dict[str, Any]) -> None:
    day = pairs(ask(lake, "events-by-type-of-a-day"), "type", "events")
    assert day == answers["events_by_type_of_day"]["-".join(DAY)] and len(day) > 8
    month = pairs(ask(lake, "events-by-type-of-a-month"), "type", "events")
    assert month == answers["events_by_type_of_month"]["-".join(DAY[:2])]


def test_degraded_hours_are_excluded(lake: Lake, answers: dict[str, Any]) -> None:
    def hours() -> list[dict[str, Any]]:
        return ask(lake, "hours-of-a-month")

    wait_until(lambda: len(hours()) == len(HOURS), "the ledger's table has every hour")
    assert [(row["archive_hour"], row["status"], int(row["rows"])) for row in hours()] == [
        (hour, "published", answers["hours"][hour]["rows"]) for hour in HOURS
    ]
    assert {row["verdict"] for row in hours()} == {"complete"} and hours()[0]["source_url"].endswith(f"{HOURS[0]}.json.gz")
    everything = pairs(ask(lake, "events-by-type-of-a-day"), "type", "events")
    assert pairs(ask(lake, "events-by-type-of-a-day-without-degraded-hours"), "type", "events") == everything

    # Sets the verdict of one hour to degraded: the query must leave out its events.
    key = {"archive": "ghactivity", "hour": "2017-07-01T03"}
    set_verdict = {"UpdateExpression": "SET verdict = :v", "ExpressionAttributeValues": {":v": "degraded"}}
    lake.table("ArchiveHours").update_item(Key=key, **set_verdict)
    wait_until(lambda: {row["verdict"] for row in hours()} != {"complete"}, "the table follows the ledger")
    left = sum(count for _, count in pairs(ask(lake, "events-by-type-of-a-day-without-degraded-hours"), "type", "events"))
    assert left == sum(count for _, count in everything) - answers["hours"][HOURS[2]]["rows"]


def test_events_per_hour_of_a_day(lake: Lake, answers: dict[str, Any]) -> None:
    found = [(int(row["hour"]), int(row["events"])) for row in ask(lake, "events-per-hour-of-a-day")]
    assert found == answers["events_per_hour_of_day"]["-".join(DAY)]


def test_most_active_contributors_by_push(lake: Lake, answers: dict[str, Any]) -> None:
    found = pairs(ask(lake, "most-active-contributors-by-push-of-a-day"), "contributor", "pushes")
    assert found == answers["top_contributors_by_push"] and len(found) == 20


def test_events_by_type_per_contributor_without_push(lake: Lake, answers: dict[str, Any]) -> None:
    found = ask(lake, "events-by-type-per-contributor-of-a-day")
    expected = [
        (-count, contributor, type_)
        for contributor, types in answers["events_by_type_per_contributor_without_push"].items()
        for type_, count in types
    ]
    assert [(-int(row["events"]), row["contributor"], row["type"]) for row in found] == sorted(expected)[:100]


def test_share_with_an_organisation(lake: Lake, answers: dict[str, Any]) -> None:
    (found,) = ask(lake, "share-with-organisation-per-day")
    expected = answers["organisation_share_of_day"]["-".join(DAY)]
    assert (found["day"], int(found["events"])) == ("-".join(DAY), expected["rows"])
    assert int(found["with_organisation"]) == expected["with_org"] > 0
    assert float(found["share"]) == pytest.approx(expected["share"])


def test_first_and_last_event_and_rows_per_hour(lake: Lake, answers: dict[str, Any]) -> None:
    found = {
        f"{'-'.join(DAY)}-{int(row['hour'])}": (int(row["events"]), instant(row["first_event"]), instant(row["last_event"]))
        for row in ask(lake, "first-and-last-event-per-hour-of-a-day")
    }
    assert found == {
        hour: (facts["rows"], instant(facts["first_created_at"]), instant(facts["last_created_at"]))
        for hour, facts in answers["hours"].items()
    }


def test_views_show_the_same_events(lake: Lake, answers: dict[str, Any]) -> None:
    where = " AND ".join(f"{key} = '{value}'" for key, value in zip(("year", "month", "dayofmonth"), DAY, strict=True))
    rows = sum(facts["rows"] for facts in answers["hours"].values())
    flat = lake.query(
        f"SELECT repo_name AS repo, count(*) AS events FROM events_flat WHERE {where} GROUP BY repo_name "
        "ORDER BY events DESC, repo LIMIT 10"
    )
    assert pairs(flat, "repo", "events") == answers["top_repositories_of_day"]["-".join(DAY)]
    (actions,) = lake.query(f"SELECT count(*) AS n, count(action_time) AS times, count(actor) AS actors FROM actions WHERE {where}")
    assert (int(actions["n"]), int(actions["times"]), int(actions["actors"])) == (rows, rows, rows)
