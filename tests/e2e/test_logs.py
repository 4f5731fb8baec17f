"""The functions' log lines for CloudWatch Logs Insights: each line has its execution, hour and chunk, and the saved queries use only
fields of the lines."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from conftest import ROOT, configured
from deployment import Lake
from test_bad_input import event, gz, whole_hour

HOUR, DAMAGED = "2023-05-05-7", "2023-05-06-7"
#: The span fields that every log line of a function must have.
ABOUT = {
    "fetch": {"execution", "hour"},
    "convert-chunk": {"execution", "hour", "chunk"},
    "register-partition": {"execution", "hour"},
    "commit-bookmark": {"execution", "hour"},
}
#: Keywords and functions of the query language of Logs Insights.
WORDS = {
    "filter",
    "fields",
    "stats",
    "sort",
    "limit",
    "by",
    "as",
    "and",
    "or",
    "not",
    "like",
    "asc",
    "desc",
    "ispresent",
    "coalesce",
    "count",
    "count_distinct",
    "latest",
}


def lines(lake: Lake, function: str, since: int) -> list[dict[str, Any]]:
    """Returns the JSON log lines of a function from `since` on, in milliseconds since 1970."""
    pages = (
        lake.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=f"/aws/lambda/ghactivity-{function}", startTime=since)
    )
    messages = [entry["message"].strip() for page in pages for entry in page["events"]]
    return [json.loads(message) for message in messages if message.startswith("{")]


@pytest.fixture(scope="module")
def logged(lake: Lake) -> dict[str, tuple[str, dict[str, list[dict[str, Any]]]]]:
    """Runs an hour of three chunks and a damaged hour. Returns the execution's name and the log lines of each function, by hour."""
    found = {}
    with configured(lake, ["fetch"], {"CHUNK_RECORDS": "20"}):
        for hour, body in ((HOUR, gz(*(event(n) for n in range(50)))), (DAMAGED, whole_hour()[:1000])):
            lake.serve(hour, body)
            since = int(time.time() * 1000)
            name = lake.run_hour(hour).arn.rsplit(":", 1)[1]
            found[hour] = name, {function: lines(lake, function, since) for function in ABOUT}
    return found


def test_every_log_line_names_execution_hour_and_chunk(logged: dict[str, Any]) -> None:
    for hour, functions in ((HOUR, list(ABOUT)), (DAMAGED, ["fetch", "commit-bookmark"])):
        name, of_functions = logged[hour]
        for function in functions:
            spans = [line.get("span", {}) for line in of_functions[function] if "_aws" not in line]
            assert spans, function
            for span in spans:
                assert set(span) - {"name", "request_id"} == ABOUT[function], f"{function}: {span}"
                assert (span["execution"], span["hour"]) == (name, hour), f"{function}: {span}"
            if function == "convert-chunk":
                assert {span["chunk"] for span in spans} == {0, 1, 2}


def queries() -> dict[str, str]:
    """Returns the template's saved queries by name. The local AWS has no Logs Insights, so it does not have them."""
    text = (ROOT / "sam/operations.yaml").read_text()
    found = re.findall(r'Name: !Sub "\$\{StackName\}/([\w-]+)"\n(?:.*\n)*?      QueryString: \|\n((?:        .*\n)+)', text)
    assert len(found) == text.count("AWS::Logs::QueryDefinition")
    return dict(found)


@pytest.mark.parametrize("query", queries())
def test_saved_log_query_uses_existing_fields(logged: dict[str, Any], query: str) -> None:
    known = {"@timestamp", "@log"}
    for _, of_functions in logged.values():
        for line in (line for found in of_functions.values() for line in found):
            known |= set(line) | {f"span.{field}" for field in line.get("span", {})}
    text = re.sub(r'"[^"]*"|/[^/]*/', "", queries()[query])
    named = set(re.findall(r"\bas (\w+)", text))
    asked = set(re.findall(r"@?[A-Za-z_][\w.]*", text)) - WORDS - named
    assert asked and asked <= known, asked - known
