"""`make demo`: hours from a source, through the real template on a local AWS, to answers in SQL. Stops all at the end.

The command `ghactivity` starts the local AWS, runs the hours and shows what became of them, as it does by hand. Generated hours
are run by `ghactivity ingest`, as the schedule would; given hours (`--data`, `--from`) each by `ghactivity hour`.
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

from local_aws.stack import build
from local_aws.stack.archive_hours import archive_hour, last_hours, moment
from local_aws.stack.athena_client import QueryFailed
from local_aws.stack.ghactivity import Command, program
from local_aws.stack.deploy import DeployFailed
from local_aws.actions import add_source
from local_aws.stack.aws import ROOT, LocalAws, shown
from local_aws.stack.named_queries import named_queries
from local_aws.text_table import print_table

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
    hours = wanted_hours(options)
    with ExitStack() as stack:
        aws = LocalAws(options.directory)
        command = Command(aws)
        stack.callback(command.run, "local", "down", quietly=True)
        step("Starting a local AWS and a source of hours: ghactivity local up")
        began_up = time.monotonic()
        command.run("local", "up", "--port", "0", *source(options), *parameters(hours, options), quietly=True)
        print(f"  {aws.stack} deployed at {aws.endpoint} in {time.monotonic() - began_up:.1f} s")
        outcome = run_hours(command, hours, options)
        if not options.data:  # files may be years apart
            step("What became of every hour: ghactivity status")
            command.run("status", "--from", hours[0], "--to", hours[-1])
        outputs = aws.outputs()
        published = [one["hour"] for one in outcome["hours"] if one["status"] == "published"]
        failed = answer(aws, outputs, sorted(published, key=moment))
        where(aws, outputs, outcome["execution"])
    lock.close()
    print(f"\nAll in {time.monotonic() - began:.0f} s, of these {built - began:.0f} s to build. Everything is stopped.")
    missing = sorted(set(hours) - set(published), key=moment)
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


def source(options):
    """What `ghactivity local up` serves hours from."""
    if options.source_url:
        return ["--source-url", options.source_url]
    if options.data:
        return ["--data", Path(options.data).expanduser().resolve()]
    return ["--hours", options.hours, "--events", options.events]


def parameters(hours, options):
    """Of the template. Small generated hours are cut smaller than others, so that there is something to watch."""
    settings = {"MaxHoursPerRun": min(len(hours), 1000)}
    if generated(options):
        settings["ChunkRecords"] = min(10_000, max(1_000, options.events // 8))
    return [part for name, value in settings.items() for part in ("--parameter", f"{name}={value}")]


def wanted_hours(options):
    """The hours to ingest, oldest first."""
    if options.data:
        found = {path.name.removesuffix(".json.gz") for path in Path(options.data).expanduser().glob("*.json.gz")}
        hours = sorted((one for one in found if HOUR.fullmatch(one)), key=lambda one: list(map(int, one.split("-"))))
        if not hours:
            raise RuntimeError(f"{options.data} has no file named like 2025-11-21-0.json.gz")
        return hours
    first = moment(options.first) if options.source_url else last_hours(options.hours)
    return [archive_hour(first + timedelta(hours=index)) for index in range(options.hours)]


def run_hours(command, hours, options):
    """What became of the hours, and the last execution."""
    if generated(options):
        step(f"Running the hours that are due: ghactivity ingest --from {hours[0]}")
        return command.answer("ingest", "--from", hours[0])
    step(f"Running {len(hours)} hours, {hours[0]} to {hours[-1]}: ghactivity hour, one after the other")
    told = [command.answer("hour", hour) for hour in hours]
    return {"hours": [hour for one in told for hour in one.get("hours", [])], "execution": told[-1].get("execution", "")}


def answer(aws, outputs, published):
    """Runs every named query for the day of the newest published hour; answers the names of those that failed."""
    if not published:
        return ["all: there is no published hour to ask about"]
    newest = published[-1]
    step(f"Asking the named queries of the template (Athena's SQL), for {newest.rsplit('-', 1)[0]}")
    complaint = lambda query, rows: None if rows else f"{query.name} (no row)"
    return ask(aws, outputs, named_queries(), lambda query: query.parameters(newest), complaint)


def ask(aws, outputs, queries, parameters, complaint):
    """Runs queries and prints their answers; answers what failed, by name.

    `parameters` are those of a query; `complaint` says of a query and its rows what is wrong, if anything is.
    """
    failed = []
    for query in queries:
        began = time.monotonic()
        try:
            result = aws.query(query.sql, parameters(query), outputs["GlueDatabaseName"], outputs["AthenaWorkGroupName"])
        except (QueryFailed, ValueError) as error:
            print(f"\n  {query.name}: {error}")
            failed.append(query.name)
            continue
        milliseconds = round((time.monotonic() - began) * 1000)
        print(f"\n  {query.name}  ({milliseconds} ms, {result.scanned_bytes:,} bytes scanned)")
        print_table(result.columns, result.types, result.rows, ROWS_SHOWN)
        if wrong := complaint(query, result.rows):
            failed.append(wrong)
    return failed


def where(aws, outputs, execution):
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
    directory = shown(aws.directory)
    print("\n  To have it back, with these hours, and keep it; then, for example, to follow that execution or to ask something:")
    print(f"    make local-up DIRECTORY={directory}")
    print(f"    eval \"$({shown(program())} local env --directory {directory})\"")
    print(f"    {shown(program())} watch {execution}")
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
