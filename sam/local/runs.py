"""Runs the state machines of a deployed stack and shows their progress."""

import json
import time
from datetime import datetime, timedelta, timezone

from progress import Watcher

HOURS_AT_ONCE = 3


def ingest(aws, outputs, first=None):
    """Runs the state machine of the schedule, once; answers the hours' progress and the execution.

    `first` is the hour that a job without any hour begins with.
    """
    stepfunctions, since = aws.client("stepfunctions"), time.time() - 1
    arn = stepfunctions.start_execution(
        stateMachineArn=outputs["IngestStateMachineArn"], input=json.dumps({"from": first} if first else {})
    )["executionArn"]
    watcher = Watcher(stepfunctions, outputs["ProcessHourStateMachineArn"], since)
    progress = watcher.follow(lambda: stepfunctions.describe_execution(executionArn=arn)["status"] != "RUNNING")
    ended = stepfunctions.describe_execution(executionArn=arn)
    print(f"  ingest {ended['status']}: {ended.get('output') or ended.get('error')} {ended.get('cause') or ''}".rstrip())
    return progress, arn


def process(aws, outputs, hours):
    """Runs process-hour for each hour, a few at once; answers the hours' progress and the last execution."""
    stepfunctions, machine, since = aws.client("stepfunctions"), outputs["ProcessHourStateMachineArn"], time.time() - 1
    watcher, waiting, started = Watcher(stepfunctions, machine, since), list(hours), []

    def start_next():
        running = len(started) - sum(one.ended for one in watcher.hours.values())
        while waiting and running < HOURS_AT_ONCE:
            request = json.dumps({"hour": waiting.pop(0)})
            started.append(stepfunctions.start_execution(stateMachineArn=machine, input=request)["executionArn"])
            running += 1
        return not waiting and len(watcher.hours) == len(started)

    return watcher.follow(start_next), started[-1]


def last_hours(count):
    """The moment at which the last `count` hours that are over began."""
    return datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(hours=count)


def moment(hour):
    """The beginning of an hour of the archive: 2025-11-21-0."""
    day, of_day = hour.rsplit("-", 1)
    return datetime.strptime(day, "%Y-%m-%d").replace(hour=int(of_day), tzinfo=timezone.utc)


def archive_hour(when):
    """`moment` the other way round."""
    return f"{when:%Y-%m-%d}-{when.hour}"
