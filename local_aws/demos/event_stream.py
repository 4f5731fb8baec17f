"""`make demo-events`: simulated events through the stream of a local AWS, each verified to be stored once; then SQL.

The events, a share of duplicates and of bad records, in any order, are put by `ghactivity events put` and held against what
is stored by `ghactivity events verify`. With `--kills` the function's processes are killed at work meanwhile, as often as
asked. Ends with an error if anything is missing, doubled or changed, or a query answers nothing that it should.
"""

import argparse
import random
import shutil
import sys
import threading
from pathlib import Path

from local_aws.stack import build
from local_aws.stack.ghactivity import Command
from local_aws.demos.lake import ask, exclusive, step
from local_aws.stack.aws import ROOT, LocalAws
from local_aws.stack.named_queries import named_queries

DIRECTORY = ROOT / ".local/demo-events"
STACK = "ghactivity-events"
TEMPLATE = ROOT / "sam/event-stream.yaml"
DAY = "2025-11-21"
#: Between two kills: a start of the function and some of its work.
BETWEEN_KILLS_SECS = (0.05, 0.6)


def main():
    options = arguments()
    lock = exclusive(options.directory)
    step("Building the function and the command (cargo, dev profile)")
    build.build()
    shutil.rmtree(options.directory, ignore_errors=True)
    with LocalAws(options.directory) as aws:
        aws.stack = STACK
        step("Deploying the event stream on a local AWS")
        settings = {"StreamShards": options.shards, "BatchRecords": options.batch, "BatchWindowSeconds": 1}
        outputs = aws.deploy(settings, template=TEMPLATE)
        print(f"  stream {outputs['StreamName']} at {aws.endpoint}, {options.shards} shards")
        with Killer(aws, options.kills, options.seed) as killer:
            step("Putting events")
            run(aws, "put", options)
            step("Verifying what is stored" + (f", while the function is killed {options.kills} times" if options.kills else ""))
            run(aws, "verify", options, "--wait", "120", "--settle", "5")
        if options.kills:
            print(f"  its processes were killed {killer.killed} times")
        sizes(aws, outputs, options.events)
        failed = answer(aws, outputs)
    lock.close()
    if failed or killer.killed < options.kills:
        sys.exit(f"demo-events: killed {killer.killed} of {options.kills} times; failed queries: {', '.join(failed) or 'none'}")
    print("\nEach event is stored once. Everything is stopped.")


def arguments():
    parser = argparse.ArgumentParser(description="Simulated events through the stream to SQL, on this machine.")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--duplicates", type=float, default=0.05)
    parser.add_argument("--poison", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kills", type=int, default=0, help="how often the function is killed at work (default: 0)")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--batch", type=int, default=1000, help="most records of a batch (default: 1000)")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="made anew (default: .local/demo-events)")
    return parser.parse_args()


def run(aws, action, options, *more):
    """Runs `ghactivity events`; ends with an error where that does."""
    simulated = ("--simulate", options.events, "--duplicates", options.duplicates, "--poison", options.poison, "--out-of-order")
    try:
        Command(aws).run("events", action, *simulated, "--seed", options.seed, "--day", DAY, *more)
    except RuntimeError as error:
        sys.exit(f"demo-events: {error}\n{aws.log_tail(40)}")


class Killer(threading.Thread):
    """Kills the function at work, again and again."""

    def __init__(self, aws, kills, seed):
        super().__init__(daemon=True)
        self.aws, self.kills, self.random = aws, kills, random.Random(seed)
        self.killed = 0
        self.over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        while self.killed < self.kills and not self.over.wait(self.random.uniform(*BETWEEN_KILLS_SECS)):
            self.killed += self.aws.kill_functions()


def sizes(aws, outputs, events):
    """Prints what the scaling note of ARCHITECTURE.md reckons with."""
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=outputs["EventBucketName"], Prefix="events/")
    objects = [one["Size"] for page in pages for one in page.get("Contents", [])]
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=outputs["ClaimsTableName"], Select="COUNT")
    claims = sum(page["Count"] for page in pages)
    print(f"  {len(objects):,} objects, {events / len(objects):,.0f} events and {sum(objects) / len(objects):,.0f} bytes each")
    print(f"  {sum(objects) / events:,.0f} bytes an event; {claims:,} items in the table of claims")


def answer(aws, outputs):
    """Asks the named queries; answers the names of those that failed or answered nothing."""
    database, workgroup = outputs["GlueDatabaseName"], outputs["AthenaWorkGroupName"]
    [[uuid]] = aws.query("SELECT min(event_uuid) FROM stream_events", (), database, workgroup).rows
    values = {"day": DAY, "type": "lesson", "event_uuid": uuid, "first day": DAY[:8] + "01", "last day": DAY[:8] + "30"}
    step(f"Asking the named queries of the template (Athena's SQL), for {DAY}")

    def complaint(query, rows):
        # The one that looks for mistakes must find none; all others must find something.
        return query.name if bool(rows) == ("twice" in query.name) else None

    return ask(aws, outputs, named_queries(TEMPLATE), lambda query: query.filled(values), complaint)


if __name__ == "__main__":
    main()
