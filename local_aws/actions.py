"""The local AWS by hand: `up`, `deploy`, `status`, `ingest`, `sql`, `dashboard`, `down`, as the Makefile calls them.

    .tools/local/bin/python -m local_aws up --hours 3
    .tools/local/bin/python -m local_aws deploy --parameter ChunkRecords=500

What runs stays until `down`, with its data below `.local/aws`, also over a restart.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.stack import build
from local_aws.dashboard import page as dashboards
from local_aws.stack.archive_server import SAMPLE_HOUR, Archive, write_sample_hour
from local_aws.stack.archive_hours import archive_hour, last_hours
from local_aws.stack.athena_client import QueryFailed
from local_aws.stack.ghactivity import Command
from local_aws.stack.deploy import DeployFailed
from local_aws.stack.aws import DIRECTORY, LocalAws, shown
from local_aws.text_table import print_table


def main():
    options = arguments()
    try:
        options.command(options)
    except (DeployFailed, QueryFailed, RuntimeError, ClientError, BotoCoreError) as error:
        sys.exit(f"local: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"local: {' '.join(map(str, error.cmd[:2]))} failed")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever reads the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def arguments():
    parser = argparse.ArgumentParser(description="A local AWS with the stack in it.")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where everything is kept (default: .local/aws)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("up", up, "build, start the local AWS and the source, deploy"),
        ("deploy", deploy, "build and bring the stack up to date"),
        ("status", status, "what runs, and what the stack put where"),
        ("ingest", ingest, "run the hours that are due"),
        ("sql", sql, "run one statement through Athena"),
        ("dashboard", dashboard, "draw the dashboards from what the functions counted"),
        ("down", down, "stop everything; the data stays"),
    ):
        sub = commands.add_parser(name, help=text)
        sub.set_defaults(command=command)
        if command in (up, deploy):
            sub.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template")
        if command is ingest:
            sub.add_argument("--from", dest="first", default="", help="first hour of a job that has none, as 2025-11-21-0")
        if command is status:
            sub.add_argument("--json", action="store_true", help="print one JSON object")
        if command is sql:
            sub.add_argument("statement", help="in Athena's SQL")
            sub.add_argument("parameter", nargs="*", help="for each ?, as SQL text: \"'2025'\"")
        if command is up:
            add_source(sub)
            sub.add_argument("--port", type=int, default=4566, help="of the local AWS (default: 4566); 0 takes a free one")
    return parser.parse_args()


def add_source(parser):
    """The options that say where hours come from; `source_arguments` understands them."""
    parser.add_argument("--source-url", default="", help="an archive elsewhere, such as https://data.gharchive.org")
    parser.add_argument("--data", default="", help="serve the hours of this folder")
    parser.add_argument("--hours", type=int, default=3, help="without the former two: generate so many last hours")
    parser.add_argument("--events", type=int, default=10_000, help="events of a generated hour")


def source_arguments(options):
    """The archive server's arguments for these options."""
    if options.data:
        folder = Path(options.data).expanduser()
        if not folder.is_dir():
            raise RuntimeError(f"{folder}: no such folder")
        return ["--dir", folder.resolve()]
    return ["--generate-last", options.hours, "--events", options.events]


def served(options):
    """The archive server's arguments: the hours of these options, and that of the sample events in `events/`."""
    arguments = source_arguments(options)
    if "--dir" in arguments:
        return arguments
    folder = options.directory / "sample-hour"
    folder.mkdir(parents=True, exist_ok=True)
    write_sample_hour(folder / f"{SAMPLE_HOUR}.json.gz")
    return [*arguments, "--dir", folder.resolve()]


def up(options):
    build.build()
    aws = LocalAws(options.directory, port=options.port, detached=True)
    archive = Archive(options.directory, [] if options.source_url else served(options), detached=True)
    started = not aws.running()
    try:
        aws.start()
        url = options.source_url or archive.start().url
        aws.deploy({"SourceUrls": url, **parameters(options)})
    except BaseException:
        archive.stop()
        if started:
            aws.stop()
        raise
    show(aws, archive)


def deploy(options):
    aws = LocalAws(options.directory)
    endpoint = aws.endpoint  # before the build: without a server there is nothing to deploy to
    build.build()
    aws.deploy({**previous(aws), **parameters(options)})
    print(f"{aws.stack} at {endpoint} is up to date")


def previous(aws):
    """The parameters with which the stack was deployed last."""
    try:
        stack = aws.client("cloudformation").describe_stacks(StackName=aws.stack)["Stacks"][0]
    except ClientError:
        return {}
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}


def parameters(options):
    pairs = [one.partition("=") for one in options.parameter]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise RuntimeError(f"--parameter {wrong[0]}: NAME=VALUE is expected")
    return {name: value for name, _, value in pairs}


def ingest(options):
    Command(LocalAws(options.directory)).run("ingest", *(["--from", options.first] if options.first else []))


def sql(options):
    result = LocalAws(options.directory).query(options.statement, options.parameter)
    print_table(result.columns, result.types, result.rows, most=1000)
    print(f"\n  {len(result.rows):,} rows, {result.scanned_bytes:,} bytes scanned, results in {result.output_location}")


def dashboard(options):
    file = options.directory.resolve() / "dashboard.html"
    names = dashboards.write(LocalAws(options.directory), file)
    print(f"{', '.join(names)}: {file}")


def status(options):
    aws = LocalAws(options.directory)
    if not aws.running():
        print("the local AWS is not running; start it with: ghactivity local up (or make local-up)")
        sys.exit(1)
    if options.json:
        facts = {"endpoint": aws.endpoint, "log": str(aws.directory / "server.log"), "source": previous(aws).get("SourceUrls")}
        print(json.dumps({**facts, "outputs": aws.outputs()}, indent=2))
        return
    show(aws, Archive(options.directory, []))


def show(aws, archive):
    print(f"{'local AWS':28} {aws.endpoint} (log: {aws.directory / 'server.log'})")
    print(f"{'source':28} {previous(aws).get('SourceUrls')}")
    for name, value in sorted(aws.outputs().items()):
        if not name.endswith(("Console", "Command")):  # these are of AWS itself
            print(f"{name:28} {value}")
    print("\nTo use it from this shell:")
    for name, value in aws.environment().items():
        print(f"  export {name}={value}")
    print("\nTo run the hours that are due, and to ask about them (cargo build --release -p ghactivity makes the command):")
    print(f"  ghactivity ingest{first_hour(archive)}")
    print("  ghactivity status --days 1")
    print('  ghactivity query "SELECT hour, count(*) AS events FROM events GROUP BY hour ORDER BY hour"')
    print("\nTo try one function by itself, with a sample event:")
    print(f"  .tools/dev/bin/cargo-lambda lambda watch --invoke-address 127.0.0.1 --env-file {shown(write_variables(aws))}   # elsewhere")
    print("  .tools/dev/bin/cargo-lambda lambda invoke --invoke-address 127.0.0.1 fetch --data-file events/fetch.json")


def write_variables(aws, folder=None):
    """What all functions read, for `cargo lambda watch`: no two of them call different things by one name."""
    variables = {}
    for name in build.functions():
        try:
            variables |= aws.function_variables(build.logical_id(name))
        except KeyError:  # of a part that this stack was deployed without
            continue
    file = (folder or aws.directory) / "functions.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in sorted(variables.items())))
    return file


def first_hour(archive):
    """Generated hours do not reach back as far as a new job would begin."""
    arguments = (archive.running() or {}).get("arguments", [])
    if "--generate-last" not in arguments:
        return ""
    count = int(arguments[arguments.index("--generate-last") + 1])
    return f" --from {archive_hour(last_hours(count))} --hours {count}"


def down(options):
    stopped = [LocalAws(options.directory).stop(), Archive(options.directory, []).stop()]
    print("stopped" if any(stopped) else "nothing was running")
