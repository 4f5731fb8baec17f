"""`make demo-events`: sends simulated events through the stream of a local AWS, verifies that each is stored once, and queries them.

`ghactivity events put` sends events, duplicates and bad records in random order. `ghactivity events verify` compares them with what
is stored. With `--kills`, the function's processes are killed meanwhile. The demo fails if an event is missing, doubled or changed, or if
a query fails or returns no row.
"""

import argparse
import random
import shutil
import sys
import threading
from pathlib import Path
from typing import Self

from local_aws.demos.steps import lock_directory, run_queries, step
from local_aws.paths import LOCAL, ROOT
from local_aws.stack import build
from local_aws.stack.aws import LocalAws
from local_aws.stack.deploy import DeployError
from local_aws.stack.ghactivity_command import GhactivityCommand
from local_aws.stack.named_queries import NamedQuery, named_queries

STACK = "ghactivity-events"
TEMPLATE = ROOT / "sam/event-stream.yaml"
DAY = "2025-11-21"
#: Range of the pause between two kills: long enough for a start of the function and some of its work.
KILL_PAUSE_SECS = (0.05, 0.6)


def main() -> None:
    options = arguments()
    lock = lock_directory(options.directory)
    step("Building the function and the command (cargo, dev profile)")
    build.build()
    shutil.rmtree(options.directory, ignore_errors=True)
    with LocalAws(options.directory) as aws:
        aws.stack = STACK
        step("Deploying the event stream on a local AWS")
        settings = {"StreamShards": options.shards, "BatchRecords": options.batch, "BatchWindowSeconds": 1}
        outputs = aws.deploy(settings, template=TEMPLATE)
        print(f"  stream {outputs['StreamName']} at {aws.endpoint}, {options.shards} shards")
        with FunctionKiller(aws, options.kills, options.seed) as killer:
            step("Putting events")
            run_events(aws, "put", options)
            step("Verifying what is stored" + (f", while the function is killed {options.kills} times" if options.kills else ""))
            run_events(aws, "verify", options, "--wait", "120", "--settle", "5")
        if options.kills:
            print(f"  its processes were killed {killer.killed} times")
        show_sizes(aws, outputs, options.events)
        failed = query_day(aws, outputs)
    lock.close()
    if failed or killer.killed < options.kills:
        sys.exit(f"demo-events: killed {killer.killed} of {options.kills} times; failed queries: {', '.join(failed) or 'none'}")
    print("\nEach event is stored once. Everything is stopped.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Sends simulated events through the stream on this machine.")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--duplicates", type=float, default=0.05, help="share of duplicates (default: 0.05)")
    parser.add_argument("--poison", type=float, default=0.001, help="share of bad records (default: 0.001)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kills", type=int, default=0, help="kills of the function while it works (default: 0)")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--batch", type=int, default=1000, help="maximum of records in a batch (default: 1000)")
    parser.add_argument("--directory", type=Path, default=LOCAL / "demo-events", help="deleted first (default: .local/demo-events)")
    return parser.parse_args()


def run_events(aws: LocalAws, action: str, options: argparse.Namespace, *more: str) -> None:
    """Runs `ghactivity events ACTION`. Exits with the end of the server's log if that fails."""
    simulated = ("--simulate", options.events, "--duplicates", options.duplicates, "--poison", options.poison, "--out-of-order")
    try:
        GhactivityCommand(aws).run("events", action, *simulated, "--seed", options.seed, "--day", DAY, *more)
    except RuntimeError as error:
        sys.exit(f"demo-events: {error}\n{aws.log_tail(40)}")


class FunctionKiller(threading.Thread):
    """Kills the processes of functions at random moments, until it has killed `kills` or the `with` block ends."""

    def __init__(self, aws: LocalAws, kills: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.aws, self.kills, self.random = aws, kills, random.Random(seed)
        self.killed = 0
        self.over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        while self.killed < self.kills and not self.over.wait(self.random.uniform(*KILL_PAUSE_SECS)):
            self.killed += self.aws.kill_functions()


def show_sizes(aws: LocalAws, outputs: dict[str, str], events: int) -> None:
    """Prints the figures that the cost estimate of the event stream uses."""
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=outputs["EventBucketName"], Prefix="events/")
    sizes = [one["Size"] for page in pages for one in page.get("Contents", [])]
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=outputs["ClaimsTableName"], Select="COUNT")
    claims = sum(page["Count"] for page in pages)
    print(f"  {len(sizes):,} objects, {events / len(sizes):,.0f} events and {sum(sizes) / len(sizes):,.0f} bytes each")
    print(f"  {sum(sizes) / events:,.0f} bytes an event; {claims:,} items in the table of claims")


def query_day(aws: LocalAws, outputs: dict[str, str]) -> list[str]:
    """Runs the named queries and returns the names of those that failed."""
    database, workgroup = outputs["GlueDatabaseName"], outputs["AthenaWorkGroupName"]
    [[uuid]] = aws.query("SELECT min(event_uuid) FROM stream_events", (), database, workgroup).rows
    values = {"day": DAY, "type": "lesson", "event_uuid": uuid or "", "first day": f"{DAY[:8]}01", "last day": f"{DAY[:8]}30"}
    step(f"Running the named queries of the template (Athena's SQL) for {DAY}")

    def complaint(query: NamedQuery, rows: list[list[str | None]]) -> str | None:
        # The query that looks for duplicates must return no row, every other query at least one.
        return query.name if bool(rows) == ("twice" in query.name) else None

    return run_queries(aws, named_queries(TEMPLATE), lambda query: query.filled(values), complaint)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, DeployError) as error:
        sys.exit(f"demo-events: {error}")
