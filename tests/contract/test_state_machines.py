"""What the state machines' text promises: timeouts, retries, names that exist, and that both validators accept it."""

import json
import re

import node
import pytest
from project import STATE_MACHINES, arguments, camel, resources, rust, state_machine, state_machine_text, states, template

MACHINES = sorted(STATE_MACHINES)

# Whether trying again can help. Every error name of the Rust sources is in one of the two sets.
TRANSIENT = {
    "AwsThrottled", "AwsTimeout", "AwsUnavailable",
    "SourceUnavailable", "SourceInterrupted", "SourceTimeout", "SourceChanged", "ChecksumMismatch",
    "BookmarkConflict", "PartitionConflict", "ExportConflict",
}  # fmt: skip
DETERMINISTIC = {
    "InvalidInput", "InvalidConfiguration", "AwsRefused",
    "SourceNotPublished", "SourceRefused",
    "NotGzip", "UnsupportedEncoding", "EmptyArchive", "CorruptArchive", "TruncatedArchive", "TrailingBytes",
    "ArchiveTooLarge", "PlanTooLarge", "LandingNotFound", "LandingChanged", "PlanNotFound", "ChunkMismatch",
    "HourDoesNotBalance", "ObjectMissing", "HourWouldShrink", "VersionOvertaken", "LeaseLost",
    "VersionNotKept",
    "SourceNotFound", "SourceReplaced", "FileTooLarge", "EmptyFile", "NotCsv", "BadHeader", "UnclosedQuote", "RecordTooLong",
    "TooManyChunks", "DiskFull", "ItemExists", "LoadDoesNotBalance", "LoadNotFound", "LoadIsBeingUndone",
}  # fmt: skip
# Names that AWS gives, as its documentation of error handling and of the services' SDKs has them.
OF_AWS = {
    "States.ALL", "States.Timeout", "States.ExceedToleratedFailureThreshold", "Sandbox.Timedout",
    "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException", "Lambda.ClientExecutionTimeoutException",
    "DynamoDb.ConditionalCheckFailedException", "DynamoDb.ProvisionedThroughputExceededException",
    "DynamoDb.RequestLimitExceededException", "DynamoDb.ThrottlingException",
    "DynamoDb.TransactionConflictException", "DynamoDb.InternalServerErrorException", "DynamoDb.SdkClientException",
    "DynamoDb.ResourceNotFoundException", "DynamoDb.ResourceInUseException", "DynamoDb.LimitExceededException",
    "EventBridge.FailedEntry", "EventBridge.SdkClientException",
    "S3.S3Exception", "S3.NoSuchKeyException", "S3.SdkClientException", "StepFunctions.ExecutionAlreadyExistsException",
    "StepFunctions.ExecutionLimitExceededException", "StepFunctions.AWSStepFunctionsException", "StepFunctions.SdkClientException",
}  # fmt: skip


def each(kind=None):
    """(machine, name, state) of every state of a type, as parameters of a test."""
    found = [(m, n, s) for m in MACHINES for n, s in states(state_machine(m)).items() if kind in (None, s["Type"])]
    assert found
    return [pytest.param(*case, id=f"{case[0]}/{case[1]}") for case in found]


def rust_error_names():
    """The names that `fn name` answers, in the functions and in the crates that they share."""
    names = set()
    crates = [f"crates/{name}/src/**/*.rs" for name in ("aws-adapters", "function-runtime", "gzip-plan")]
    for text in rust("functions/*/src/**/*.rs", "crates/csv-load/src/file.rs", *crates).values():
        text = text.split("#[cfg(test)]")[0]
        for body in re.findall(r"fn name\(&self\)[^{;]*\{(.*?)\n    \}", text, re.S):
            names |= set(re.findall(r'"([A-Z]\w+)"', body))
    return names


def test_every_error_of_the_functions_is_sorted():
    names = rust_error_names()
    assert names <= TRANSIENT | DETERMINISTIC, "sort it into TRANSIENT (and retry it) or DETERMINISTIC"
    assert TRANSIENT | DETERMINISTIC <= names, "no function answers it any more"


@pytest.mark.parametrize("machine, name, state", each())
def test_names_in_retry_and_catch_exist(machine, name, state):
    known = rust_error_names() | OF_AWS
    for clause in state.get("Retry", []) + state.get("Catch", []):
        assert set(clause["ErrorEquals"]) <= known


@pytest.mark.parametrize("machine, name, state", each())
def test_only_transient_errors_are_retried(machine, name, state):
    for clause in state.get("Retry", []):
        assert not set(clause["ErrorEquals"]) & (DETERMINISTIC | {"States.ALL", "States.TaskFailed"})


@pytest.mark.parametrize("machine, name, state", each("Task"))
def test_every_task_retries_with_jitter_and_a_ceiling(machine, name, state):
    retried = [name for clause in state["Retry"] for name in clause["ErrorEquals"]]
    assert len(retried) == len(set(retried)), "only the first clause that names an error counts"
    for clause in state["Retry"]:
        if clause["ErrorEquals"] == ["PartitionConflict"]:
            waits = [min(clause["IntervalSeconds"] * clause["BackoffRate"] ** n, clause["MaxDelaySeconds"]) for n in range(clause["MaxAttempts"])]
            assert clause["JitterStrategy"] == "NONE" and sum(waits) > 2 * LEASE_SECS, "a lease that was left behind is outlasted"
        else:
            assert clause["JitterStrategy"] == "FULL"
        assert clause["MaxDelaySeconds"] > clause["IntervalSeconds"] > 0
        assert clause["BackoffRate"] > 1 and 1 <= clause["MaxAttempts"] <= 6


#: `pipeline::lease`.
LEASE_SECS = 300
# What each function's calls can end with, beyond AWS's own trouble.
RETRIED = {
    "NextFile": {"SourceUnavailable"},
    "Fetch": {"SourceUnavailable", "SourceInterrupted", "SourceTimeout", "SourceChanged", "ChecksumMismatch"},
    "ConvertChunk": set(),
    "RegisterPartition": {"PartitionConflict"},
    "RollBack": {"PartitionConflict"},
    "CommitBookmark": {"BookmarkConflict"},
    "CommitFailure": {"BookmarkConflict"},
    "ListHours": set(),
    "ProveHour": {"PartitionConflict"},
    "AddUp": set(),
    "Account": set(),
}
# States that call another state's function.
SHARED = {"RollBack": "RegisterPartition", "CommitFailure": "CommitBookmark", "Account": "ListHours", "AddUp": "ProveHour"}


def lambda_tasks():
    found = [case for case in each("Task") if case.values[2]["Resource"].endswith("lambda:invoke")]
    assert {case.values[1] for case in found} == set(RETRIED)
    return found


@pytest.mark.parametrize("machine, name, state", lambda_tasks())
def test_functions_are_tried_again_after_their_transient_errors(machine, name, state):
    retried = {error for clause in state["Retry"] for error in clause["ErrorEquals"]}
    assert RETRIED[name] | {"AwsThrottled", "AwsTimeout", "AwsUnavailable"} <= retried
    assert {error for error in OF_AWS if error.startswith("Lambda.")} <= retried


@pytest.mark.parametrize("machine, name, state", lambda_tasks())
def test_a_task_waits_a_little_longer_than_its_function_runs(machine, name, state):
    function = re.fullmatch(r"\$\{(\w+Function)Arn\}", arguments(state)["FunctionName"])[1]
    runs = resources(template(), "AWS::Serverless::Function")[function]["Timeout"]
    assert runs < state["TimeoutSeconds"] <= runs + 30


@pytest.mark.parametrize("machine", ["ingest", "backfill"])
def test_who_runs_hours_waits_a_little_longer_than_an_hour_may_take(machine):
    wait = states(state_machine(machine))["ProcessHour"]["TimeoutSeconds"]
    assert state_machine("process-hour")["TimeoutSeconds"] < wait <= state_machine("process-hour")["TimeoutSeconds"] + 300


def test_a_redriven_backfill_starts_its_hours_under_names_of_their_own():
    """A name that was used answers with the execution that failed; the same redrive, asked again, finds the one that it started."""
    name = arguments(states(state_machine("backfill"))["ProcessHour"])["Name.$"]
    assert name == "States.Format('{}_{}_{}', $.hour, States.Hash($.backfill, 'SHA-1'), $$.Execution.RedriveCount)"


@pytest.mark.parametrize("machine, name, state", each())
def test_every_state_says_what_it_is_for(machine, name, state):
    assert len(state.get("Comment", "")) > 10


@pytest.mark.parametrize("machine", MACHINES)
def test_every_substitution_is_given_and_used(machine):
    properties = resources(template(), "AWS::Serverless::StateMachine")[STATE_MACHINES[machine]]
    used = set(re.findall(r"\$\{(\w+)\}", state_machine_text(machine)))
    assert properties["DefinitionUri"] == f"statemachine/{machine}.asl.json"
    assert used == set(properties["DefinitionSubstitutions"])


@pytest.mark.parametrize("machine", MACHINES)
def test_states_and_functions_share_their_names(machine):
    functions = resources(template(), "AWS::Serverless::Function")
    for name, state in states(state_machine(machine)).items():
        if state.get("Resource", "").endswith("lambda:invoke"):
            function = SHARED.get(name, name)
            assert arguments(state)["FunctionName"] == f"${{{function}FunctionArn}}"
            assert f"{function}Function" in functions


@pytest.mark.parametrize("machine", MACHINES)
def test_json_is_written_as_json(machine):
    def without_repetition(pairs):
        assert len(dict(pairs)) == len(pairs), f"a key twice: {pairs}"
        return dict(pairs)

    definition = json.loads(state_machine_text(machine), object_pairs_hook=without_repetition)
    # The local AWS knows a Distributed Map in JSONPath alone.
    distributed = any(state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED" for state in definition["States"].values())
    assert definition["QueryLanguage"] == ("JSONPath" if distributed else "JSONata") and definition["Comment"]


def test_both_validators_accept_the_state_machines(tmp_path):
    accepted = node.run("validate.js", *(_substituted(machine, tmp_path) for machine in MACHINES))
    assert accepted == [[] for _ in MACHINES]


@pytest.mark.parametrize(
    "phrase, fault, validator",
    [
        ("a transition into nowhere", ('"Next": "RecordLanded"', '"Next": "Nowhere"'), "asl-validator"),
        ("a state that nothing reaches", ('"Default": "NothingToPublish"', '"Default": "Fetch"'), "amazon-states-language-service"),
        ("a JSONata expression that does not parse", ("{% $join($problems, '; ') %}", "{% $join($problems, %}"), "asl-validator"),
        ("a Map without a processor", ('"ItemProcessor"', '"ItemProcesor"'), "amazon-states-language-service"),
    ],
)
def test_the_validators_notice(tmp_path, phrase, fault, validator):
    text = state_machine_text("process-hour")
    assert fault[0] in text
    file = tmp_path / "machine.json"
    file.write_text(text.replace(*fault, 1))
    [complaints] = node.run("validate.js", file)
    assert any(complaint.startswith(validator) for complaint in complaints), complaints


def _substituted(machine, folder):
    """As Step Functions gets it: an ARN for each function and state machine, a number for each count."""

    def given(match):
        name = match[1]
        return f"arn:aws:lambda:us-east-1:123456789012:function:{name}" if name.endswith("Arn") else "4"

    text = re.sub(r"\$\{(\w+)\}", given, state_machine_text(machine))
    file = folder / f"{machine}.json"
    file.write_text(text)
    return file


def test_names_are_spelled_alike():
    assert set(STATE_MACHINES.values()) == {f"{camel(name)}StateMachine" for name in MACHINES}
    assert set(STATE_MACHINES.values()) == set(resources(template(), "AWS::Serverless::StateMachine"))
