"""Contracts of the templates: permissions, names, parameters, outputs, bucket and tables."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from project import FUNCTIONS, ROOT, Json, camel, match, resources, rust, template, templates

# Actions that AWS grants only on "*", with the reason.
WITHOUT_RESOURCE = {
    "xray:PutTraceSegments": "X-Ray's write actions do not support resources",
    "xray:PutTelemetryRecords": "X-Ray's write actions do not support resources",
    "xray:GetSamplingRules": "lists the account's rules",
    "xray:GetSamplingTargets": "lists the account's rules",
    "logs:CreateLogDelivery": "log deliveries are not IAM resources",
    "logs:GetLogDelivery": "log deliveries are not IAM resources",
    "logs:UpdateLogDelivery": "log deliveries are not IAM resources",
    "logs:DeleteLogDelivery": "log deliveries are not IAM resources",
    "logs:ListLogDeliveries": "log deliveries are not IAM resources",
    "logs:PutResourcePolicy": "applies to the account's resource policies",
    "logs:DescribeResourcePolicies": "applies to the account's resource policies",
    "logs:DescribeLogGroups": "lists the account's log groups",
}


def statements() -> list[Any]:
    """Returns all Allow statements of all templates, as test parameters."""
    return list(_statements())


def _statements() -> Iterator[Any]:
    for name, document in templates().items():
        for logical, resource in document["Resources"].items():
            properties = resource["Properties"]
            documents = [policy["PolicyDocument"] for policy in properties.get("Policies", []) if isinstance(policy, dict)]
            documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
            for statement in (s for document in documents for s in document["Statement"] if s["Effect"] == "Allow"):
                yield pytest.param(statement, id=f"{name}/{logical}/{statement['Sid']}")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    return json.dumps(value)


@pytest.mark.parametrize("statement", statements())
def test_statements_name_actions_and_resources(statement: Json) -> None:
    actions = as_list(statement["Action"])
    assert not [action for action in actions if "*" in action]
    if "*" in as_list(statement["Resource"]):
        assert set(actions) <= set(WITHOUT_RESOURCE)
    else:
        assert not set(actions) & set(WITHOUT_RESOURCE)
        for resource in as_list(statement["Resource"]):
            assert text(resource) != '"*"'


def test_function_and_machine_have_own_role() -> None:
    document = template()
    for kind in ("AWS::Serverless::Function", "AWS::Serverless::StateMachine"):
        for logical, properties in resources(document, kind).items():
            role = logical.removesuffix("Function").removesuffix("StateMachine") + "Role"
            assert properties["Role"] == {"Fn::GetAtt": [role, "Arn"]}, f"{logical} does not have its own role"
            assert "Policies" not in properties
    for role, properties in resources(document, "AWS::IAM::Role").items():
        policies = {policy["Ref"] for policy in properties.get("ManagedPolicyArns", [])}
        assert policies <= {"TracingPolicy", "LogDeliveryPolicy"}, role


def granted(role: str) -> list[Json]:
    policies = resources(template(), "AWS::IAM::Role")[role]["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


@pytest.mark.parametrize(
    "role, action, prefixes",
    [
        ("Fetch", "s3:PutObject", {"landing/ghactivity/*.json.gz", "landing/ghactivity/_plan/*", "landing/ghactivity/_replaced/*"}),
        ("Fetch", "s3:GetObject", {"landing/ghactivity/*.json.gz", "landing/ghactivity/_plan/*"}),
        ("ConvertChunk", "s3:GetObject", {"landing/ghactivity/*.json.gz", "landing/ghactivity/_plan/*"}),
        ("ConvertChunk", "s3:PutObject", {"raw/ghactivity/*", "quarantine/ghactivity/*", "landing/ghactivity/_plan/*"}),
        ("RegisterPartition", "s3:GetObject", {"landing/ghactivity/_plan/*"}),
        ("RegisterPartition", "s3:PutObject", set()),
        ("RegisterPartition", "s3:DeleteObject", set()),
        ("CommitBookmark", "s3:DeleteObject", {"raw/ghactivity/*", "quarantine/ghactivity/*", "landing/ghactivity/_plan/*"}),
        ("CommitBookmark", "s3:PutObject", set()),
        ("NextFile", "s3:GetObject", set()),
    ],
)
def test_role_reaches_only_its_prefixes(role: str, action: str, prefixes: set[str]) -> None:
    reached = {
        match(r"^\$\{Storage\.Outputs\.DataBucketArn\}/(.*)$", resource["Fn::Sub"])[1]
        for statement in granted(f"{role}Role")
        if action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    assert reached == prefixes


def test_lease_roles_delete_only_leases() -> None:
    leases = match(r'LEASES: &str = "([^"]+)"', (ROOT / "crates/pipeline/src/keys.rs").read_text())[1]
    archive = match(r'ARCHIVE: &str = "([^"]+)"', (ROOT / "crates/pipeline/src/keys.rs").read_text())[1]

    def only(key: str) -> Json:
        return {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [key]}}

    alone = only(leases)
    for role in ("RegisterPartition", "CommitBookmark"):
        deleting = [s for s in granted(f"{role}Role") if "dynamodb:DeleteItem" in as_list(s["Action"])]
        assert [statement["Condition"] for statement in deleting] == [alone]
    writing = [s for s in granted("RegisterPartitionRole") if "dynamodb:PutItem" in as_list(s["Action"])]
    assert [statement["Condition"] for statement in writing] == [alone], "the role writes leases, and no item of the ledger"
    [updating] = [s for s in granted("ProcessHourRole") if "dynamodb:UpdateItem" in as_list(s["Action"])]
    assert updating["Condition"] == only(archive), "RecordLanded writes the ledger, and no lease"


def test_machine_roles_invoke_only_their_functions() -> None:
    document = template()
    for machine, functions in {
        "process-hour": {"Fetch", "ConvertChunk", "RegisterPartition", "CommitBookmark"},
        "ingest": {"NextFile"},
        "backfill": {"ListHours"},
        "prove": {"ListHours", "ProveHour"},
        "landed": set(),
    }.items():
        role = camel(machine) + "Role"
        invoked = [s["Resource"] for s in granted(role) if s["Action"] == "lambda:InvokeFunction"]
        assert {r["Fn::GetAtt"][0] for resource in invoked for r in as_list(resource)} == {f"{f}Function" for f in functions}
        substitutions = resources(document, "AWS::Serverless::StateMachine")[camel(machine) + "StateMachine"]["DefinitionSubstitutions"]
        assert {name.removesuffix("FunctionArn") for name in substitutions if name.endswith("FunctionArn")} == functions


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_builds_its_binary(function: str) -> None:
    document = template()
    logical = camel(function) + "Function"
    assert document["Resources"][logical]["Metadata"] == {
        "BuildMethod": "rust-cargolambda",
        "BuildProperties": {"Binary": function},
    }
    manifest = tomllib.loads((ROOT / "functions" / function / "Cargo.toml").read_text())
    assert manifest["package"]["name"] == function
    assert set(resources(document, "AWS::Serverless::Function")) == {camel(name) + "Function" for name in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_variables_equal_those_read(function: str) -> None:
    given = resources(template(), "AWS::Serverless::Function")[camel(function) + "Function"]["Environment"]["Variables"]
    [source] = [text.split("#[cfg(test)]")[0] for text in rust(f"functions/{function}/src/context.rs").values()]
    source = re.sub(r"env!\([^)]*\)", "", source)  # read at build time
    read = set(re.findall(r'"([A-Z][A-Z0-9]*_[A-Z0-9_]+|PAYLOAD)"', source))
    assert {name for name in read if not name.startswith("AWS_")} == set(given)


@pytest.mark.parametrize("logical, properties", resources(template(), "AWS::Serverless::Function").items())
def test_log_group_uses_retention_parameter(logical: str, properties: Json) -> None:
    group = properties["LoggingConfig"]["LogGroup"]["Ref"]
    log_group = resources(template(), "AWS::Logs::LogGroup")[group]
    assert log_group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert log_group["LogGroupName"]["Fn::Sub"] == "/aws/lambda/" + properties["FunctionName"]["Fn::Sub"]


def test_tracing_is_on_everywhere() -> None:
    assert template()["Globals"]["Function"]["Tracing"] == "Active"
    assert all(p["Tracing"] == {"Enabled": True} for p in resources(template(), "AWS::Serverless::StateMachine").values())


def test_schedule_is_hourly_and_off_by_default() -> None:
    event = resources(template(), "AWS::Serverless::StateMachine")["IngestStateMachine"]["Events"]["Hourly"]["Properties"]
    assert event["Schedule"] == "cron(10 * * * ? *)"
    assert event["State"] == {"Ref": "ScheduleEnabled"}
    assert template()["Parameters"]["ScheduleEnabled"]["Default"] == "DISABLED"
    assert json.loads(event["Input"]) == {}
    daily = resources(template(), "AWS::Serverless::StateMachine")["IngestStateMachine"]["Events"]["DailyRecheck"]["Properties"]
    assert re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", daily["Schedule"]) and daily["State"] == event["State"]
    assert json.loads(daily["Input"]["Fn::Sub"].replace("${RecheckDays}", "7")) == {"recheck_days": 7}


@pytest.mark.parametrize("name, document", templates().items())
def test_parameters_are_described_bounded_and_used(name: str, document: Json) -> None:
    body = (ROOT / name).read_text()
    for parameter, properties in document["Parameters"].items():
        assert properties["Description"], parameter
        bounds = {"AllowedPattern", "AllowedValues", "MinValue"} & set(properties)
        assert bounds or parameter == "DataBucketName", parameter
        assert re.search(rf"!Ref {parameter}\b|\$\{{{parameter}\}}", body), f"{parameter} is not used"


@pytest.mark.parametrize("logical, application", resources(template(), "AWS::Serverless::Application").items())
def test_nested_applications_get_their_parameters(logical: str, application: Json) -> None:
    nested = template(application["Location"])
    required = {name for name, properties in nested["Parameters"].items() if "Default" not in properties}
    assert required <= set(application["Parameters"]) <= set(nested["Parameters"])
    for parameter, value in application["Parameters"].items():
        if "Ref" in value and not value["Ref"].startswith("AWS::"):
            outer = template()["Parameters"][value["Ref"]]
            for bound in ("AllowedPattern", "AllowedValues"):
                assert outer.get(bound) == nested["Parameters"][parameter].get(bound), parameter
    asked = set(re.findall(rf"{logical}\.Outputs\.(\w+)", (ROOT / "template.yaml").read_text()))
    assert asked <= set(nested["Outputs"])


def test_outputs_include_those_tools_read() -> None:
    names = {
        "DataBucketName", "IngestStateMachineArn", "ProcessHourStateMachineArn", "GlueDatabaseName", "AthenaWorkGroupName",
        "JobsTableName", "JobRunDetailsTableName", "ArchiveHoursTableName",
    }  # fmt: skip
    assert names <= set(template()["Outputs"])
    assert all(output["Description"] for document in templates().values() for output in document["Outputs"].values())


def test_bucket_is_private_encrypted_and_expiring() -> None:
    storage = template("sam/storage.yaml")
    [bucket] = resources(storage, "AWS::S3::Bucket").values()
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["incomplete-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    for name, prefix in (("landing", "landing/ghactivity/2"), ("quarantine", "quarantine/")):
        assert rules[name]["Prefix"] == prefix
        assert {"Ref": f"{name.capitalize()}RetentionDays"} in rules[name]["ExpirationInDays"]["Fn::If"]
    expiring = [rule["Prefix"] for rule in rules.values() if "ExpirationInDays" in rule]
    for stays in (
        "landing/ghactivity/_plan/2025-11-21-0.0123456789ab.json",
        "raw/ghactivity/year=2025/x.parquet",
        "ledger/ghactivity/2025-11.parquet",
    ):
        assert not any(stays.startswith(prefix) for prefix in expiring), stays
    assert "landing/ghactivity/2025-11-21-0.json.gz".startswith(rules["landing"]["Prefix"])
    [policy] = resources(storage, "AWS::S3::BucketPolicy").values()
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


@pytest.mark.parametrize(
    "logical, name, keys",
    [
        ("JobsTable", "jobs", {"job_id": "S"}),
        ("JobRunDetailsTable", "job_run_details", {"job_id": "S", "job_run_time": "N"}),
        ("ArchiveHoursTable", "archive_hours", {"archive": "S", "hour": "S"}),
    ],
)
def test_tables_are_on_demand_and_recoverable(logical: str, name: str, keys: dict[str, str]) -> None:
    table = resources(template("sam/storage.yaml"), "AWS::DynamoDB::Table")[logical]
    assert table["TableName"] == {"Fn::If": ["IsProd", name, {"Fn::Sub": "${Stage}_" + name}]}
    assert [key["AttributeName"] for key in table["KeySchema"]] == list(keys)
    assert {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]} == keys
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_bucket_and_tables_survive_stack() -> None:
    for logical, resource in template("sam/storage.yaml")["Resources"].items():
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::DynamoDB::Table"):
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", logical
            assert resource["UpdateReplacePolicy"] == "Retain", logical


@pytest.mark.parametrize("environment", ["default", "dev", "prod"])
def test_samconfig_sets_existing_parameters(environment: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    parameters = template()["Parameters"]
    overrides = dict(override.split("=", 1) for override in config["parameter_overrides"])
    assert set(overrides) <= set(parameters)
    for name, value in overrides.items():
        assert value in parameters[name].get("AllowedValues", [value]) or int(value) in parameters[name]["AllowedValues"]
        assert re.fullmatch(parameters[name].get("AllowedPattern", ".*"), value)
    assert (overrides.get("ScheduleEnabled") == "ENABLED") == (environment == "prod")
    assert (overrides.get("Target") == "local") == (environment == "default")
