"""`make demo`: hours from a source, through the real template on a local AWS, to answers in SQL. Stops all at the end.

Generated hours are run by `ingest`, as the schedule would; given hours (`--data`, `--from`) each by `process-hour`.
Ends with an error if any hour was not published or any query failed.
"""

import argparse
import fcntl
import re
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import build
import runs
from archive import Archive
from athena_client import QueryFailed
from deploy import DeployFailed
from local import add_source, source_arguments
from local_aws import ROOT, LocalAws, shown
from queries import named_queries
from table import print_table

DIRECTORY = ROOT / ".local/demo"
HOUR = re.compile(r"\d{4}-\d{2}-\d{2}-(\d|1\d|2[0-3])")
ROWS_SHOWN = 10


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: terminated; everything is stopped"))
    lock = exclusive(options.directory)
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
        outputs = aws.deploy({"SourceUrls": url, "MaxHoursPerRun": min(len(hours), 1000), **chunk_size(options)})
        print(f"  {aws.stack} deployed at {aws.endpoint} in {time.monotonic() - built:.1f} s")
        progress, execution = run_hours(aws, outputs, hours, options)
        failed = answer(aws, outputs, progress)
        where(aws, outputs, progress, execution)
    lock.close()
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


def exclusive(directory):
    """The demo makes its directory anew: two of them must not share one, nor a local AWS that was left running in it."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    lock = open(directory.with_name(f"{directory.name}.lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RuntimeError(f"another demo is running in {shown(directory)}") from error
    if LocalAws(directory).running():
        raise RuntimeError(f"a local AWS is running in {shown(directory)}; make local-down DIRECTORY={shown(directory)} stops it")
    return lock


def generated(options):
    return not options.source_url and not options.data


def chunk_size(options):
    """Small generated hours are cut smaller than others, so that there is something to watch."""
    return {"ChunkRecords": min(10_000, max(1_000, options.events // 8))} if generated(options) else {}


def wanted_hours(options):
    """The hours to ingest, oldest first."""
    if options.data:
        found = {path.name.removesuffix(".json.gz") for path in Path(options.data).expanduser().glob("*.json.gz")}
        hours = sorted((one for one in found if HOUR.fullmatch(one)), key=lambda one: list(map(int, one.split("-"))))
        if not hours:
            raise RuntimeError(f"{options.data} has no file named like 2025-11-21-0.json.gz")
        return hours
    first = runs.moment(options.first) if options.source_url else runs.last_hours(options.hours)
    return [runs.archive_hour(first + timedelta(hours=index)) for index in range(options.hours)]


def run_hours(aws, outputs, hours, options):
    """Answers the hours' progress and the execution to look at."""
    if generated(options):
        step(f"Running ingest from {hours[0]}: next-file names the hours, process-hour runs each")
        return runs.ingest(aws, outputs, hours[0])
    step(f"Running process-hour for {len(hours)} hours, {hours[0]} to {hours[-1]}")
    return runs.process(aws, outputs, hours)


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
    directory = shown(aws.directory)
    print("\n  How to look at an execution, on the local AWS (below) or as on AWS itself:")
    print(f"    aws stepfunctions get-execution-history --execution-arn {execution}")
    print("\n  To have it back, with these hours, and keep it; then, for example, to ask it something:")
    print(f"    make local-up DIRECTORY={directory}")
    print(f"    make sql DIRECTORY={directory} SQL=\"SELECT type, count(*) AS events FROM events_flat GROUP BY type ORDER BY 2 DESC\"")


def step(text):
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, DeployFailed) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit("demo: interrupted; everything is stopped")
