"""The condition keys and resources that IAM decides on."""

import json
from typing import Any

import pytest

from local_aws.ministack_patches import iam_request_context as context


def hash_key(table: str | None) -> str | None:
    return "archive" if table == "hours" else None


@pytest.mark.parametrize(
    ("phrase", "request_", "keys"),
    [
        ("an item's key", {"Key": {"archive": {"S": "a"}, "hour": {"S": "b"}}}, ["a"]),
        ("an item", {"Item": {"archive": {"S": "a"}, "rows": {"N": "1"}}}, ["a"]),
        (
            "a query",
            {
                "KeyConditionExpression": "#a = :a AND #h BETWEEN :from AND :to",
                "ExpressionAttributeNames": {"#a": "archive", "#h": "hour"},
                "ExpressionAttributeValues": {":a": {"S": "a"}, ":from": {"S": "1"}, ":to": {"S": "2"}},
            },
            ["a"],
        ),
        ("a scan", {}, None),
        ("an unknown table", {"TableName": "others", "Key": {"archive": {"S": "a"}}}, None),
    ],
)
def test_leading_key_is_found_in(phrase: str, request_: dict[str, Any], keys: list[str] | None) -> None:
    found = context.leading_keys({"TableName": "hours"} | request_, hash_key)
    assert found == ({"dynamodb:LeadingKeys": keys} if keys else {}), phrase


def test_event_sources_are_one_or_a_list() -> None:
    assert context.event_sources({"Entries": [{"Source": "ours"}, {"Source": "ours"}]}) == {"events:source": "ours"}
    assert context.event_sources({"Entries": [{"Source": "ours"}, {"Source": "aws.s3"}]}) == {"events:source": ["aws.s3", "ours"]}
    assert context.event_sources({}) == {}


@pytest.mark.parametrize(
    ("service", "arn", "action", "request_", "expected"),
    [
        ("events", "a:b:rule/mine/hourly", "PutRule", {}, "a:b:rule/mine/hourly"),
        ("events", "a:b:rule/default/hourly", "PutRule", {}, "a:b:rule/hourly"),
        ("logs", "a:log-group:g", "PutLogEvents", {"logStreamName": "s"}, "a:log-group:g:log-stream:s"),
        ("logs", "a:log-group:g", "FilterLogEvents", {}, "a:log-group:g"),
        ("glue", "a:database/db", "GetPartition", {"TableName": "t"}, "a:table/db/t"),
        ("glue", "a:database/db", "GetTable", {"Name": "t"}, "a:table/db/t"),
        ("glue", "a:database/db", "UpdateTable", {"TableInput": {"Name": "t"}}, "a:table/db/t"),
        ("glue", "a:database/db", "GetTables", {}, "a:database/db"),
        ("s3", "arn:aws:s3:::b/k", "", {}, "arn:aws:s3:::b/k"),
    ],
)
def test_arn_is_the_one_aws_decides_on(service: str, arn: str, action: str, request_: dict[str, Any], expected: str) -> None:
    assert context.precise_arn(service, arn, action, request_) == expected


def test_glue_arns_include_ancestors() -> None:
    assert context.glue_arns("a:glue:1:table/db/t") == ["a:glue:1:catalog", "a:glue:1:database/db", "a:glue:1:table/db/t"]
    assert context.glue_arns("a:glue:1:database/db") == ["a:glue:1:catalog", "a:glue:1:database/db"]
    assert context.glue_arns("a:glue:1:catalog") == ["a:glue:1:catalog"]


def test_body_without_json_object_is_empty() -> None:
    assert [context.parsed(body) for body in (b"", b"no", b"[1]", json.dumps({"a": 1}).encode())] == [{}, {}, {}, {"a": 1}]
