"""The event bus receives an event for every hour that is published or fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deployment import Lake
from test_bad_input import event, gz, whole_hour


@pytest.fixture
def heard(lake: Lake) -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """Receives this number of events through a rule and a queue, as a user's consumer does."""
    sqs, events = lake.aws.client("sqs"), lake.aws.client("events")
    url = sqs.create_queue(QueueName="hours")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["ghactivity"], "detail-type": ["HourPublished", "HourFailed"], "detail": {"stack": ["ghactivity"]}}
    events.put_rule(Name="hours", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="hours", Targets=[{"Id": "queue", "Arn": arn}])

    def take(count: int) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        deadline = time.monotonic() + 20
        while len(messages) < count and time.monotonic() < deadline:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
                messages.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    yield take
    events.remove_targets(Rule="hours", Ids=["queue"])
    events.delete_rule(Name="hours")
    sqs.delete_queue(QueueUrl=url)


def test_hours_are_announced_as_they_end(lake: Lake, heard: Callable[[int], list[dict[str, Any]]]) -> None:
    good, broken, absent = "2023-06-01-7", "2023-06-02-7", "2023-06-03-7"
    lake.serve(good, gz(*(event(n) for n in range(40))))
    lake.serve(broken, whole_hour()[:1000])
    runs = {hour: lake.run_hour(hour) for hour in (good, absent, broken)}
    found = {message["detail"]["hour"]: message for message in heard(2)}
    assert set(found) == {good, broken}, "an hour that the archive does not have causes no event"
    published, failed = found[good], found[broken]
    ledger = lake.ledger(good)
    assert published["detail-type"] == "HourPublished"
    assert published["detail"] == {
        "stack": "ghactivity",
        "hour": good,
        "version": ledger["version"],
        "verdict": ledger["verdict"],
        "rows": 40,
        "quarantined": 0,
        "partition_location": ledger["partition_location"],
        "execution_arn": runs[good].arn,
    }
    assert (failed["detail-type"], failed["detail"]["error"]) == ("HourFailed", runs[broken].error)
