"""Live progress of process-hour executions, read from Step Functions' own history: one line for each hour.

On a terminal the lines are redrawn in place; elsewhere a line is printed whenever an hour enters another state.
"""

import json
import shutil
import sys
import time
from dataclasses import dataclass, field

STATES = ("Fetch", "ConvertChunks", "RegisterPartition", "CommitBookmark")
TITLES = {"Fetch": "Fetch", "RegisterPartition": "Register", "CommitBookmark": "Commit"}
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
BAR = 12


@dataclass
class HourProgress:
    """What is known of one execution so far."""

    arn: str
    hour: str
    status: str = "RUNNING"
    state: str = ""
    done_states: set = field(default_factory=set)
    chunks: int | None = None
    chunks_done: int = 0
    output: dict = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0

    @property
    def ended(self):
        return self.status in ENDED

    @property
    def published(self):
        return self.status == "SUCCEEDED" and self.output.get("status") == "published"


class Watcher:
    """Follows all executions of one state machine that began at or after `since` (a time stamp)."""

    def __init__(self, stepfunctions, machine_arn, since):
        self.stepfunctions = stepfunctions
        self.machine_arn = machine_arn
        self.since = since
        self.hours = {}
        self.board = Board()

    def follow(self, finished, interval_secs=0.2):
        """Redraws until `finished()` is true and every execution has ended; answers the hours in order."""
        while True:
            last = finished()
            self.update()
            self.board.draw(self.in_order())
            if last and all(one.ended for one in self.hours.values()):
                self.board.close(self.in_order())
                return self.in_order()
            time.sleep(interval_secs)

    def in_order(self):
        return sorted(self.hours.values(), key=lambda one: [int(part) for part in one.hour.split("-")])

    def update(self):
        pages = self.stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=self.machine_arn)
        for execution in (one for page in pages for one in page["executions"]):
            arn = execution["executionArn"]
            if arn not in self.hours and execution["startDate"].timestamp() >= self.since:
                self.hours[arn] = HourProgress(arn, self.hour_of(arn))
        for one in self.hours.values():
            if not one.ended:
                self.refresh(one)

    def hour_of(self, arn):
        return json.loads(self.stepfunctions.describe_execution(executionArn=arn)["input"])["hour"]

    def refresh(self, progress):
        description = self.stepfunctions.describe_execution(executionArn=progress.arn)
        pages = self.stepfunctions.get_paginator("get_execution_history").paginate(executionArn=progress.arn)
        read_history(progress, (event for page in pages for event in page["events"]))
        ended = description.get("stopDate")
        progress.seconds = (ended.timestamp() if ended else time.time()) - description["startDate"].timestamp()
        progress.output = json.loads(description.get("output") or "{}")
        progress.error = ": ".join(filter(None, [description.get("error"), description.get("cause")]))
        progress.status = description["status"]


def read_history(progress, events):
    """Brings `progress` to what the execution's events tell, from the first to the newest."""
    progress.done_states, progress.chunks_done = set(), 0
    for event in events:
        kind = event["type"]
        if kind.endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            progress.state = name if name in STATES else progress.state
        elif kind.endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            progress.done_states.add(name)
            if name == "Fetch":
                progress.chunks = json.loads(event["stateExitedEventDetails"].get("output") or "{}").get("chunks")
        elif kind == "TaskSucceeded" and progress.state == "ConvertChunks":
            progress.chunks_done += 1


class Board:
    """Where the lines go."""

    def __init__(self, output=None):
        self.output = output or sys.stdout
        self.redraws = self.output.isatty()
        self.height = 0
        self.printed = {}

    def draw(self, hours):
        if self.redraws:
            self.redraw(fitting(hours, shutil.get_terminal_size().lines - 2))
        else:
            for one in (one for one in hours if one.state or one.ended):
                if self.printed.get(one.arn) != (key := (one.state, one.status, tenth(one))):
                    self.printed[one.arn] = key
                    self.output.write(line(one) + "\n")
        self.output.flush()

    def redraw(self, hours):
        """Goes up over the lines drawn before; none may be wider than the terminal."""
        width = shutil.get_terminal_size().columns - 1
        up = f"\x1b[{self.height}A" if self.height else ""
        self.output.write(up + "\x1b[J" + "".join(f"{line(one)[:width]}\n" for one in hours))
        self.height = len(hours)

    def close(self, hours):
        """Leaves all hours on the screen."""
        if self.redraws:
            self.redraw(hours)
            self.height = 0


def fitting(hours, most):
    """As many hours as there are lines: those that are running, and the newest that have ended."""
    spare = max(most - sum(not one.ended for one in hours), 0)
    ended = [one.arn for one in hours if one.ended]
    kept = set(ended[len(ended) - spare :] if spare < len(ended) else ended)
    return [one for one in hours if not one.ended or one.arn in kept][:most]


def tenth(one):
    """Without a terminal, the chunks of an hour give ten lines at most."""
    return one.chunks_done * 10 // one.chunks if one.chunks else 0


def line(one):
    """`2025-11-21-0   Fetch ✓  Chunks ██████░░░░░░ 5/10  Register    Commit      1.2 s`"""
    cells = []
    for state in STATES:
        mark = "✓" if state in one.done_states else "…" if state == one.state and not one.ended else " "
        if state == "ConvertChunks":
            cells.append(f"Chunks {bar(one)} {mark}")
        else:
            cells.append(f"{TITLES[state]} {mark}")
    return f"  {one.hour:14} {'  '.join(cells)}  {one.seconds:5.1f} s  {outcome(one)}".rstrip()


def bar(one):
    total = one.chunks or 0
    done = min(one.chunks_done, total)
    filled = BAR * done // total if total else 0
    count = f"{done}/{total if one.chunks is not None else '?'}"
    return "█" * filled + "░" * (BAR - filled) + f" {count:>7}"


def outcome(one):
    if one.published:
        return f"{one.output.get('rows', 0):,} rows"
    if one.status == "SUCCEEDED":
        return one.output.get("reason") or one.output.get("status", "done")
    return f"{one.status} {one.error[:200]}" if one.ended else ""
