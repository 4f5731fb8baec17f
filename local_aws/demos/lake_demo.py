"""`make demo`: builds, deploys to a local AWS, publishes hours and queries them. Stops everything at the end.

`ghactivity` does the work, as it does by hand. It publishes generated hours with `ingest`, as the schedule does, and hours of `--data` or
`--source-url` one by one with `hour`. The demo fails if an hour is not published or a query fails.
"""

import argparse
import re
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from local_aws.demos.steps import lock_directory, run_queries, step
from local_aws.paths import LOCAL, shown
from local_aws.stack import build
from local_aws.stack.archive_hours import archive_hour, last_hours, moment
from local_aws.stack.aws import LocalAws
from local_aws.stack.deploy import DeployError
from local_aws.stack.ghactivity_command import GhactivityCommand
from local_aws.stack.named_queries import NamedQuery, named_queries

HOUR = re.compile(r"\d{4}-\d{2}-\d{2}-(\d|1\d|2[0-3])")
MAX_PARTITIONS_SHOWN = 4


def main() -> None:
    options = arguments()
    signal.signal(signal.SIGTERM, exit_on_signal)
    lock = lock_directory(options.directory)
    began = time.monotonic()
    step("Building the functions (cargo, dev profile)")
    build.build()
    build_secs = time.monotonic() - began
    shutil.rmtree(options.directory, ignore_errors=True)
    hours = wanted_hours(options)
    with ExitStack() as stack:
        aws = LocalAws(options.directory)
        command = GhactivityCommand(aws)
        stack.callback(command.run, "local", "down", quiet=True)
        deploy(command, aws, hours, options)
        outcome = run_hours(command, hours, options)
        if not options.data:  # files may be years apart
            step("Status of each hour: ghactivity status")
            command.run("status", "--from", hours[0], "--to", hours[-1])
        published = sorted((one["hour"] for one in outcome["hours"] if one["status"] == "published"), key=moment)
        failed = query_newest(aws, published)
        show_locations(aws, outcome["execution"])
    lock.close()
    print(f"\nDone in {time.monotonic() - began:.0f} s, {build_secs:.0f} s of it to build. Everything is stopped.")
    missing = sorted(set(hours) - set(published), key=moment)
    if missing or failed:
        sys.exit(f"demo: not published: {', '.join(missing) or 'none'}; failed queries: {', '.join(failed) or 'none'}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Publishes hours on this machine and queries them.")
    parser.add_argument("--source-url", default="", help="archive to take hours from, such as https://data.gharchive.org")
    parser.add_argument("--data", default="", help="folder of hours to serve")
    parser.add_argument("--hours", type=int, default=3, help="hours to generate, or to take from --source-url (default: 3)")
    parser.add_argument("--events", type=int, default=10_000, help="events of a generated hour (default: 10000)")
    parser.add_argument("--from", dest="first", default="", help="first hour to take from --source-url, as 2025-11-21-0")
    parser.add_argument("--directory", type=Path, default=LOCAL / "demo", help="deleted first (default: .local/demo)")
    options = parser.parse_args()
    if options.source_url and not HOUR.fullmatch(options.first):
        parser.error("--source-url (SOURCE_URL=) needs --from (FROM=), its first hour, such as 2025-11-21-0")
    if options.hours < 1:
        parser.error("--hours (HOURS=) must be at least 1")
    return options


def exit_on_signal(_signum: int, _frame: FrameType | None) -> None:
    sys.exit("demo: terminated; everything is stopped")


def wanted_hours(options: argparse.Namespace) -> list[str]:
    """The hours to publish, oldest first."""
    if options.data:
        found = {path.name.removesuffix(".json.gz") for path in Path(options.data).expanduser().glob("*.json.gz")}
        hours = sorted((name for name in found if HOUR.fullmatch(name)), key=moment)
        if not hours:
            raise RuntimeError(f"{options.data} has no file named like 2025-11-21-0.json.gz")
        return hours
    first = moment(options.first) if options.source_url else last_hours(options.hours)
    return [archive_hour(first + timedelta(hours=index)) for index in range(options.hours)]


def deploy(command: GhactivityCommand, aws: LocalAws, hours: list[str], options: argparse.Namespace) -> None:
    step("Starting a local AWS and a source of hours: ghactivity local up")
    began = time.monotonic()
    command.run("local", "up", "--port", "0", *source_options(options), *parameter_options(hours, options), quiet=True)
    print(f"  {aws.stack} deployed at {aws.endpoint} in {time.monotonic() - began:.1f} s")


def is_generated(options: argparse.Namespace) -> bool:
    return not options.source_url and not options.data


def source_options(options: argparse.Namespace) -> list[object]:
    if options.source_url:
        return ["--source-url", options.source_url]
    if options.data:
        return ["--data", Path(options.data).expanduser().resolve()]
    return ["--hours", options.hours, "--events", options.events]


def parameter_options(hours: list[str], options: argparse.Namespace) -> list[str]:
    """Parameters of the template. Small generated hours get smaller chunks, so that each has several."""
    settings = {"MaxHoursPerRun": min(len(hours), 1000)}
    if is_generated(options):
        settings["ChunkRecords"] = min(10_000, max(1_000, options.events // 8))
    return [part for name, value in settings.items() for part in ("--parameter", f"{name}={value}")]


def run_hours(command: GhactivityCommand, hours: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """The status of each hour (`hours`) and the last execution (`execution`)."""
    if is_generated(options):
        step(f"Publishing the due hours: ghactivity ingest --from {hours[0]}")
        return command.json_output("ingest", "--from", hours[0])
    step(f"Publishing {len(hours)} hours, {hours[0]} to {hours[-1]}: ghactivity hour, one after the other")
    reports = [command.json_output("hour", hour) for hour in hours]
    statuses = [status for report in reports for status in report.get("hours", [])]
    return {"hours": statuses, "execution": reports[-1].get("execution", "")}


def query_newest(aws: LocalAws, published: list[str]) -> list[str]:
    """Runs every named query for the day of the newest published hour, and returns what failed."""
    if not published:
        return ["all: no hour was published"]
    newest = published[-1]
    step(f"Running the named queries of the template (Athena's SQL) for {newest.rsplit('-', 1)[0]}")

    def complaint(query: NamedQuery, rows: list[list[str | None]]) -> str | None:
        return None if rows else f"{query.name} (no row)"

    return run_queries(aws, named_queries(), lambda query: query.parameters(newest), complaint)


def show_locations(aws: LocalAws, execution: str) -> None:
    step("Where everything is")
    outputs = aws.outputs()
    bucket, database, workgroup = outputs["DataBucketName"], outputs["GlueDatabaseName"], outputs["AthenaWorkGroupName"]
    partitions = [row[0] or "" for row in aws.query("SHOW PARTITIONS events", (), database, workgroup).rows]
    more = " …" if len(partitions) > MAX_PARTITIONS_SHOWN else ""
    print(f"  source bytes   s3://{bucket}/landing/ghactivity/")
    print(f"  Parquet        s3://{bucket}/raw/ghactivity/")
    print(f"  bad records    s3://{bucket}/quarantine/ghactivity/")
    print(f"  query results  s3://{bucket}/athena-results/")
    print(f"  on this disk   {shown(aws.directory)}/s3/")
    print(f"  SQL            database {database}: table events, views events_flat and actions; workgroup {workgroup}")
    print(f"  partitions     {len(partitions)}: {', '.join(partitions[:MAX_PARTITIONS_SHOWN])}{more}")
    print(f"  tables         {outputs['JobsTableName']}, {outputs['JobRunDetailsTableName']}, {outputs['ArchiveHoursTableName']}")
    print(f"  execution      {execution}")
    directory, binary = shown(aws.directory), shown(GhactivityCommand.binary())
    print("\n  To start it again with these hours, follow that execution, and run a query:")
    print(f"    make local-up DIRECTORY={directory}")
    print(f'    eval "$({binary} local env --directory {directory})"')
    print(f"    {binary} watch {execution}")
    print(f'    {binary} query "SELECT type, count(*) AS events FROM events_flat GROUP BY type ORDER BY 2 DESC"')


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, DeployError) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit("demo: interrupted; everything is stopped")
