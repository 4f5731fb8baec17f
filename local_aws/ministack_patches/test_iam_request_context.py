"""What the local IAM is told of a request."""

import json

from local_aws.ministack_patches import iam_request_context as authorization
import pytest

HASH_KEY = {"hours": "archive"}.get


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
        ("a table that is not there", {"TableName": "others", "Key": {"archive": {"S": "a"}}}, None),
    ],
)
def test_the_leading_key_of_an_item_is_known(phrase, request_, keys):
    found = authorization.leading_keys({"TableName": "hours"} | request_, HASH_KEY)
    assert found == ({"dynamodb:LeadingKeys": keys} if keys else {}), phrase


def test_the_source_of_events_is_known():
    assert authorization.sources({"Entries": [{"Source": "ours"}, {"Source": "ours"}]}) == {"events:source": "ours"}
    assert authorization.sources({"Entries": [{"Source": "ours"}, {"Source": "aws.s3"}]}) == {"events:source": ["aws.s3", "ours"]}
    assert authorization.sources({}) == {}


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
def test_the_resource_is_the_one_that_aws_decides_on(service, arn, action, request_, expected):
    assert authorization.precise_arn(service, arn, action, request_) == expected


def test_glue_is_asked_for_all_levels():
    assert authorization.glue_arns("a:glue:1:table/db/t") == ["a:glue:1:catalog", "a:glue:1:database/db", "a:glue:1:table/db/t"]
    assert authorization.glue_arns("a:glue:1:database/db") == ["a:glue:1:catalog", "a:glue:1:database/db"]
    assert authorization.glue_arns("a:glue:1:catalog") == ["a:glue:1:catalog"]


def test_a_body_that_is_no_object_says_nothing():
    assert [authorization.parsed(body) for body in (b"", b"no", b"[1]", json.dumps({"a": 1}).encode())] == [{}, {}, {}, {"a": 1}]
