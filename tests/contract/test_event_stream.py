"""What sam/event-stream.yaml promises: permissions, variables, the mapping, the table; metrics, alarms and dashboard."""

import json
import re
import tomllib

import pytest
from project import ROOT, STREAM_FUNCTIONS, camel, resources, rust, template

STREAM = template("sam/event-stream.yaml")
ALARMS = resources(STREAM, "AWS::CloudWatch::Alarm")
[FUNCTION] = resources(STREAM, "AWS::Serverless::Function").values()
MAPPING = FUNCTION["Events"]["Stream"]["Properties"]
STACK = {"Fn::Sub": "ghactivity-${Stage}-events"}


def parameter(name):
    return STREAM["Parameters"][name]


def test_the_function_is_its_binary_with_a_role_of_its_own():
    [name] = STREAM_FUNCTIONS
    logical = camel(name) + "Function"
    assert STREAM["Resources"][logical]["Metadata"] == {"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": name}}
    assert tomllib.loads((ROOT / "functions" / name / "Cargo.toml").read_text())["package"]["name"] == name
    assert FUNCTION["Role"] == {"Fn::GetAtt": ["ProcessEventsRole", "Arn"]} and "Policies" not in FUNCTION
    assert FUNCTION["Tracing"] == "Active"
    [group] = resources(STREAM, "AWS::Logs::LogGroup").values()
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert group["LogGroupName"]["Fn::Sub"] == "/aws/lambda/" + FUNCTION["FunctionName"]["Fn::Sub"]


def test_the_function_gets_the_variables_that_it_reads():
    [source] = rust("functions/process-events/src/context.rs").values()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    assert read | {"AWS_ENDPOINT_URL", "AWS_READ_TIMEOUT_MS", "METRICS_STACK", "MIMALLOC_PURGE_DELAY"} == set(FUNCTION["Environment"]["Variables"])


def granted(sid):
    [policy] = resources(STREAM, "AWS::IAM::Role")["ProcessEventsRole"]["Policies"]
    return next(one for one in policy["PolicyDocument"]["Statement"] if one["Sid"] == sid)


def test_the_function_writes_events_and_bad_records_and_deletes_nothing():
    assert granted("Events")["Resource"]["Fn::Sub"][0].endswith(":s3:::${Bucket}/events/*")
    assert granted("Quarantine")["Resource"]["Fn::Sub"][0].endswith(":s3:::${Bucket}/quarantine/events/*")
    [policy] = resources(STREAM, "AWS::IAM::Role")["ProcessEventsRole"]["Policies"]
    assert "Delete" not in json.dumps(policy)


def test_the_mapping_tries_again_in_parts_and_passes_nothing_over_in_silence():
    assert MAPPING["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert MAPPING["BisectBatchOnFunctionError"] is True
    assert MAPPING["MaximumRetryAttempts"] == {"Ref": "RetryAttempts"}
    assert MAPPING["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["FailedBatches", "Arn"]}
    assert granted("OnFailure")["Resource"] == {"Fn::GetAtt": ["FailedBatches", "Arn"]}
    assert MAPPING["StartingPosition"] == "TRIM_HORIZON"


def test_the_mapping_is_the_one_that_the_model_describes():
    """`crates/event-stream/tests/model` tries every value of these settings; it knows no others."""
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


def test_a_tumbling_window_is_a_parameter_and_takes_one_batch_at_once():
    window = {"Fn::If": ["Tumbles", {"Ref": "TumblingWindowSeconds"}, {"Ref": "AWS::NoValue"}]}
    assert MAPPING["TumblingWindowInSeconds"] == window
    assert STREAM["Conditions"]["Tumbles"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "TumblingWindowSeconds"}, 0]}]}
    [rule] = STREAM["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "TumblingWindowSeconds"}, "0"]}]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Equals": [{"Ref": "ParallelizationFactor"}, "1"]}


def test_claims_outlive_the_records_that_they_are_for():
    """Otherwise a record could come again after its claim is forgotten, and be stored twice."""
    hours = STREAM["Mappings"]["HoursInSeconds"]
    assert {int(hour) * 3600 for hour in hours} == {one["Seconds"] for one in hours.values()}
    assert sorted(map(int, hours)) == parameter("RecordAgeHours")["AllowedValues"]
    assert MAPPING["MaximumRecordAgeInSeconds"] == {"Fn::FindInMap": ["HoursInSeconds", {"Ref": "RecordAgeHours"}, "Seconds"]}
    oldest = max(parameter("RecordAgeHours")["AllowedValues"])
    assert parameter("DedupeWindowHours")["MinValue"] >= oldest + 24
    assert parameter("DedupeWindowHours")["Default"] == 168
    [stream] = resources(STREAM, "AWS::Kinesis::Stream").values()
    assert stream["RetentionPeriodHours"] >= oldest + 24, "what was passed over can still be put again for a day"
    [table] = resources(STREAM, "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_whoever_claims_is_given_more_time_than_the_function_has():
    assert parameter("ClaimSeconds")["Default"] > FUNCTION["Timeout"]


def test_projection_describes_what_the_function_writes():
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
    assert projection["storage.location.template"]["Fn::Sub"][0].endswith(
        "/events/event_type=${!event_type}/event_date=${!event_date}/"
    )


def test_event_types_that_the_function_refuses_are_refused_at_the_deployment():
    pattern = parameter("EventTypes")["AllowedPattern"]
    for types in ("other", "lesson,other", "other,a-b,c_1", parameter("EventTypes")["Default"]):
        assert re.fullmatch(pattern, types), types
    for types in ("", "lesson", "lesson,", "a,,other", ",other", "Lesson,other", "a b,other", "another", "x" * 65 + ",other"):
        assert not re.fullmatch(pattern, types), types


def test_columns_are_those_of_the_files():
    [table] = resources(STREAM, "AWS::Glue::Table").values()
    columns = {one["Name"]: one["Type"] for one in table["TableInput"]["StorageDescriptor"]["Columns"]}
    [source] = [text for path, text in rust("crates/event-stream/src/file.rs").items()]
    schema = re.findall(r'Field::new\("(\w+)", DataType::(\w+)', source)
    assert columns == {name: {"Utf8": "string", "Int64": "bigint"}[kind] for name, kind in schema}
    line = re.search(r"struct Line<'a> \{(.*?)\n\}", source, re.S)[1]
    assert re.findall(r"^    (\w+):", line, re.M) == [name for name, _ in schema]


def test_named_queries_name_the_day_and_their_parameters():
    for properties in resources(STREAM, "AWS::Athena::NamedQuery").values():
        described = re.search(r"Parameters: (.*?), as quoted text: ", properties["Description"])[1]
        assert properties["QueryString"].count("?") == len(described.split(", ")), properties["Name"]
        assert re.search(r"WHERE .*event_date (=|BETWEEN) \?", properties["QueryString"]), properties["Name"]


def emitted():
    """Metrics by name, with the dimension that they have beside the stack."""
    [text] = rust("functions/process-events/src/measures.rs").values()
    plain = dict.fromkeys(re.findall(r'\.with\("(\w+)"', text))
    return plain | dict(re.findall(r'\.with\("(\w+)", [^)]*\)\s*\.by\("(\w+)"', text))


def shown():
    """Namespace, name and dimension names of each metric of the dashboard."""
    body = resources(STREAM, "AWS::CloudWatch::Dashboard")["EventDashboard"]["DashboardBody"]["Fn::Sub"]
    for widget in json.loads(body)["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                dimensions, name = re.search(r"\{ghactivity,([\w,]+)\} MetricName=\"(\w+)\"", metric[0]["expression"]).groups()
                yield "ghactivity", name, dimensions.split(",")
            else:
                yield metric[0], metric[1], metric[2:-1:2]


def test_every_metric_is_shown_with_its_dimensions():
    ours = {name: [d for d in dimensions if d != "Stack"] for space, name, dimensions in shown() if space == "ghactivity"}
    assert ours == {name: [dimension] if dimension else [] for name, dimension in emitted().items()}
    theirs = {(space, name) for space, name, _ in shown()}
    assert {
        ("AWS/Kinesis", "IncomingBytes"), ("AWS/Lambda", "IteratorAge"), ("AWS/Kinesis", "WriteProvisionedThroughputExceeded"),
    } <= theirs  # fmt: skip


@pytest.mark.parametrize("logical, properties", ALARMS.items())
def test_an_alarm_says_what_to_do_tells_somebody_and_is_in_the_runbook(logical, properties):
    assert len(properties["AlarmDescription"]) > 60
    assert properties["AlarmActions"] == [{"Fn::If": ["MakesTopic", {"Ref": "EventAlarmTopic"}, {"Ref": "AlarmTopicArn"}]}]
    name = properties["AlarmName"]["Fn::Sub"].removeprefix("ghactivity-${Stage}-")
    assert re.search(rf"^\| alarm `{name}`", (ROOT / "README.md").read_text(), re.M), "the runbook has no row for it"
    if properties["Namespace"] == "ghactivity":
        assert properties["MetricName"] in emitted()
        assert properties["Dimensions"] == [{"Name": "Stack", "Value": STACK}]
        assert FUNCTION["Environment"]["Variables"]["METRICS_STACK"] == STACK


def test_iterator_age_failures_and_quarantine_are_watched():
    assert {p["MetricName"] for p in ALARMS.values()} == {
        "IteratorAge", "ApproximateNumberOfMessagesVisible", "RecordsFailed", "Errors", "EventsQuarantinedPercent",
    }  # fmt: skip
