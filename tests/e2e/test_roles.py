"""IAM of the local AWS allows each role the calls that its function or state machine needs, and denies all others.

A probe is one call and the set of roles that need it. Each role makes each call. A call counts as allowed if IAM allows it, even if the
service then returns an error: most probes name resources that do not exist, or conditions that are false.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

import conftest
from deployment import Lake
from local_aws.stack.build import logical_id
from stacks import Stacks
from stream import Stream

CSV_FUNCTIONS = ("plan-csv", "load-csv-chunk", "commit-csv-load", "undo-csv-load")
FUNCTIONS = (*conftest.FUNCTIONS, *CSV_FUNCTIONS)
ROLES = (
    *("NextFile", "Fetch", "ConvertChunk", "RegisterPartition", "CommitBookmark", "ListHours", "ExportLedger", "ProveHour"),
    *("ProcessHour", "Ingest", "Backfill", "Prove", "Landed"),
    *("PlanCsv", "LoadCsvChunk", "CommitCsvLoad", "UndoCsvLoad", "CsvLoad", "CsvUndo"),
)
#: The key of an hour that no test runs.
HOUR = "2011-02-12-0"
VALUES = ["2011", "02", "12", "00"]
#: A table with the prefix that the roles of CSV loads allow.
CSV_TABLE = "csv_probe"
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}


@dataclass
class Probe:
    """One call, and the roles that need it."""

    name: str
    call: Callable[[Clients], object]
    needed_by: set[str] = field(default_factory=set)


class Clients:
    """boto3 clients with the credentials of one role. Each is created at its first use."""

    def __init__(self, lake: Any, credentials: dict[str, str]) -> None:
        self.lake = lake
        self.keys = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }
        self.made: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        if service not in self.made:
            self.made[service] = self.lake.aws.client(service, **self.keys)
        return self.made[service]


@pytest.fixture(scope="module")
def credentials(lake: Lake) -> Iterator[dict[str, dict[str, str]]]:
    """Returns temporary credentials of each role by its name. During the tests, each role also trusts the test's account."""
    iam, sts = lake.aws.client("iam"), lake.aws.client("sts")
    root = f"arn:aws:iam::{sts.get_caller_identity()['Account']}:root"
    trusts, found = {}, {}
    for role in ROLES:
        name = lake.aws.physical_id(f"{role}Role")
        description = iam.get_role(RoleName=name)["Role"]
        trusts[name] = description["AssumeRolePolicyDocument"]
        ours = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": root}}
        widened = trusts[name] | {"Statement": [*trusts[name]["Statement"], ours]}
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(widened))
        found[role] = sts.assume_role(RoleArn=description["Arn"], RoleSessionName="probe")["Credentials"]
    yield found
    for name, trust in trusts.items():
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))


@pytest.fixture(scope="module")
def strangers(lake: Lake) -> Iterator[str]:
    """Creates a bucket and a table that do not belong to the stack, both with the returned name."""
    name = "somebody-elses"
    lake.s3.create_bucket(Bucket=name)
    keys = [{"AttributeName": "job_id", "KeyType": "HASH"}]
    lake.dynamodb.create_table(
        TableName=CSV_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    lake.dynamodb.create_table(
        TableName=name,
        KeySchema=keys,
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    for table in (name, CSV_TABLE):
        lake.dynamodb.Table(table).delete()
    lake.s3.delete_bucket(Bucket=name)


OBJECTS: dict[str, dict[str, set[str]]] = {
    f"landing/ghactivity/{HOUR}.json.gz": {"get_object": {"Fetch", "ConvertChunk", "ProveHour", "Landed"}, "put_object": {"Fetch"}},
    f"landing/ghactivity/_plan/{HOUR}.0123456789ab.json": {
        "get_object": {"Fetch", "ConvertChunk", "RegisterPartition", "ProveHour"},
        "put_object": {"Fetch", "ConvertChunk"},
        "delete_object": {"CommitBookmark"},
    },
    f"landing/ghactivity/_replaced/{HOUR}.0123456789ab.gz": {"get_object": {"ProveHour"}, "put_object": {"Fetch"}},
    "landing/ghactivity/_backfill/probe.json": {"get_object": {"Backfill", "Prove"}, "put_object": {"ListHours"}},
    "landing/ghactivity/_backfill/results/probe.json": {"get_object": {"Backfill", "Prove"}, "put_object": {"ListHours", "Backfill"}},
    "raw/ghactivity/year=2011/probe.parquet": {
        "get_object": {"ProveHour"},
        "put_object": {"ConvertChunk"},
        "delete_object": {"CommitBookmark"},
    },
    "quarantine/ghactivity/probe.jsonl": {"get_object": {"ProveHour"}, "put_object": {"ConvertChunk"}, "delete_object": {"CommitBookmark"}},
    "ledger/ghactivity/2011-02.parquet": {"get_object": {"ExportLedger"}, "put_object": {"ExportLedger"}},
    "reports/ghactivity/prove/probe/probe.json": {"get_object": {"ProveHour"}, "put_object": {"ProveHour"}},
    "reports/ghactivity/results/probe.json": {"get_object": {"Prove"}, "put_object": {"Prove"}},
    "athena-results/probe.csv": {},
    "probe": {},
}


def object_probes(lake: Lake) -> Iterator[Probe]:
    def call(verb: str, bucket: str, key: str) -> Callable[[Clients], object]:
        return lambda as_role: getattr(as_role.s3, verb)(Bucket=bucket, Key=key)

    for key, needs in OBJECTS.items():
        for verb in ("get_object", "put_object", "delete_object"):
            yield Probe(f"s3 {verb} {key}", call(verb, lake.bucket, key), needs.get(verb, set()))
    aborting = {
        "landing/ghactivity/probe.json.gz": {"Fetch"},
        "landing/ghactivity/_backfill/results/probe.json": {"Backfill"},
        "reports/ghactivity/results/probe.json": {"Prove"},
        "raw/ghactivity/probe": set(),
    }
    for key, needed_by in aborting.items():
        yield Probe(
            f"s3 abort_multipart_upload {key}",
            lambda as_role, key=key: as_role.s3.abort_multipart_upload(Bucket=lake.bucket, Key=key, UploadId="probe"),
            needed_by,
        )


def bucket_probes(lake: Lake, stranger: str) -> Iterator[Probe]:
    listing = {"Fetch", "ConvertChunk", "RegisterPartition", "CommitBookmark", "ExportLedger", "ProveHour", "Landed"}
    yield Probe("s3 list_objects_v2", lambda as_role: as_role.s3.list_objects_v2(Bucket=lake.bucket, MaxKeys=1), listing)
    yield Probe("s3 list_buckets", lambda as_role: as_role.s3.list_buckets())
    yield Probe("s3 delete_bucket", lambda as_role: as_role.s3.delete_bucket(Bucket=lake.bucket))
    yield Probe("s3 put_bucket_policy", lambda as_role: as_role.s3.put_bucket_policy(Bucket=lake.bucket, Policy="{}"))
    yield Probe("s3 delete_bucket_lifecycle", lambda as_role: as_role.s3.delete_bucket_lifecycle(Bucket=lake.bucket))
    yield Probe("s3 list_objects_v2, another bucket", lambda as_role: as_role.s3.list_objects_v2(Bucket=stranger))
    for verb in ("get_object", "put_object", "delete_object"):
        yield Probe(
            f"s3 {verb}, another bucket",
            lambda as_role, verb=verb: getattr(as_role.s3, verb)(Bucket=stranger, Key="landing/ghactivity/probe.json.gz"),
        )


def item_probes(lake: Lake, stranger: str) -> Iterator[Probe]:
    tables = {name: lake.outputs[f"{name}TableName"] for name in ("Jobs", "JobRunDetails", "ArchiveHours")}
    keys = {
        "Jobs": {"job_id": {"S": "probe"}},
        "JobRunDetails": {"job_id": {"S": "probe"}, "job_run_time": {"N": "1"}},
        "ArchiveHours": {"archive": {"S": "ghactivity"}, "hour": {"S": "2011-02-12T00"}},
        "a lease in ArchiveHours": {"archive": {"S": "ghactivity#lease"}, "hour": {"S": "2011-02-12T00"}},
        "another table": {"job_id": {"S": "probe"}},
    }
    needs: dict[str, dict[str, set[str]]] = {
        "Jobs": {"get": {"NextFile", "CommitBookmark"}, "put": {"NextFile"}, "update": {"CommitBookmark"}},
        "JobRunDetails": {"get": {"CommitBookmark"}, "put": {"CommitBookmark", "CommitCsvLoad"}},
        "ArchiveHours": {
            "get": {"RegisterPartition", "CommitBookmark", "ProveHour"},
            "put": {"CommitBookmark"},
            "query": {"NextFile", "CommitBookmark", "ListHours", "ExportLedger"},
            "update": {"ProcessHour"},
        },
        "a lease in ArchiveHours": {
            "get": {"RegisterPartition", "CommitBookmark", "ProveHour"},
            "query": {"NextFile", "CommitBookmark", "ListHours", "ExportLedger"},
            "put": {"RegisterPartition", "CommitBookmark"},
            "delete": {"RegisterPartition", "CommitBookmark"},
        },
    }
    for place, key in keys.items():
        table = tables.get(place, stranger if place == "another table" else tables["ArchiveHours"])
        hash_key = next(iter(key))
        never = {"ConditionExpression": f"attribute_exists({hash_key}) AND attribute_not_exists({hash_key})"}
        calls: dict[str, Callable[[Any], object]] = {
            "get": lambda db, t=table, k=key: db.get_item(TableName=t, Key=k),
            "put": lambda db, t=table, k=key, n=never: db.put_item(TableName=t, Item=k, **n),
            "update": lambda db, t=table, k=key, n=never: db.update_item(TableName=t, Key=k, **n),
            "delete": lambda db, t=table, k=key, n=never: db.delete_item(TableName=t, Key=k, **n),
            "query": lambda db, t=table, k=key, h=hash_key: db.query(
                TableName=t, KeyConditionExpression="#k = :k", ExpressionAttributeNames={"#k": h}, ExpressionAttributeValues={":k": k[h]}
            ),
            "scan": lambda db, t=table: db.scan(TableName=t, Limit=1),
            "describe": lambda db, t=table: db.describe_table(TableName=t),
            "change the backups of": lambda db, t=table: db.update_continuous_backups(
                TableName=t, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            ),
        }
        for verb, call in calls.items():
            yield Probe(
                f"dynamodb {verb}, {place}", lambda as_role, call=call: call(as_role.dynamodb), needs.get(place, {}).get(verb, set())
            )


OF_LOADS = {"PlanCsv", "LoadCsvChunk", "CommitCsvLoad", "UndoCsvLoad"}
#: Objects of the upload bucket, with the roles that need each call.
CSV_OBJECTS: dict[str, dict[str, set[str]]] = {
    "raw/probe.csv": {"get_object": {"PlanCsv", "LoadCsvChunk"}},
    "incoming/probe.csv": {"get_object": {"PlanCsv", "LoadCsvChunk"}},
    "loads/probe/plan.json": {"get_object": OF_LOADS, "put_object": {"PlanCsv"}, "delete_object": {"PlanCsv", "CommitCsvLoad"}},
    "loads/probe/manifest.json": {"get_object": OF_LOADS | {"CsvLoad"}, "put_object": {"PlanCsv"}, "delete_object": {"CommitCsvLoad"}},
    "loads/probe/receipt.json": {
        "get_object": OF_LOADS,
        "put_object": {"PlanCsv", "CommitCsvLoad"},
        "delete_object": {"PlanCsv", "CommitCsvLoad"},
    },
    "loads/probe/chunks/00000.json": {
        "get_object": OF_LOADS,
        "put_object": {"PlanCsv", "LoadCsvChunk"},
        "delete_object": {"PlanCsv", "CommitCsvLoad"},
    },
    "loads/probe/failures/00000.json": {
        "get_object": OF_LOADS,
        "put_object": {"PlanCsv", "LoadCsvChunk"},
        "delete_object": {"CommitCsvLoad"},
    },
    "loads/probe/undoing.json": {
        "get_object": OF_LOADS,
        "put_object": {"PlanCsv", "UndoCsvLoad"},
        "delete_object": {"PlanCsv", "CommitCsvLoad"},
    },
    "loads/probe/undo/00000-of-00001.json": {
        "get_object": OF_LOADS,
        "put_object": {"PlanCsv", "UndoCsvLoad"},
        "delete_object": {"CommitCsvLoad"},
    },
    "writing/csv_items/probe/1-00000": {"put_object": {"LoadCsvChunk"}, "delete_object": {"LoadCsvChunk"}},
    "undone/probe.json": {"get_object": {"CommitCsvLoad"}, "put_object": {"CommitCsvLoad"}},
    "results/probe.json": {"get_object": {"CsvLoad"}, "put_object": {"CsvLoad"}},
    "probe": {},
}


def csv_probes(lake: Lake, stranger: str, table: str) -> Iterator[Probe]:
    bucket = lake.outputs["UploadBucketName"]
    for key, needs in CSV_OBJECTS.items():
        for verb in ("get_object", "put_object", "delete_object"):
            touch = lambda as_role, v=verb, k=key: getattr(as_role.s3, v)(Bucket=bucket, Key=k)  # noqa: E731
            yield Probe(f"s3 {verb} {key} of uploads", touch, needs.get(verb, set()))
    aborting = {"loads/probe/quarantine.jsonl": {"PlanCsv"}, "results/probe.json": {"CsvLoad"}, "incoming/probe.csv": set()}
    for key, needed_by in aborting.items():
        abort = lambda as_role, k=key: as_role.s3.abort_multipart_upload(Bucket=bucket, Key=k, UploadId="probe")  # noqa: E731
        yield Probe(f"s3 abort_multipart_upload {key} of uploads", abort, needed_by)
    yield Probe("s3 list_objects_v2 of uploads", lambda as_role: as_role.s3.list_objects_v2(Bucket=bucket, MaxKeys=1), OF_LOADS)
    yield Probe("s3 delete_bucket of uploads", lambda as_role: as_role.s3.delete_bucket(Bucket=bucket))
    # Calls on a table with the allowed prefix, and on another table.
    key_schema = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    item, never = {"id": {"S": "probe"}}, {"ConditionExpression": "attribute_exists(id) AND attribute_not_exists(id)"}
    calls: dict[str, tuple[Callable[[Any, str], object], set[str]]] = {
        "batch_write_item": (lambda db, t: db.batch_write_item(RequestItems={t: [{"PutRequest": {"Item": item}}]}), {"LoadCsvChunk"}),
        "put_item": (lambda db, t: db.put_item(TableName=t, Item=item, **never), {"LoadCsvChunk"}),
        "scan": (lambda db, t: db.scan(TableName=t, Limit=1), {"UndoCsvLoad"}),
        "delete_item": (lambda db, t: db.delete_item(TableName=t, Key=item, **never), {"UndoCsvLoad"}),
        "describe_table": (lambda db, t: db.describe_table(TableName=t), {"CsvLoad"}),
        "create_table": (lambda db, t: db.create_table(TableName=t, BillingMode="PAY_PER_REQUEST", **key_schema), {"CsvLoad"}),
        "get_item": (lambda db, t: db.get_item(TableName=t, Key=item), set()),
        "update_item": (lambda db, t: db.update_item(TableName=t, Key=item, **never), set()),
        "update_table": (lambda db, t: db.update_table(TableName=t, BillingMode="PAY_PER_REQUEST"), set()),
        "delete_table": (lambda db, t: db.delete_table(TableName=f"{t}-no-such-table"), set()),
    }
    for verb, (call, needed_by) in calls.items():
        yield Probe(f"dynamodb {verb} {table}", lambda as_role, c=call: c(as_role.dynamodb, table), needed_by)
        yield Probe(f"dynamodb {verb} of another table", lambda as_role, c=call: c(as_role.dynamodb, stranger))


def catalog_probes(lake: Lake) -> Iterator[Probe]:
    events = {"DatabaseName": lake.database, "TableName": "events"}
    registering = {"RegisterPartition"}
    calls: dict[str, tuple[Callable[[Any], object], set[str]]] = {
        "get_table": (lambda glue: glue.get_table(DatabaseName=lake.database, Name="events"), registering),
        "get_partition": (lambda glue: glue.get_partition(**events, PartitionValues=VALUES), registering | {"CommitBookmark", "ProveHour"}),
        "create_partition": (lambda glue: glue.create_partition(**events, PartitionInput={"Values": VALUES}), registering),
        "update_partition": (
            lambda glue: glue.update_partition(**events, PartitionValueList=["no"], PartitionInput={"Values": ["no"]}),
            registering,
        ),
        "delete_partition": (lambda glue: glue.delete_partition(**events, PartitionValues=VALUES), set()),
        "batch_delete_partition": (lambda glue: glue.batch_delete_partition(**events, PartitionsToDelete=[{"Values": VALUES}]), set()),
        "update_table": (lambda glue: glue.update_table(DatabaseName=lake.database, TableInput={"Name": "no-such-table"}), set()),
        "delete_table": (lambda glue: glue.delete_table(DatabaseName=lake.database, Name="no-such-table"), set()),
        "get_table, another one": (lambda glue: glue.get_table(DatabaseName=lake.database, Name="events_flat"), set()),
        "create_database": (lambda glue: glue.create_database(DatabaseInput={"Name": "probe"}), set()),
    }
    for verb, (call, needed_by) in calls.items():
        yield Probe(f"glue {verb}", lambda as_role, call=call: call(as_role.glue), needed_by)


def compute_probes(lake: Lake) -> Iterator[Probe]:
    """Probes for invoking functions and starting state machines. Their invalid inputs are rejected before any work begins."""
    invoked_by = {
        "next-file": {"Ingest"},
        "list-hours": {"Backfill", "Prove"},
        "export-ledger": set(),
        "prove-hour": {"Prove"},
        **dict.fromkeys(("fetch", "convert-chunk", "register-partition", "commit-bookmark"), {"ProcessHour"}),
        **dict.fromkeys(("plan-csv", "load-csv-chunk"), {"CsvLoad"}),
        "commit-csv-load": {"CsvLoad", "CsvUndo"},
        "undo-csv-load": {"CsvUndo"},
    }
    for function in FUNCTIONS:
        name = lake.function_name(function)
        yield Probe(
            f"lambda invoke {function}",
            lambda as_role, n=name: getattr(as_role, "lambda").invoke(FunctionName=n, Payload=b"{}"),
            invoked_by[function],
        )
        yield Probe(
            f"lambda update_function_configuration {function}",
            lambda as_role, n=name: getattr(as_role, "lambda").update_function_configuration(FunctionName=n, Description="probe"),
        )
    started_by = {"ProcessHour": {"Ingest", "Backfill", "Landed"}, "Ingest": set(), "Backfill": {"Backfill"}, "Prove": {"Prove"}}
    started_by |= {"CsvLoad": {"CsvLoad"}, "CsvUndo": set()}
    for machine, needed_by in started_by.items():
        arn = lake.outputs[f"{machine}StateMachineArn"]
        execution = arn.replace(":stateMachine:", ":execution:") + ":no-such-execution"
        yield Probe(
            f"states start_execution {machine}",
            lambda as_role, a=arn: as_role.stepfunctions.start_execution(stateMachineArn=a, input="no"),
            needed_by,
        )
        yield Probe(
            f"states stop_execution {machine}",
            lambda as_role, e=execution: as_role.stepfunctions.stop_execution(executionArn=e),
            needed_by - {"Landed"},
        )
        yield Probe(
            f"states update_state_machine {machine}",
            lambda as_role, a=arn: as_role.stepfunctions.update_state_machine(stateMachineArn=a, definition="no"),
        )


def other_probes(lake: Lake) -> Iterator[Probe]:
    def put_events(source: str) -> Callable[[Clients], object]:
        entry = {"Source": source, "DetailType": "Probe", "Detail": "{}", "EventBusName": "default"}
        return lambda as_role: as_role.events.put_events(Entries=[entry])

    rule = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
    yield Probe("events put_events", put_events("ghactivity"), {"ProcessHour"})
    yield Probe("events put_events of another source", put_events("aws.s3"))
    yield Probe("events describe_rule of Step Functions", lambda as_role: as_role.events.describe_rule(Name=rule), {"Ingest", "Backfill"})
    yield Probe("events disable_rule", lambda as_role: as_role.events.disable_rule(Name="probe"))
    yield Probe(
        "sns publish", lambda as_role: as_role.sns.publish(TopicArn=lake.outputs["AlarmTopicArn"], Message="probe"), {"ExportLedger"}
    )
    yield Probe("iam create_user", lambda as_role: as_role.iam.create_user(UserName="probe"))
    yield Probe("iam list_roles", lambda as_role: as_role.iam.list_roles())
    yield Probe(
        "iam put_role_policy",
        lambda as_role: as_role.iam.put_role_policy(RoleName=lake.aws.physical_id("FetchRole"), PolicyName="probe", PolicyDocument="{}"),
    )
    yield Probe("athena list_work_groups", lambda as_role: as_role.athena.list_work_groups())
    yield Probe("cloudformation describe_stacks", lambda as_role: as_role.cloudformation.describe_stacks())
    yield Probe("ssm get_parameter", lambda as_role: as_role.ssm.get_parameter(Name="probe"))
    for function in FUNCTIONS:
        group = f"/aws/lambda/{lake.function_name(function)}"
        yield Probe(
            f"logs create_log_stream {function}",
            lambda as_role, g=group: as_role.logs.create_log_stream(logGroupName=g, logStreamName="probe"),
            {logical_id(function).removesuffix("Function")},
        )
        yield Probe(f"logs filter_log_events {function}", lambda as_role, g=group: as_role.logs.filter_log_events(logGroupName=g, limit=1))


def allowed(probe: Probe, as_role: Clients) -> bool:
    """Makes the call, and returns whether IAM allows it. Other errors of the service count as allowed."""
    try:
        probe.call(as_role)
    except ClientError as error:
        return error.response["Error"]["Code"] not in DENIED
    return True


@pytest.mark.parametrize("role", ROLES)
def test_role_may_do_only_what_it_needs(lake: Lake, credentials: dict[str, Any], strangers: str, role: str) -> None:
    as_role = Clients(lake, credentials[role])
    probes = [
        *object_probes(lake),
        *bucket_probes(lake, strangers),
        *item_probes(lake, strangers),
        *catalog_probes(lake),
        *compute_probes(lake),
        *other_probes(lake),
        *csv_probes(lake, strangers, CSV_TABLE),
    ]
    wrong = {
        probe.name: "allowed" if passed else "refused"
        for probe in probes
        if (passed := allowed(probe, as_role)) != (role in probe.needed_by)
    }
    assert wrong == {}
    assert {name for probe in probes for name in probe.needed_by} == set(ROLES), "each role needs at least one call"
    if role == "RegisterPartition":
        lake.glue.delete_partition(DatabaseName=lake.database, TableName="events", PartitionValues=VALUES)
    print(f"{role}: {sum(role in probe.needed_by for probe in probes)} of {len(probes)} calls allowed")


# ---------------------------------------------------------------- the event stream, deployed alone


@pytest.fixture(scope="module")
def as_process_events(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Returns clients with the credentials of the function's role. During the tests, the role also trusts the test's user."""
    with Stream(stacks, tmp_path_factory.mktemp("stream"), StreamShards=2) as stream:
        iam, sts = stream.aws.client("iam"), stream.aws.client("sts")
        role = iam.get_role(RoleName=stream.aws.physical_id("ProcessEventsRole"))["Role"]
        ours = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": sts.get_caller_identity()["Arn"]}}
        trust = role["AssumeRolePolicyDocument"]
        trust = trust | {"Statement": [*trust["Statement"], ours]}
        iam.update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=json.dumps(trust))
        yield Clients(stream, sts.assume_role(RoleArn=role["Arn"], RoleSessionName="probe")["Credentials"])


#: Object keys of the event bucket, with the calls that the function may make on each.
STREAM_OBJECTS: dict[str, set[str]] = {
    "events/event_type=probe/event_date=2020-01-01/probe.parquet": {"get_object", "head_object", "put_object"},
    "quarantine/events/shardId-000000000000/probe.jsonl": {"put_object"},
    "quarantine/ghactivity/probe.jsonl": set(),
    "raw/ghactivity/year=2011/probe.parquet": set(),
    "landing/ghactivity/2011-02-12-0.json.gz": set(),
    "athena-results/probe.csv": set(),
    "eventsprobe": set(),
    "probe": set(),
}
#: Statements on the claims table, and whether the role allows each.
STREAM_STATEMENTS = {
    "INSERT INTO \"{}\" VALUE {{'event_uuid':'probe'}}": True,
    'UPDATE "{}" SET "version"=2 WHERE "event_uuid"=\'no such claim\' AND "version"=1': True,
    'DELETE FROM "{}" WHERE "event_uuid"=\'probe\'': False,
    'SELECT * FROM "{}" WHERE "event_uuid"=\'probe\'': False,
}


def stream_probes(stream: Stream) -> Iterator[tuple[str, Callable[[Clients], object], bool]]:
    """Yields the name of each call, the call, and whether the role may make it."""
    outputs = stream.outputs
    bucket, table, name = outputs["EventBucketName"], outputs["ClaimsTableName"], outputs["StreamName"]
    for key, needed in STREAM_OBJECTS.items():
        for verb in ("get_object", "head_object", "put_object", "delete_object"):
            yield f"s3 {verb} {key}", lambda as_role, v=verb, k=key: getattr(as_role.s3, v)(Bucket=bucket, Key=k), verb in needed
    yield "s3 list_objects_v2", lambda as_role: as_role.s3.list_objects_v2(Bucket=bucket, MaxKeys=1), False
    yield "s3 put_bucket_policy", lambda as_role: as_role.s3.put_bucket_policy(Bucket=bucket, Policy="{}"), False
    for place in (table, "another-table"):
        for statement, may in STREAM_STATEMENTS.items():
            text = statement.format(place)
            batch = lambda as_role, t=text: as_role.dynamodb.batch_execute_statement(Statements=[{"Statement": t}])  # noqa: E731
            yield f"dynamodb batch_execute_statement {text}", batch, may and place == table
    claim = {"event_uuid": {"S": "probe"}}
    yield "dynamodb batch_get_item", lambda as_role: as_role.dynamodb.batch_get_item(RequestItems={table: {"Keys": [claim]}}), True
    calls: dict[str, Callable[[Any], object]] = {
        "get_item": lambda db: db.get_item(TableName=table, Key=claim),
        "put_item": lambda db: db.put_item(TableName=table, Item=claim),
        "update_item": lambda db: db.update_item(TableName=table, Key=claim),
        "delete_item": lambda db: db.delete_item(TableName=table, Key=claim),
        "batch_write_item": lambda db: db.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": claim}}]}),
        "scan": lambda db: db.scan(TableName=table, Limit=1),
        "describe_table": lambda db: db.describe_table(TableName=table),
        "update_time_to_live": lambda db: db.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires_at"}
        ),
    }
    for verb, call in calls.items():
        yield f"dynamodb {verb}", lambda as_role, call=call: call(as_role.dynamodb), False
    shard = {"StreamName": name, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    yield "kinesis describe_stream", lambda as_role: as_role.kinesis.describe_stream(StreamName=name), True
    yield "kinesis describe_stream_summary", lambda as_role: as_role.kinesis.describe_stream_summary(StreamName=name), True
    yield "kinesis list_shards", lambda as_role: as_role.kinesis.list_shards(StreamName=name), True
    yield "kinesis get_shard_iterator", lambda as_role: as_role.kinesis.get_shard_iterator(**shard), True
    yield "kinesis get_records", lambda as_role: as_role.kinesis.get_records(ShardIterator="probe", StreamARN=outputs["StreamArn"]), True
    yield "kinesis put_record", lambda as_role: as_role.kinesis.put_record(StreamName=name, Data=b"probe", PartitionKey="k"), False
    yield "kinesis delete_stream", lambda as_role: as_role.kinesis.delete_stream(StreamName="probe"), False
    yield "kinesis list_streams", lambda as_role: as_role.kinesis.list_streams(), False
    queue = outputs["FailedBatchesUrl"]
    yield "sqs send_message", lambda as_role: as_role.sqs.send_message(QueueUrl=queue, MessageBody="probe"), True
    yield "sqs receive_message", lambda as_role: as_role.sqs.receive_message(QueueUrl=queue), False
    yield "sqs purge_queue", lambda as_role: as_role.sqs.purge_queue(QueueUrl=queue), False
    group = f"/aws/lambda/{stream.aws.physical_id('ProcessEventsFunction')}"
    yield "logs create_log_stream", lambda as_role: as_role.logs.create_log_stream(logGroupName=group, logStreamName="probe"), True
    yield "logs filter_log_events", lambda as_role: as_role.logs.filter_log_events(logGroupName=group, limit=1), False
    other = lambda as_role: as_role.logs.create_log_stream(logGroupName="/aws/lambda/other", logStreamName="probe")  # noqa: E731
    yield "logs create_log_stream, another group", other, False
    yield "glue get_table", lambda as_role: as_role.glue.get_table(DatabaseName=outputs["GlueDatabaseName"], Name="stream_events"), False
    yield "athena list_work_groups", lambda as_role: as_role.athena.list_work_groups(), False
    yield "sns publish", lambda as_role: as_role.sns.publish(TopicArn=outputs["AlarmTopicArn"], Message="probe"), False
    function = stream.aws.physical_id("ProcessEventsFunction")
    yield "lambda invoke", lambda as_role: getattr(as_role, "lambda").invoke(FunctionName=function, Payload=b"{}"), False
    yield "iam list_roles", lambda as_role: as_role.iam.list_roles(), False
    yield "cloudformation describe_stacks", lambda as_role: as_role.cloudformation.describe_stacks(), False
    yield "ssm get_parameter", lambda as_role: as_role.ssm.get_parameter(Name="probe"), False


def test_process_events_may_do_only_what_it_needs(as_process_events: Clients) -> None:
    probes = list(stream_probes(as_process_events.lake))
    wrong = {
        name: "allowed" if passed else "refused"
        for name, call, needed in probes
        if (passed := allowed(Probe(name, call), as_process_events)) != needed
    }
    assert wrong == {}
    print(f"ProcessEvents: {sum(needed for *_, needed in probes)} of {len(probes)} calls allowed")
