"""`make demo`: hours from a source, through the real template on a local AWS, to answers in SQL. Stops all at the end.

Generated hours are run by `ingest`, as the schedule would; given hours (`--data`, `--from`) each by `process-hour`.
Ends with an error if any hour was not published or any query failed.
"""

import argparse
import json
import re
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

import build
from archive import Archive
from athena_client import QueryFailed
from deploy import DeployFailed
from local import add_source, source_arguments
from local_aws import ROOT, LocalAws
from progress import Watcher
from queries import named_queries
from table import print_table

DIRECTORY = ROOT / ".local/demo"
HOUR = re.compile(r"\d{4}-\d{2}-\d{2}-(\d|1\d|2[0-3])")
ROWS_SHOWN = 10


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: terminated; everything is stopped"))
    if LocalAws(options.directory).running():
        raise RuntimeError(f"another demo is running in {options.directory}; give this one another --directory")
    began = time.monotonic()
    step("Building the functions (cargo, dev profile)")
    build.build()
    built = time.monotonic()
    shutil.rmtree(options.directory, ignore_errors=True)
    with ExitStack() as stack:
        if not options.source_url:
            archive = stack.enter_context(Archive(options.directory, source_arguments(options)))
        url = options.source_url or archive.url
        step(f"Starting a local AWS; the source of hours is {url}")
        aws = stack.enter_context(LocalAws(options.directory))
        hours = wanted_hours(options)
        outputs = aws.deploy({"SourceUrl": url, "MaxHoursPerRun": min(len(hours), 1000)})
        print(f"  {aws.stack} deployed at {aws.endpoint} in {time.monotonic() - built:.1f} s")
        progress, execution = ingest(aws, outputs, hours) if generated(options) else process(aws, outputs, hours)
        failed = answer(aws, outputs, progress)
        where(aws, outputs, progress, execution)
    print(f"\nAll in {time.monotonic() - began:.0f} s, of these {built - began:.0f} s to build. Everything is stopped.")
    missing = sorted(set(hours) - {one.hour for one in progress if one.published})
    if missing or failed:
        sys.exit(f"demo: not published: {', '.join(missing) or 'none'}; failed queries: {', '.join(failed) or 'none'}")


def arguments():
    parser = argparse.ArgumentParser(description="From nothing to answers, on this machine.")
    add_source(parser)
    parser.add_argument("--from", dest="first", default="", help="first hour to take from --source-url, as 2025-11-21-0")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="made anew (default: .local/demo)")
    options = parser.parse_args()
    if options.source_url and not HOUR.fullmatch(options.first):
        parser.error("a source elsewhere needs --from (FROM=) with its first hour, such as 2025-11-21-0")
    if options.hours < 1:
        parser.error("--hours (HOURS=) must be at least 1")
    return options


def generated(options):
    return not options.source_url and not options.data


def wanted_hours(options):
    """The hours to ingest, oldest first."""
    if options.data:
        found = {path.name.removesuffix(".json.gz") for path in Path(options.data).expanduser().glob("*.json.gz")}
        hours = sorted((one for one in found if HOUR.fullmatch(one)), key=lambda one: list(map(int, one.split("-"))))
        if not hours:
            raise RuntimeError(f"{options.data} has no file named like 2025-11-21-0.json.gz")
        return hours
    now = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    first = now - timedelta(hours=options.hours)
    if options.source_url:
        day, of_day = options.first.rsplit("-", 1)
        first = datetime.strptime(day, "%Y-%m-%d").replace(hour=int(of_day), tzinfo=timezone.utc)
    return [archive_hour(first + timedelta(hours=index)) for index in range(options.hours)]


def archive_hour(moment):
    return f"{moment:%Y-%m-%d}-{moment.hour}"


def ingest(aws, outputs, hours):
    """Runs the state machine of the schedule, once; answers the hours' progress and the execution."""
    step(f"Running ingest from {hours[0]}: next-file names the hours, process-hour runs each")
    stepfunctions, since = aws.client("stepfunctions"), time.time() - 1
    arn = stepfunctions.start_execution(
        stateMachineArn=outputs["IngestStateMachineArn"], input=json.dumps({"from": hours[0]})
    )["executionArn"]
    watcher = Watcher(stepfunctions, outputs["ProcessHourStateMachineArn"], since)
    progress = watcher.follow(lambda: stepfunctions.describe_execution(executionArn=arn)["status"] != "RUNNING")
    ended = stepfunctions.describe_execution(executionArn=arn)
    print(f"  ingest {ended['status']}: {ended.get('output') or ended.get('error')} {ended.get('cause') or ''}".rstrip())
    return progress, arn


def process(aws, outputs, hours):
    """Runs process-hour for each hour, a few at once; answers the hours' progress and one of the executions."""
    step(f"Running process-hour for {len(hours)} hours, {hours[0]} to {hours[-1]}")
    stepfunctions, machine, since = aws.client("stepfunctions"), outputs["ProcessHourStateMachineArn"], time.time() - 1
    watcher, waiting, started = Watcher(stepfunctions, machine, since), list(hours), []

    def start_next():
        running = len(started) - sum(one.ended for one in watcher.hours.values())
        while waiting and running < 3:
            request = json.dumps({"hour": waiting.pop(0)})
            started.append(stepfunctions.start_execution(stateMachineArn=machine, input=request)["executionArn"])
            running += 1
        return not waiting and len(watcher.hours) == len(started)

    return watcher.follow(start_next), started[-1]


def answer(aws, outputs, progress):
    """Runs every named query for the day of the newest published hour; answers the names of those that failed."""
    published = [one.hour for one in progress if one.published]
    if not published:
        return ["all: there is no published hour to ask about"]
    step(f"Asking the named queries of the template (Athena's SQL), for {published[-1].rsplit('-', 1)[0]}")
    failed = []
    for query in named_queries():
        began = time.monotonic()
        try:
            result = aws.query(query.sql, query.parameters(published[-1]), outputs["GlueDatabaseName"], outputs["AthenaWorkGroupName"])
        except (QueryFailed, ValueError) as error:
            print(f"\n  {query.name}: {error}")
            failed.append(query.name)
            continue
        print(f"\n  {query.name}  ({milliseconds(began)} ms, {result.scanned_bytes:,} bytes scanned)")
        print_table(result.columns, result.types, result.rows, ROWS_SHOWN)
        if not result.rows:
            failed.append(f"{query.name} (no row)")
    return failed


def milliseconds(began):
    return round((time.monotonic() - began) * 1000)


def where(aws, outputs, progress, execution):
    step("Where everything is")
    bucket, database = outputs["DataBucketName"], outputs["GlueDatabaseName"]
    partitions = aws.query("SHOW PARTITIONS events", (), database, outputs["AthenaWorkGroupName"]).rows
    print(f"  source bytes   s3://{bucket}/landing/ghactivity/")
    print(f"  Parquet        s3://{bucket}/raw/ghactivity/")
    print(f"  bad records    s3://{bucket}/quarantine/ghactivity/")
    print(f"  query results  s3://{bucket}/athena-results/")
    print(f"  on this disk   {shown(aws.directory)}/s3/")
    print(f"  SQL            database {database}: table events, views events_flat and actions; workgroup {outputs['AthenaWorkGroupName']}")
    print(f"  partitions     {len(partitions)}: {', '.join(row[0] for row in partitions[:4])}{' …' if len(partitions) > 4 else ''}")
    print(f"  tables         {outputs['JobsTableName']}, {outputs['JobRunDetailsTableName']}, {outputs['ArchiveHoursTableName']}")
    print(f"  execution      {execution}")
    if progress:
        print(f"                 {progress[-1].arn}")
    print("\n  To have it back, with these hours, and keep it:")
    print(f"    make local-up DIRECTORY={shown(aws.directory)}")
    print("  Then, for example:")
    print("    make sql SQL=\"SELECT type, count(*) AS events FROM events_flat GROUP BY type ORDER BY 2 DESC\"")
    print(f"    .tools/dev/bin/aws stepfunctions get-execution-history --execution-arn {execution}")


def shown(path):
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def step(text):
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, DeployFailed) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit("demo: interrupted; everything is stopped")
