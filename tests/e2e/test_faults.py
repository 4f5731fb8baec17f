"""Stopped after any single call to S3, DynamoDB or Glue and run again: the state equals that of an uninterrupted run.

Every call that the five steps of one hour make is the point of a crash in turn: once before the call takes effect, once after it
has and only its reply is lost. The function fails there; the hour is then run from its start without faults.
"""

from __future__ import annotations

from boto3.dynamodb.conditions import Key
from fault_proxy import FaultProxy
from deployment import FunctionError, Lake, ledger_key, partition_values

JOB = "test_faults"


def run_hour_directly(lake: Lake, hour: str) -> None:
    """The steps of process-hour, called one by one; the first error ends it, as a crash does."""
    fetched = lake.invoke("fetch", {"hour": hour})
    where = {"hour": hour, "version": fetched["version"]}
    for chunk in range(fetched["chunks"]):
        lake.invoke("convert-chunk", where | {"chunk": chunk})
    published = lake.invoke("register-partition", where | {"source": fetched["source"]})
    lake.invoke(
        "commit-bookmark",
        {
            "hour": hour,
            "job_id": JOB,
            "execution_arn": f"arn:aws:states:us-east-1:000000000000:execution:process-hour:{hour}",
            "started_at": "2026-01-01T00:00:00Z",
            "redrive_count": 0,
            "outcome": {"published": {k: v for k, v in published.items() if k != "hour"}},
        },
    )


def snapshot(lake: Lake, hour: str) -> dict[str, object]:
    state = lake.state(hour, JOB)
    state["runs"] = [
        {k: v for k, v in run.items() if k != "ended_at"} for run in lake.runs(JOB) if run["hour"] == hour
    ]
    return state


def forget(lake: Lake, hour: str) -> None:
    """Everything of the hour, so that the next crash meets the same start."""
    for key in lake.hour_objects(hour):
        lake.s3.delete_object(Bucket=lake.bucket, Key=key)
    ledger = lake.dynamodb.Table(lake.outputs["ArchiveHoursTableName"])
    ledger.delete_item(Key={"archive": "ghactivity", "hour": ledger_key(hour)})
    history = lake.dynamodb.Table(lake.outputs["JobRunDetailsTableName"])
    for item in history.query(KeyConditionExpression=Key("job_id").eq(JOB))["Items"]:
        history.delete_item(Key={"job_id": JOB, "job_run_time": item["job_run_time"]})
    lake.dynamodb.Table(lake.outputs["JobsTableName"]).delete_item(Key={"job_id": JOB})
    if lake.partition(hour):
        lake.glue.delete_partition(
            DatabaseName=lake.database, TableName="events", PartitionValues=partition_values(hour)
        )


def test_a_crash_at_any_call_is_mended_by_running_again(
    lake: Lake, fault_proxy: FaultProxy, generate
) -> None:
    hour = "2016-06-01-0"
    lake.serve(hour, generate(hour, "--events", "1250", "--duplicates", "0.01", "--bad", "0.01"))

    def fresh() -> None:
        forget(lake, hour)
        fault_proxy.disarm()
        lake.invoke("next-file", {"job_id": JOB, "max_hours": 1, "from": hour})

    fresh()
    fault_proxy.disarm()
    run_hour_directly(lake, hour)
    calls = list(fault_proxy.calls)
    expected = snapshot(lake, hour)
    assert expected["ledger"]["chunks"] == 3 and expected["bookmark"] == hour
    assert expected["ledger"]["counts"]["quarantined"] > 0 and expected["ledger"]["counts"]["duplicates"] > 0

    points = 0
    for lose_reply in (False, True):
        for number, call in enumerate(calls):
            fresh()
            fault_proxy.stop_at(number, lose_reply)
            stopped = False
            try:
                run_hour_directly(lake, hour)
            except FunctionError as error:
                stopped = True
                assert error.name in ("AwsUnavailable", "AwsTimeout", "AwsThrottled"), f"{call}: {error}"
            finally:
                fault_proxy.disarm()
            assert stopped, f"call {number} ({call}) was cut, but nobody noticed"
            run_hour_directly(lake, hour)
            assert snapshot(lake, hour) == expected, f"call {number} ({call}), reply lost: {lose_reply}"
            points += 1
    print(f"{points} points of {len(calls)} calls: state equal to the uninterrupted run's at each")
    assert points == 2 * len(calls) >= 40
