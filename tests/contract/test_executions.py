"""Whole executions on scripted tasks: what is called with what, and how an execution ends."""

import re

import node
import pytest
from project import ROOT, state_machine, state_machine_text
from simulator import MAX_PAYLOAD_BYTES, Execution, TaskError

HOUR, VERSION, NAME = "2025-11-21-9", "0123456789ab", "execution"
SUBSTITUTIONS = {"ChunkConcurrency": "40", "HourConcurrency": "4", "MaxHoursPerRun": "48"}


def machine(name):
    """The state machine with its substitutions, as the stack would give them."""

    def fill(value):
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        return re.sub(r"\$\{(\w+)\}", lambda match: SUBSTITUTIONS.get(match[1], match[1]), value) if isinstance(value, str) else value

    return fill(state_machine(name))


class Tasks:
    """Answers by state: a value, an error, a function of the arguments, or a list of these, one per call (the last stays)."""

    def __init__(self, **answers):
        self.answers = answers
        self.calls = {}

    def __call__(self, state, arguments):
        calls = self.calls.setdefault(state, [])
        calls.append(arguments.get("Payload", arguments))
        answer = self.answers[state]
        if isinstance(answer, list):
            answer = answer[min(len(calls), len(answer)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer(calls[-1]) if callable(answer) else answer


def chunk(given):
    return {"chunk": given["chunk"], "records": 10, "rows": 8, "duplicates": 1, "quarantined": 1}


def fetched(chunks=3):
    source = {"url": f"http://archive/{HOUR}.json.gz", "etag": '"abc"'}
    return {"hour": HOUR, "version": VERSION, "chunks": chunks, "lines": 10 * chunks, "landing_bytes": 99, "source": source}


PUBLICATION = {
    "version": VERSION,
    "partition_location": f"s3://DataBucketName/raw/ghactivity/year=2025/month=11/dayofmonth=21/hour=09/{VERSION}/",
    "counts": {"lines": 30, "blank_lines": 0, "records": 30, "rows": 24, "duplicates": 3, "quarantined": 3},
    "types": {"PushEvent": 24},
}


def hour_tasks(**answers):
    usual = {
        "Fetch": fetched(),
        "RecordLanded": {},
        "ConvertChunk": chunk,
        "RegisterPartition": PUBLICATION | {"hour": HOUR},
        "RollBack": PUBLICATION | {"hour": HOUR},
        "CommitBookmark": {"hour": HOUR, "status": "published", "verdict": "complete", "bookmark": HOUR},
        "AnnouncePublished": {"FailedEntryCount": 0},
        "AnnounceFailure": {"FailedEntryCount": 0},
        "CommitFailure": lambda given: _raise(given["outcome"]["failed"]),
    }
    return Tasks(**usual | answers)


def _raise(failure):
    raise TaskError.of_lambda(failure["name"], failure["message"])


def run(name, tasks, given, **context):
    return Execution(machine(name), tasks, **context).run(given)


# -------------------------------------------------------------------------------------------------- landed


def s3_event(key=f"landing/ghactivity/{HOUR}.json.gz"):
    return {"id": "7bf73129-1428-4cd3-a780-95db273d1602", "detail": {"bucket": {"name": "lake"}, "object": {"key": key}}}


def landed_tasks(metadata=None, **answers):
    usual = {"LookAtObject": {"Metadata": metadata or {}, "ETag": '"abc"'}, "ProcessHour": {"ExecutionArn": "arn:hour"}}
    return Tasks(**usual | answers)


def test_a_file_put_by_others_starts_its_hour_from_the_bytes_that_are_there():
    tasks = landed_tasks()
    done = run("landed", tasks, s3_event())
    assert (done.status, done.output) == ("SUCCEEDED", {"hour": HOUR, "execution_arn": "arn:hour"})
    assert tasks.calls["LookAtObject"] == [{"Bucket": "lake", "Key": f"landing/ghactivity/{HOUR}.json.gz"}]
    [started] = tasks.calls["ProcessHour"]
    assert started["Name"] == f"{HOUR}-landed-7bf73129-1428-4cd3-a780-95db273d1602"
    by_hand = hour_tasks()
    assert run("process-hour", by_hand, started["Input"]).status == "SUCCEEDED"
    assert by_hand.calls["Fetch"][0]["source"] == "landing"


@pytest.mark.parametrize(
    "phrase, tasks",
    [
        ("fetch has put it there", landed_tasks(metadata={"fetched-into": f"s3://lake/landing/ghactivity/{HOUR}.json.gz"})),
        ("it is gone", landed_tasks(LookAtObject=TaskError("S3.NoSuchKeyException", "404"))),
        ("the event came before", landed_tasks(ProcessHour=TaskError("StepFunctions.ExecutionAlreadyExistsException", "taken"))),
    ],
)
def test_nothing_is_done_for_a_file_that_others_see_to(phrase, tasks):
    done = run("landed", tasks, s3_event())
    assert (done.status, done.trail[-1]) == ("SUCCEEDED", "NothingToDo"), phrase


@pytest.mark.parametrize(
    "phrase, metadata",
    [
        ("copied from another stack", {"fetched-into": f"s3://pond/landing/ghactivity/{HOUR}.json.gz"}),
        ("copied from another hour", {"fetched-into": "s3://lake/landing/ghactivity/2025-11-21-8.json.gz"}),
        ("written before there was the mark", {"source-url": "https://data.gharchive.org/x"}),
    ],
)
def test_what_fetch_has_put_elsewhere_is_a_file_of_others(phrase, metadata):
    tasks = landed_tasks(metadata=metadata)
    assert run("landed", tasks, s3_event()).trail[-1] == "Started", phrase
    assert len(tasks.calls["ProcessHour"]) == 1, phrase


@pytest.mark.parametrize("key", ["landing/ghactivity/old/2025-11-21-9.json.gz", "landing/ghactivity/events.json.gz", "landing/ghactivity/.json.gz"])
def test_a_name_that_is_no_hour_is_told(key):
    tasks = landed_tasks()
    done = run("landed", tasks, s3_event(key))
    assert (done.status, done.error, tasks.calls) == ("FAILED", "InvalidInput", {})
    assert done.cause.startswith(f"s3://lake/{key}: expected a name such as")


# -------------------------------------------------------------------------------------------------- process-hour


def test_an_hour_goes_from_the_source_to_the_bookmark():
    tasks = hour_tasks()
    done = run("process-hour", tasks, {"hour": "2025-11-21-09"})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    assert tasks.calls["Fetch"] == [{"hour": "2025-11-21-09", "source": "upstream", "execution": NAME}]
    assert tasks.calls["ConvertChunk"] == [{"hour": HOUR, "version": VERSION, "chunk": number, "execution": NAME} for number in range(3)]
    run_of = {"execution_arn": done.context["Execution"]["Id"], "started_at": "2025-11-21T01:10:00.000Z"}
    assert tasks.calls["RegisterPartition"] == [
        {"hour": HOUR, "version": VERSION, "source": fetched()["source"], "force": False, "execution": NAME} | run_of
    ]
    assert tasks.calls["CommitBookmark"] == [
        {
            "hour": HOUR,
            "job_id": "ghactivity_ingest",
            "execution_arn": done.context["Execution"]["Id"],
            "started_at": "2025-11-21T01:10:00.000Z",
            "redrive_count": 0,
            "resumed_redrive": 0,
            "outcome": {"published": PUBLICATION},
        }
    ]
    assert {key: done.output[key] for key in ("hour", "status", "verdict", "rows", "quarantined", "version", "bookmark")} == {
        "hour": HOUR, "status": "published", "verdict": "complete", "rows": 24, "quarantined": 3, "version": VERSION, "bookmark": HOUR,
    }  # fmt: skip


def test_the_output_says_where_to_look():
    look = run("process-hour", hour_tasks(), {"hour": HOUR}).output["look_next"]
    assert "WHERE year = '2025' AND month = '11' AND dayofmonth = '21' AND hour = '09'" in look["query"]
    assert look["objects"] == PUBLICATION["partition_location"]
    assert look["bad_records"] == f"s3://DataBucketName/quarantine/ghactivity/{HOUR}/{VERSION}/"
    assert look["ledger"].endswith("hour 2025-11-21T09")


def test_the_ledger_learns_that_the_hour_has_landed():
    tasks = hour_tasks()
    done = run("process-hour", tasks, {"hour": HOUR})
    [update] = tasks.calls["RecordLanded"]
    assert update["Key"] == {"archive": {"S": "ghactivity"}, "hour": {"S": "2025-11-21T09"}}
    assert update["ConditionExpression"] == "attribute_not_exists(#status) OR NOT #status IN (:published, :missing)"
    assert update["ExpressionAttributeValues"][":execution_arn"] == {"S": done.context["Execution"]["Id"]}
    for placeholder in re.findall(r"[:#]\w+", update["UpdateExpression"] + " " + update["ConditionExpression"]):
        assert placeholder in update["ExpressionAttributeNames"] | update["ExpressionAttributeValues"]


def test_a_published_or_missing_hour_stays_so_while_it_is_made_again():
    published = TaskError("DynamoDb.ConditionalCheckFailedException", "The conditional request failed")
    done = run("process-hour", hour_tasks(RecordLanded=published), {"hour": HOUR})
    assert done.status == "SUCCEEDED" and "CommitFailure" not in done.trail


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_as_many_chunks_are_converted_as_there_are(chunks):
    tasks = hour_tasks(Fetch=fetched(chunks))
    done = run("process-hour", tasks, {"hour": HOUR})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    assert [call["chunk"] for call in tasks.calls.get("ConvertChunk", [])] == list(range(chunks))


def test_what_the_input_says_reaches_the_functions():
    tasks = hour_tasks()
    run("process-hour", tasks, {"hour": HOUR, "job_id": "again", "source": "landing", "force": True})
    assert tasks.calls["Fetch"][0]["source"] == "landing"
    assert tasks.calls["RegisterPartition"][0]["force"] is True
    assert tasks.calls["CommitBookmark"][0]["job_id"] == "again"


@pytest.mark.parametrize(
    "phrase, given, complaint",
    [
        ("no hour", {}, "hour: "),
        ("an hour that is no text", {"hour": 5}, "hour: "),
        ("an unknown source", {"hour": HOUR, "source": "upstraem"}, "source: "),
        ("force as text", {"hour": HOUR, "force": "yes"}, "force: "),
        ("a job that is no text", {"hour": HOUR, "job_id": 5}, "job_id: "),
        ("a misspelt field", {"hour": HOUR, "forced": True}, "forced: "),
        ("no version to go back to", {"hour": HOUR, "roll_back_to": "latest"}, "roll_back_to: expected previous"),
        ("a version that is no text", {"hour": HOUR, "roll_back_to": 1}, "roll_back_to: expected previous"),
        ("a rollback from the source", {"hour": HOUR, "roll_back_to": "previous", "source": "landing"}, "roll_back_to: nothing is"),
        ("no object", "2025-11-21-9", "hour: "),
        ("a list", [], "hour: "),
    ],
)
def test_an_input_that_is_wrong_is_refused_by_name(phrase, given, complaint):
    tasks = hour_tasks()
    done = run("process-hour", tasks, given)
    assert (done.status, done.error) == ("FAILED", "InvalidInput"), phrase
    assert done.cause.startswith(complaint), phrase
    assert not tasks.calls, phrase


def test_a_transient_error_is_tried_again():
    trouble = [TaskError.of_lambda("SourceUnavailable", "503"), TaskError.of_lambda("AwsThrottled", "slow down"), fetched()]
    done = run("process-hour", hour_tasks(Fetch=trouble), {"hour": HOUR})
    assert done.status == "SUCCEEDED"


@pytest.mark.parametrize(
    "phrase, state, error, name, message",
    [
        ("a function's error", "Fetch", TaskError.of_lambda("CorruptArchive", "byte 7"), "CorruptArchive", "byte 7"),
        ("in a chunk", "ConvertChunk", TaskError.of_lambda("ChunkMismatch", "chunk 2"), "ChunkMismatch", "chunk 2"),
        ("at the partition", "RegisterPartition", TaskError.of_lambda("HourWouldShrink", "9 < 10"), "HourWouldShrink", "9 < 10"),
        ("at the bookmark", "CommitBookmark", TaskError.of_lambda("AwsRefused", "denied"), "AwsRefused", "denied"),
        ("at the ledger", "RecordLanded", TaskError("DynamoDb.DynamoDbException", "denied"), "DynamoDb.DynamoDbException", "denied"),
        ("a cause that is no JSON", "Fetch", TaskError("Lambda.Unknown", "out of memory"), "Lambda.Unknown", "out of memory"),
        ("a cause that looks like JSON and is none", "Fetch", TaskError("Lambda.Unknown", "{cut"), "Lambda.Unknown", "{cut"),
        ("a cause in braces that is no JSON", "Fetch", TaskError("Lambda.Unknown", "{cut}"), "Lambda.Unknown", "{cut}"),
        ("a message with quotes and lines", "Fetch", TaskError.of_lambda("NotGzip", 'a "b"\nc\\d'), "NotGzip", 'a "b"\nc\\d'),
        ("JSON without a message", "Fetch", TaskError("Lambda.Unknown", '{"a": 1}'), "Lambda.Unknown", '{"a": 1}'),
        ("an empty cause", "Fetch", TaskError("Lambda.Unknown", ""), "Lambda.Unknown", "no cause given"),
        ("no cause at all", "Fetch", TaskError("States.Timeout"), "States.Timeout", "no cause given"),
        ("a very long message", "Fetch", TaskError.of_lambda("NotGzip", "x" * 8192), "NotGzip", "x" * 1000),
        ("an answer without its fields", "Fetch", {}, "States.QueryEvaluationError", None),
    ],
)
def test_a_failure_is_recorded_and_then_seen(phrase, state, error, name, message):
    tasks = hour_tasks(**{state: error})
    done = run("process-hour", tasks, {"hour": HOUR})
    assert (done.status, done.error, done.failed_at[0]) == ("FAILED", name, "CommitFailure"), phrase
    failure = tasks.calls["CommitFailure"][0]["outcome"]["failed"]
    assert failure["name"] == name, phrase
    assert message is None or failure["message"] == message, phrase
    assert tasks.calls["CommitFailure"][0]["redrive_count"] == 0


def test_a_redrive_goes_on_with_the_hour():
    refused = TaskError.of_lambda("SourceRefused", "403")
    recorded = [refused, {"hour": HOUR, "status": "retrying"}]
    tasks = hour_tasks(Fetch=[refused, fetched()], CommitFailure=recorded)
    execution = run("process-hour", tasks, {"hour": HOUR})
    assert (execution.status, execution.error) == ("FAILED", "SourceRefused")
    execution.redrive()
    assert execution.status == "SUCCEEDED" and execution.output["status"] == "published"
    assert [(call["redrive_count"], call["resumed_redrive"]) for call in tasks.calls["CommitFailure"]] == [(0, 0), (1, 0)]
    assert (tasks.calls["CommitBookmark"][0]["redrive_count"], tasks.calls["CommitBookmark"][0]["resumed_redrive"]) == (1, 0)


def test_a_redrive_whose_answer_is_lost_still_goes_on():
    refused, lost = TaskError.of_lambda("SourceRefused", "403"), TaskError("Lambda.SdkClientException", "connection reset")
    tasks = hour_tasks(Fetch=[refused, refused], CommitFailure=[refused, lost, {"hour": HOUR, "status": "retrying"}, refused])
    execution = run("process-hour", tasks, {"hour": HOUR}).redrive()
    assert (execution.status, execution.error) == ("FAILED", "SourceRefused")
    calls = [(call["redrive_count"], call["resumed_redrive"]) for call in tasks.calls["CommitFailure"]]
    assert calls == [(0, 0), (1, 0), (1, 0), (1, 1)], "the lost answer is asked for again; what fails after it is another failure"


def test_a_failure_that_could_not_be_recorded_is_redriven_like_any_other():
    refused, down = TaskError.of_lambda("SourceRefused", "403"), TaskError.of_lambda("AwsUnavailable", "503")
    tasks = hour_tasks(Fetch=[refused, fetched()], CommitFailure=[down, down, down, down, {"hour": HOUR, "status": "retrying"}])
    execution = run("process-hour", tasks, {"hour": HOUR})
    assert (execution.status, execution.error) == ("FAILED", "AwsUnavailable")
    execution.redrive()
    assert execution.status == "SUCCEEDED"
    last = tasks.calls["CommitFailure"][-1]
    assert (last["redrive_count"], last["resumed_redrive"]) == (1, 0), "it has failed under no redrive"


def test_an_execution_that_was_redriven_elsewhere_fails_at_once():
    refused = TaskError.of_lambda("ChunkMismatch", "7 rows")
    tasks = hour_tasks(ConvertChunk=refused, CommitFailure=refused)
    execution = run("process-hour", tasks, {"hour": HOUR}, redrive_count=1)
    assert (execution.status, execution.error) == ("FAILED", "ChunkMismatch")
    assert [(call["redrive_count"], call["resumed_redrive"]) for call in tasks.calls["CommitFailure"]] == [(1, 1)]


def test_a_redrive_that_fails_again_is_seen_again():
    refused = TaskError.of_lambda("SourceRefused", "403")
    tasks = hour_tasks(Fetch=refused, CommitFailure=[refused, {"hour": HOUR, "status": "retrying"}, refused])
    execution = run("process-hour", tasks, {"hour": HOUR}).redrive()
    assert (execution.status, execution.error) == ("FAILED", "SourceRefused")
    assert len(tasks.calls["Fetch"]) == 2


@pytest.mark.parametrize("status", ["not_published", "missing"])
def test_an_hour_that_the_source_does_not_have_is_no_failure(status):
    absent = TaskError.of_lambda("SourceNotPublished", "404")
    tasks = hour_tasks(Fetch=absent, CommitFailure={"hour": HOUR, "status": status})
    done = run("process-hour", tasks, {"hour": HOUR})
    assert (done.status, done.output["status"], done.output["reason"]) == ("SUCCEEDED", status, "SourceNotPublished")
    assert len(tasks.calls["Fetch"]) == 1


@pytest.mark.parametrize(
    "state, name",
    [
        ("Fetch", "LandingChanged"),
        ("ConvertChunk", "LandingChanged"),
        ("ConvertChunk", "PlanNotFound"),
        ("RegisterPartition", "PlanNotFound"),
        ("RegisterPartition", "ObjectMissing"),
        ("RegisterPartition", "VersionOvertaken"),
        ("CommitBookmark", "VersionOvertaken"),
        ("CommitBookmark", "LeaseLost"),
    ],
)
def test_an_hour_that_another_run_changed_meanwhile_is_planned_again(state, name):
    changed = TaskError.of_lambda(name, "by another run")
    usual = hour_tasks().answers[state]
    tasks = hour_tasks(**{state: [changed, usual]})
    done = run("process-hour", tasks, {"hour": HOUR})
    assert done.status == "SUCCEEDED"
    assert len(tasks.calls["Fetch"]) == 2


@pytest.mark.parametrize("to", ["previous", VERSION])
def test_a_rollback_fetches_nothing(to):
    tasks = hour_tasks()
    done = run("process-hour", tasks, {"hour": HOUR, "roll_back_to": to})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    run_of = {"execution_arn": done.context["Execution"]["Id"], "started_at": "2025-11-21T01:10:00.000Z"}
    assert tasks.calls["RollBack"] == [{"hour": HOUR, "roll_back_to": to, "execution": NAME} | run_of]
    assert tasks.calls["CommitBookmark"][0]["outcome"] == {"rolled_back": PUBLICATION}
    assert set(tasks.calls) == {"RollBack", "CommitBookmark", "AnnouncePublished"}
    assert (done.output["version"], done.output["rows"]) == (VERSION, 24)


def test_a_rollback_to_what_is_not_kept_fails_at_once_and_the_hour_stays_as_it_is():
    tasks = hour_tasks(RollBack=TaskError.of_lambda("VersionNotKept", "gone"))
    done = run("process-hour", tasks, {"hour": HOUR, "roll_back_to": "previous"})
    assert (done.status, done.error, set(tasks.calls)) == ("FAILED", "VersionNotKept", {"RollBack"})


def test_a_rollback_that_fails_is_recorded_announced_and_redriven():
    refused = TaskError.of_lambda("AwsRefused", "denied")
    shown = hour_tasks().answers["RollBack"]
    tasks = hour_tasks(RollBack=[refused, shown], CommitFailure=[refused, {"hour": HOUR, "status": "retrying"}])
    execution = run("process-hour", tasks, {"hour": HOUR, "roll_back_to": "previous"})
    assert (execution.status, execution.error, execution.failed_at[0]) == ("FAILED", "AwsRefused", "CommitFailure")
    assert tasks.calls["AnnounceFailure"] and tasks.calls["CommitFailure"][0]["outcome"]["failed"]["name"] == "AwsRefused"
    execution.redrive()
    assert (execution.status, "Fetch" in tasks.calls) == ("SUCCEEDED", False)


def test_a_rollback_is_taken_up_again_as_a_rollback():
    lost, refused = TaskError.of_lambda("LeaseLost", "by another run"), TaskError.of_lambda("AwsRefused", "denied")
    committed = hour_tasks().answers["CommitBookmark"]
    tasks = hour_tasks(CommitBookmark=[lost, refused, committed], CommitFailure=[refused, {"hour": HOUR, "status": "retrying"}])
    execution = run("process-hour", tasks, {"hour": HOUR, "roll_back_to": "previous"})
    assert (execution.status, execution.error, len(tasks.calls["RollBack"])) == ("FAILED", "AwsRefused", 2)
    execution.redrive()
    assert (execution.status, len(tasks.calls["RollBack"]), "Fetch" in tasks.calls) == ("SUCCEEDED", 3, False)


def test_a_landing_that_keeps_changing_is_planned_three_times():
    tasks = hour_tasks(ConvertChunk=TaskError.of_lambda("LandingChanged", "etag"))
    done = run("process-hour", tasks, {"hour": HOUR})
    assert (done.status, done.error) == ("FAILED", "LandingChanged")
    assert len(tasks.calls["Fetch"]) == 3


def test_a_thousand_chunks_stay_far_below_the_limit_of_a_payload():
    """Counts as large as an hour's can be: every chunk holds ten million records of each kind."""
    many = {"rows": 10_000_000, "duplicates": 10_000_000, "quarantined": 10_000_000, "records": 30_000_000}
    publication = PUBLICATION | {"types": {f"{'T' * 60}{number:02}": 10_000_000 for number in range(64)}}
    tasks = hour_tasks(
        Fetch=fetched(1000),
        ConvertChunk=lambda given: many | {"chunk": given["chunk"]},
        RegisterPartition=publication | {"hour": HOUR},
    )
    done = run("process-hour", tasks, {"hour": HOUR})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    map_result = 1000 * (len('{"rows":10000000,"duplicates":10000000,"quarantined":10000000}') + 1)
    assert max(done.largest_payload, map_result) < MAX_PAYLOAD_BYTES // 3


def test_the_most_chunks_fit_an_execution_s_history():
    """Step Functions ends an execution at 25,000 events: per chunk seven without trouble, as its history lists them."""
    per_chunk = ["MapIterationStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited", "MapIterationSucceeded"]
    most = int(re.search(r"MAX_CHUNKS: usize = (\d+)", (ROOT / "crates/pipeline/src/plan.rs").read_text())[1])
    replans = int(re.search(r"\$replans <= (\d+)", state_machine_text("process-hour"))[1])
    assert most >= 1000, "DESIGN.md"
    assert (1 + replans) * most * len(per_chunk) + 3 * most < 25_000, "a retry takes three events: there is room for one per chunk"
    assert f"{most:,} chunks" in (ROOT / "template.yaml").read_text() and f"{most:,} chunks" in (ROOT / "README.md").read_text()


def told(tasks, state):
    [entry] = tasks.calls[state][-1]["Entries"]
    assert entry["Source"] == "ghactivity"
    return entry["DetailType"], entry["Detail"]


def test_whoever_listens_is_told_of_a_published_hour():
    tasks = hour_tasks()
    done = run("process-hour", tasks, {"hour": HOUR})
    kind, detail = told(tasks, "AnnouncePublished")
    assert kind == "HourPublished"
    assert detail == {
        "stack": "StackName", "hour": HOUR, "version": VERSION, "verdict": "complete", "rows": 24, "quarantined": 3,
        "partition_location": PUBLICATION["partition_location"], "execution_arn": done.context["Execution"]["Id"],
    }  # fmt: skip


def test_whoever_listens_is_told_of_a_failed_hour_and_not_of_one_that_is_not_there():
    tasks = hour_tasks(ConvertChunk=TaskError.of_lambda("ChunkMismatch", "chunk 2"))
    done = run("process-hour", tasks, {"hour": HOUR})
    assert told(tasks, "AnnounceFailure") == (
        "HourFailed", {"stack": "StackName", "hour": HOUR, "error": "ChunkMismatch", "execution_arn": done.context["Execution"]["Id"]}
    )  # fmt: skip
    absent = hour_tasks(Fetch=TaskError.of_lambda("SourceNotPublished", "404"), CommitFailure={"hour": HOUR, "status": "missing"})
    run("process-hour", absent, {"hour": HOUR})
    assert "AnnounceFailure" not in absent.calls


@pytest.mark.parametrize("state", ["AnnouncePublished", "AnnounceFailure"])
def test_an_hour_ends_as_it_does_though_nobody_can_be_told(state):
    deaf = TaskError("EventBridge.FailedEntry", "no bus")
    broken = {"Fetch": TaskError.of_lambda("NotGzip", "HTML")} if state == "AnnounceFailure" else {}
    heard, unheard = run("process-hour", hour_tasks(**broken), {"hour": HOUR}), run("process-hour", hour_tasks(**broken, **{state: deaf}), {"hour": HOUR})
    assert (heard.status, heard.error, heard.output) == (unheard.status, unheard.error, unheard.output)


# -------------------------------------------------------------------------------------------------- ingest


def due(*hours, caught_up=True):
    return {"hours": list(hours), "caught_up": caught_up, "newest_hour_over": "2025-11-21-9"}


def ended(status):
    return {"Status": "SUCCEEDED", "Output": {"hour": HOUR, "status": status}}


def by_hour(**outcomes):
    def play(arguments):
        outcome = outcomes["h" + arguments["Input"]["hour"].replace("-", "_")]
        if isinstance(outcome, Exception):
            raise outcome
        return ended(outcome)

    return play


def test_ingest_runs_what_is_due_until_nothing_is():
    tasks = Tasks(NextFile=[due("2025-11-21-8", "2025-11-21-9", caught_up=False), due("2025-11-21-10"), due()], ProcessHour=ended("published"))
    done = run("ingest", tasks, {})
    assert done.status == "SUCCEEDED", (done.error, done.cause)
    assert done.output == {"published": 3, "not_published": 0, "missing": 0, "failed": 0, "caught_up": True}
    assert tasks.calls["NextFile"] == [
        {"job_id": "ghactivity_ingest", "max_hours": 48, "execution": NAME},
        {"job_id": "ghactivity_ingest", "max_hours": 46, "execution": NAME, "after": "2025-11-21-9"},
        {"job_id": "ghactivity_ingest", "max_hours": 45, "execution": NAME, "after": "2025-11-21-10"},
    ]
    inputs = [call["Input"] for call in tasks.calls["ProcessHour"]]
    assert [(given["hour"], given["job_id"]) for given in inputs] == [(f"2025-11-21-{hour}", "ghactivity_ingest") for hour in (8, 9, 10)]
    assert not Execution(machine("process-hour"), hour_tasks()).run(inputs[0]).error


def test_ingest_stops_after_as_many_hours_as_it_may_run():
    tasks = Tasks(NextFile=due("2025-11-21-8", "2025-11-21-9", caught_up=False), ProcessHour=ended("published"))
    done = run("ingest", tasks, {"max_hours": 2, "from": "2025-11-21-8", "job_id": "mine"})
    assert done.output == {"published": 2, "not_published": 0, "missing": 0, "failed": 0, "caught_up": False}
    assert tasks.calls["NextFile"] == [{"job_id": "mine", "max_hours": 2, "execution": NAME, "from": "2025-11-21-8"}]


def test_nothing_due_is_a_success():
    done = run("ingest", Tasks(NextFile=due()), {})
    assert done.output == {"published": 0, "not_published": 0, "missing": 0, "failed": 0, "caught_up": True}


def test_every_ending_of_an_hour_is_counted():
    play = by_hour(h2025_11_21_8="published", h2025_11_21_9="missing", h2025_11_21_10="not_published")
    done = run("ingest", Tasks(NextFile=[due("2025-11-21-8", "2025-11-21-9", "2025-11-21-10"), due()], ProcessHour=play), {})
    assert done.output == {"published": 1, "not_published": 1, "missing": 1, "failed": 0, "caught_up": True}


@pytest.mark.parametrize(
    "phrase, error, name",
    [
        ("as AWS describes it", TaskError("States.TaskFailed", '{"Cause":"{\\"Error\\":\\"X\\"}","Error":"CorruptArchive","Status":"FAILED"}'), "CorruptArchive"),
        ("described without a name", TaskError("States.TaskFailed", '{"Status":"TIMED_OUT"}'), "States.TaskFailed"),
        ("described in a text that was cut", TaskError("States.TaskFailed", '{"Error":"CorruptArchive","Cause":"{\\"a'), "CorruptArchive"),
        ("as the local AWS names it", TaskError.of_lambda("CorruptArchive", "crc"), "CorruptArchive"),
        ("never ended", TaskError("States.Timeout"), "States.Timeout"),
    ],
)
def test_a_failed_hour_is_named_and_the_others_go_on(phrase, error, name):
    play = by_hour(h2025_11_21_8=error, h2025_11_21_9="published", h2025_11_21_10="published")
    tasks = Tasks(NextFile=[due("2025-11-21-8", "2025-11-21-9"), due("2025-11-21-10"), due()], ProcessHour=play)
    done = run("ingest", tasks, {})
    assert (done.status, done.error) == ("FAILED", "HoursFailed"), phrase
    assert done.cause == f"1 failed: 2025-11-21-8 ({name}); 2 published, 0 not published, 0 missing", phrase


def test_the_names_of_failed_hours_are_bounded():
    hours = [f"2025-11-{day:02}-{hour}" for day in range(1, 29) for hour in range(24)]
    tasks = Tasks(NextFile=[due(*hours), due()], ProcessHour=TaskError.of_lambda("CorruptArchive", "crc"))
    done = run("ingest", tasks, {"max_hours": 672})
    assert done.error == "HoursFailed"
    assert done.cause.count("CorruptArchive") == 20 and "and 652 more" in done.cause
    assert done.largest_payload < MAX_PAYLOAD_BYTES // 3


def test_a_recheck_runs_what_the_source_has_replaced():
    tasks = Tasks(NextFile=[due("2025-11-21-3", caught_up=False), due()], ProcessHour=ended("published"))
    done = run("ingest", tasks, {"recheck_days": 7})
    assert (done.status, done.output["published"]) == ("SUCCEEDED", 1)
    assert [(call["recheck_days"], call.get("after")) for call in tasks.calls["NextFile"]] == [(7, None), (7, "2025-11-21-3")]
    for wrong in (0, 1.5, 32, "7"):
        done = run("ingest", Tasks(), {"recheck_days": wrong})
        assert (done.error, done.cause.split(":")[0]) == ("InvalidInput", "recheck_days"), wrong
    assert run("ingest", Tasks(), {"recheck_days": 7, "from": "2025-11-21-0"}).cause.startswith("from: ")


def test_an_hour_s_execution_is_named_after_it_and_after_its_ingest():
    def names(arn):
        tasks = Tasks(NextFile=[due("2025-11-21-8", "2025-11-21-9"), due()], ProcessHour=ended("published"))
        Execution(machine("ingest"), tasks, arn=arn).run({})
        return [call["Name"] for call in tasks.calls["ProcessHour"]]

    first, again, other = names("arn:a"), names("arn:a"), names("arn:b")
    assert first == again, "a start whose reply was lost is found again"
    assert len({*first, *other}) == 4, "two ingests never collide"
    assert all(re.fullmatch(r"2025-11-21-\d+_[0-9a-f]{16}", name) and len(name) <= 80 for name in first + other)


@pytest.mark.parametrize(
    "phrase, given, complaint",
    [
        ("no hours at all", {"max_hours": 0}, "max_hours: "),
        ("half an hour", {"max_hours": 0.5}, "max_hours: "),
        ("more than a history can hold", {"max_hours": 1001}, "max_hours: "),
        ("a number as text", {"max_hours": "5"}, "max_hours: "),
        ("a start that is no text", {"from": 2025}, "from: "),
        ("a job that is no text", {"job_id": 5}, "job_id: "),
        ("a misspelt field", {"form": "2025-11-21-0"}, "form: "),
    ],
)
def test_an_ingest_that_is_asked_wrongly_does_nothing(phrase, given, complaint):
    tasks = Tasks()
    done = run("ingest", tasks, given)
    assert (done.status, done.error) == ("FAILED", "InvalidInput"), phrase
    assert done.cause.startswith(complaint), phrase
    assert not tasks.calls, phrase


# -------------------------------------------------------------------------------------------------- JSONata itself


def test_the_reference_implementation_of_jsonata_computes_the_same():
    """The simulator uses a port of JSONata; Step Functions promises the language of the reference implementation."""
    corrupt = TaskError.of_lambda("CorruptArchive", "crc")
    executions = [
        run("process-hour", hour_tasks(), {"hour": HOUR}),
        run("process-hour", hour_tasks(Fetch=fetched(0)), {"hour": HOUR}),
        run("process-hour", hour_tasks(), {"hour": 5, "forced": True}),
        run("process-hour", hour_tasks(Fetch=corrupt, CommitFailure=[corrupt, {"status": "retrying"}, corrupt]), {"hour": HOUR}).redrive(),
        run("process-hour", hour_tasks(Fetch=TaskError("States.Timeout"), CommitFailure={"status": "missing"}), {"hour": HOUR}),
        run("ingest", Tasks(NextFile=[due("2025-11-21-8"), due()], ProcessHour=ended("published")), {}),
        run("ingest", Tasks(NextFile=[due("2025-11-21-8", "2025-11-21-9"), due()], ProcessHour=[corrupt, ended("missing")]), {}),
        run("ingest", Tasks(NextFile=[due("2025-11-21-8"), due()], ProcessHour=TaskError("States.TaskFailed", '{"Error":"NotGzip"}')), {}),
        run("ingest", Tasks(), {"max_hours": 0.5, "from": 5}),
    ]
    evaluated = [one for execution in executions for one in execution.evaluated]
    reference = node.run("evaluate.js", given=[{key: one[key] for key in ("expression", "bindings")} for one in evaluated])
    assert len(evaluated) > 100
    for one, other in zip(evaluated, reference, strict=True):
        assert other == {"value": one["value"]}, one["expression"]
