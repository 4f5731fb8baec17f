"""Contracts of sam/event-stream.yaml: permissions, variables, event source mapping, table, metrics, alarms, dashboard."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator

import pytest

from project import ROOT, STREAM_FUNCTIONS, Json, camel, match, resources, rust, template

STREAM = template("sam/event-stream.yaml")
ALARMS = resources(STREAM, "AWS::CloudWatch::Alarm")
[FUNCTION] = resources(STREAM, "AWS::Serverless::Function").values()
MAPPING = FUNCTION["Events"]["Stream"]["Properties"]
STACK = {"Fn::Sub": "ghactivity-${Stage}-events"}


def parameter(name: str) -> Json:
    found: Json = STREAM["Parameters"][name]
    return found


def test_function_has_binary_role_and_log_group() -> None:
    [name] = STREAM_FUNCTIONS
    logical = camel(name) + "Function"
    assert STREAM["Resources"][logical]["Metadata"] == {"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": name}}
    assert tomllib.loads((ROOT / "functions" / name / "Cargo.toml").read_text())["package"]["name"] == name
    assert FUNCTION["Role"] == {"Fn::GetAtt": ["ProcessEventsRole", "Arn"]} and "Policies" not in FUNCTION
    assert FUNCTION["Tracing"] == "Active"
    [group] = resources(STREAM, "AWS::Logs::LogGroup").values()
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert group["LogGroupName"]["Fn::Sub"] == "/aws/lambda/" + FUNCTION["FunctionName"]["Fn::Sub"]


def test_function_variables_equal_those_read() -> None:
    [source] = rust("functions/process-events/src/context.rs").values()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    assert read | {"AWS_ENDPOINT_URL", "AWS_READ_TIMEOUT_MS", "METRICS_STACK", "MIMALLOC_PURGE_DELAY"} == set(
        FUNCTION["Environment"]["Variables"]
    )


def granted(sid: str) -> Json:
    [policy] = resources(STREAM, "AWS::IAM::Role")["ProcessEventsRole"]["Policies"]
    return next(one for one in policy["PolicyDocument"]["Statement"] if one["Sid"] == sid)


def test_role_writes_two_prefixes_and_deletes_none() -> None:
    assert granted("Events")["Resource"]["Fn::Sub"][0].endswith(":s3:::${Bucket}/events/*")
    assert granted("Quarantine")["Resource"]["Fn::Sub"][0].endswith(":s3:::${Bucket}/quarantine/events/*")
    [policy] = resources(STREAM, "AWS::IAM::Role")["ProcessEventsRole"]["Policies"]
    assert "Delete" not in json.dumps(policy)


def test_mapping_bisects_retries_and_reports_failures() -> None:
    assert MAPPING["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert MAPPING["BisectBatchOnFunctionError"] is True
    assert MAPPING["MaximumRetryAttempts"] == {"Ref": "RetryAttempts"}
    assert MAPPING["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["FailedBatches", "Arn"]}
    assert granted("OnFailure")["Resource"] == {"Fn::GetAtt": ["FailedBatches", "Arn"]}
    assert MAPPING["StartingPosition"] == "TRIM_HORIZON"


def test_mapping_settings_equal_model() -> None:
    """`crates/event-stream/tests/model` covers every value of these settings, and no other settings."""
    model = (ROOT / "crates/event-stream/tests/model/mapping.rs").read_text()
    described = set(re.findall(r"`((?:Bisect|Maximum|Parallelization)\w+)`", model))
    assert described == {
        "BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor",
    }  # fmt: skip
    assert set(MAPPING) == described | {
        "Stream", "StartingPosition", "BatchSize", "MaximumBatchingWindowInSeconds", "TumblingWindowInSeconds",
        "FunctionResponseTypes", "DestinationConfig",
    }  # fmt: skip
    limits = {name: (parameter(name)["MinValue"], parameter(name)["Default"], parameter(name)["MaxValue"]) for name in (
        "BatchRecords", "BatchWindowSeconds", "ParallelizationFactor", "TumblingWindowSeconds", "RetryAttempts",
    )}  # fmt: skip
    assert limits == {
        "BatchRecords": (1, 5000, 10_000),
        "BatchWindowSeconds": (0, 60, 300),
        "ParallelizationFactor": (1, 1, 10),
        "TumblingWindowSeconds": (0, 0, 900),
        "RetryAttempts": (-1, 10_000, 10_000),
    }
    assert MAPPING["BatchSize"] == {"Ref": "BatchRecords"}
    assert MAPPING["MaximumBatchingWindowInSeconds"] == {"Ref": "BatchWindowSeconds"}
    assert MAPPING["ParallelizationFactor"] == {"Ref": "ParallelizationFactor"}
    assert MAPPING["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


def test_tumbling_window_requires_one_batch() -> None:
    window = {"Fn::If": ["Tumbles", {"Ref": "TumblingWindowSeconds"}, {"Ref": "AWS::NoValue"}]}
    assert MAPPING["TumblingWindowInSeconds"] == window
    assert STREAM["Conditions"]["Tumbles"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "TumblingWindowSeconds"}, 0]}]}
    [rule] = STREAM["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "TumblingWindowSeconds"}, "0"]}]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Equals": [{"Ref": "ParallelizationFactor"}, "1"]}


def test_claims_outlive_records() -> None:
    """Otherwise a record could return after its claim has expired, and be stored twice."""
    hours = STREAM["Mappings"]["HoursInSeconds"]
    assert {int(hour) * 3600 for hour in hours} == {one["Seconds"] for one in hours.values()}
    assert sorted(map(int, hours)) == parameter("RecordAgeHours")["AllowedValues"]
    assert MAPPING["MaximumRecordAgeInSeconds"] == {"Fn::FindInMap": ["HoursInSeconds", {"Ref": "RecordAgeHours"}, "Seconds"]}
    oldest = max(parameter("RecordAgeHours")["AllowedValues"])
    assert parameter("DedupeWindowHours")["MinValue"] >= oldest + 24
    assert parameter("DedupeWindowHours")["Default"] == 168
    [stream] = resources(STREAM, "AWS::Kinesis::Stream").values()
    assert stream["RetentionPeriodHours"] >= oldest + 24, "a skipped record can be put again for one more day"
    [table] = resources(STREAM, "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_claim_time_exceeds_function_timeout() -> None:
    assert parameter("ClaimSeconds")["Default"] > FUNCTION["Timeout"]


def test_projection_matches_written_keys() -> None:
    [table] = resources(STREAM, "AWS::Glue::Table").values()
    projection = table["TableInput"]["Parameters"]
    assert projection["projection.event_type.values"] == {"Ref": "EventTypes"}
    assert FUNCTION["Environment"]["Variables"]["EVENT_TYPES"] == {"Ref": "EventTypes"}
    assert "other" in parameter("EventTypes")["Default"].split(",")
    sources = rust("crates/event-stream/src/event.rs", "crates/event-stream/src/layout.rs")
    text = "\n".join(sources.values())
    assert "EARLIEST_MS: i64 = 1_577_836_800_000" in text and "MAX_AHEAD_MS: i64 = 24 * 60 * 60 * 1000" in text
    assert projection["projection.event_date.range"] == "2020-01-01,NOW+2DAYS"
    assert 'format!("events/{partition}/' in text
    assert projection["storage.location.template"]["Fn::Sub"][0].endswith("/events/event_type=${!event_type}/event_date=${!event_date}/")


def test_event_types_pattern_refuses_invalid_types() -> None:
    pattern = parameter("EventTypes")["AllowedPattern"]
    for types in ("other", "lesson,other", "other,a-b,c_1", parameter("EventTypes")["Default"]):
        assert re.fullmatch(pattern, types), types
    for types in ("", "lesson", "lesson,", "a,,other", ",other", "Lesson,other", "a b,other", "another", "x" * 65 + ",other"):
        assert not re.fullmatch(pattern, types), types


def test_table_columns_equal_file_columns() -> None:
    [table] = resources(STREAM, "AWS::Glue::Table").values()
    columns = {one["Name"]: one["Type"] for one in table["TableInput"]["StorageDescriptor"]["Columns"]}
    [source] = [text for path, text in rust("crates/event-stream/src/file.rs").items()]
    schema = re.findall(r'Field::new\("(\w+)", DataType::(\w+)', source)
    assert columns == {name: {"Utf8": "string", "Int64": "bigint"}[kind] for name, kind in schema}
    line = match(r"struct StoredLine<'a> \{(.*?)\n\}", source, re.S)[1]
    assert re.findall(r"^    (\w+):", line, re.M) == [name for name, _ in schema]


def test_saved_queries_have_day_and_parameters() -> None:
    for properties in resources(STREAM, "AWS::Athena::NamedQuery").values():
        described = match(r"Parameters: (.*?), as quoted text: ", properties["Description"])[1]
        assert properties["QueryString"].count("?") == len(described.split(", ")), properties["Name"]
        assert re.search(r"WHERE .*event_date (=|BETWEEN) \?", properties["QueryString"]), properties["Name"]


def emitted() -> dict[str, str | None]:
    """Returns the emitted metrics by name, with their dimension besides Stack."""
    [text] = rust("functions/process-events/src/metrics.rs").values()
    plain = dict.fromkeys(re.findall(r'\.with\("(\w+)"', text))
    return plain | dict(re.findall(r'\.with\("(\w+)", [^)]*\)\s*\.by\("(\w+)"', text))


def shown() -> Iterator[tuple[str, str, list[str]]]:
    """Yields namespace, name and dimension names of each metric of the dashboard."""
    body = resources(STREAM, "AWS::CloudWatch::Dashboard")["EventDashboard"]["DashboardBody"]["Fn::Sub"]
    for widget in json.loads(body)["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                dimensions, name = match(r"\{ghactivity,([\w,]+)\} MetricName=\"(\w+)\"", metric[0]["expression"]).groups()
                yield "ghactivity", name, dimensions.split(",")
            else:
                yield metric[0], metric[1], metric[2:-1:2]


def test_dashboard_shows_every_metric() -> None:
    ours = {name: [d for d in dimensions if d != "Stack"] for space, name, dimensions in shown() if space == "ghactivity"}
    assert ours == {name: [dimension] if dimension else [] for name, dimension in emitted().items()}
    theirs = {(space, name) for space, name, _ in shown()}
    assert {
        ("AWS/Kinesis", "IncomingBytes"), ("AWS/Lambda", "IteratorAge"), ("AWS/Kinesis", "WriteProvisionedThroughputExceeded"),
    } <= theirs  # fmt: skip


@pytest.mark.parametrize("logical, properties", ALARMS.items())
def test_alarm_has_text_topic_and_runbook(logical: str, properties: Json) -> None:
    assert len(properties["AlarmDescription"]) > 60
    assert properties["AlarmActions"] == [{"Fn::If": ["MakesTopic", {"Ref": "EventAlarmTopic"}, {"Ref": "AlarmTopicArn"}]}]
    name = properties["AlarmName"]["Fn::Sub"].removeprefix("ghactivity-${Stage}-")
    assert re.search(rf"^\| `{name}`", (ROOT / "docs/event-stream.md").read_text(), re.M), "the page has no row for this alarm"
    if properties["Namespace"] == "ghactivity":
        assert properties["MetricName"] in emitted()
        assert properties["Dimensions"] == [{"Name": "Stack", "Value": STACK}]
        assert FUNCTION["Environment"]["Variables"]["METRICS_STACK"] == STACK


def test_alarms_watch_age_failures_and_quarantine() -> None:
    assert {p["MetricName"] for p in ALARMS.values()} == {
        "IteratorAge", "ApproximateNumberOfMessagesVisible", "RecordsFailed", "Errors", "EventsQuarantinedPercent",
    }  # fmt: skip
