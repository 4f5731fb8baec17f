"""The actions of `ghactivity local`. Servers keep running until `down`; their data stays in the directory."""

import json
import sys
from argparse import Namespace
from pathlib import Path

from botocore.exceptions import ClientError

from local_aws.dashboard import page
from local_aws.paths import shown
from local_aws.stack import build
from local_aws.stack.archive_hours import archive_hour, last_hours
from local_aws.stack.archive_server import SAMPLE_HOUR, ArchiveServer, write_sample_hour
from local_aws.stack.aws import LocalAws
from local_aws.stack.function_variables import by_function


def up(options: Namespace) -> None:
    """Builds, starts the local AWS and an archive server, and deploys. After an error it stops what it started."""
    build.build()
    aws = LocalAws(options.directory, port=options.port, detached=True)
    archive = ArchiveServer(options.directory, [] if options.source_url else served_hours(options), detached=True)
    was_running = aws.running()
    try:
        aws.start()
        url = options.source_url or archive.start().url
        aws.deploy({"SourceUrls": url, **parameters(options)})
    except BaseException:
        archive.stop()
        if not was_running:
            aws.stop()
        raise
    show(aws, archive)


def deploy(options: Namespace) -> None:
    """Builds and updates the stack. Parameters that `--parameter` does not name keep their values."""
    aws = LocalAws(options.directory)
    endpoint = aws.endpoint  # fails before the build if nothing runs
    build.build()
    aws.deploy({**deployed_parameters(aws), **parameters(options)})
    print(f"{aws.stack} at {endpoint} is up to date")


def status(options: Namespace) -> None:
    aws = LocalAws(options.directory)
    if not aws.running():
        sys.exit("the local AWS is not running; start it with 'ghactivity local up'")
    if options.json:
        source = deployed_parameters(aws).get("SourceUrls")
        facts = {"endpoint": aws.endpoint, "log": str(aws.log), "source": source, "outputs": aws.outputs()}
        print(json.dumps(facts, indent=2))
        return
    show(aws, ArchiveServer(options.directory, []))


def dashboard(options: Namespace) -> None:
    file = options.directory.resolve() / "dashboard.html"
    names = page.write(LocalAws(options.directory), file)
    print(f"{', '.join(names)}: {file}")


def down(options: Namespace) -> None:
    stopped = [LocalAws(options.directory).stop(), ArchiveServer(options.directory, []).stop()]
    print("stopped" if any(stopped) else "nothing was running")


def served_hours(options: Namespace) -> list[object]:
    """Returns the archive server's arguments: a folder, or generated hours and the hour of the sample events in `events/`."""
    if options.data:
        folder = options.data.expanduser()
        if not folder.is_dir():
            raise RuntimeError(f"{folder}: no such folder")
        return ["--dir", folder.resolve()]
    samples = options.directory / "sample-hour"
    samples.mkdir(parents=True, exist_ok=True)
    write_sample_hour(samples / f"{SAMPLE_HOUR}.json.gz")
    return ["--generate-last", options.hours, "--events", options.events, "--dir", samples.resolve()]


def parameters(options: Namespace) -> dict[str, str]:
    """Parses all `--parameter NAME=VALUE` options."""
    pairs = [text.partition("=") for text in options.parameter]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise RuntimeError(f"--parameter {wrong[0]}: NAME=VALUE is expected")
    return {name: value for name, _, value in pairs}


def deployed_parameters(aws: LocalAws) -> dict[str, str]:
    """The parameters of the deployed stack; none if there is no stack."""
    try:
        stack = aws.client("cloudformation").describe_stacks(StackName=aws.stack)["Stacks"][0]
    except ClientError:
        return {}
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}


def show(aws: LocalAws, archive: ArchiveServer) -> None:
    """Prints addresses, the stack's outputs, and commands to continue with."""
    print(f"{'local AWS':28} {aws.endpoint} (log: {aws.log})")
    print(f"{'source':28} {deployed_parameters(aws).get('SourceUrls')}")
    for name, value in sorted(aws.outputs().items()):
        if not name.endswith(("Console", "Command")):  # these work on AWS only
            print(f"{name:28} {value}")
    print("\nTo use it from this shell:")
    for name, value in aws.environment().items():
        print(f"  export {name}={value}")
    print("\nTo run the due hours and query them ('cargo build --release -p ghactivity' builds the command):")
    print(f"  ghactivity ingest{first_hour_options(archive)}")
    print("  ghactivity status --days 1")
    print('  ghactivity query "SELECT hour, count(*) AS events FROM events GROUP BY hour ORDER BY hour"')
    variables = shown(write_function_variables(aws, aws.directory))
    print("\nTo run one function with a sample event:")
    print(f"  .tools/dev/bin/cargo-lambda lambda watch --invoke-address 127.0.0.1 --env-file {variables}   # in another terminal")
    print("  .tools/dev/bin/cargo-lambda lambda invoke --invoke-address 127.0.0.1 fetch --data-file events/fetch.json")


def write_function_variables(aws: LocalAws, folder: Path) -> Path:
    """Writes the environment variables of all functions for `cargo lambda watch`. A name means the same in every function."""
    variables: dict[str, str] = {}
    for of_function in by_function(aws).values():
        variables |= of_function
    file = folder / "functions.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in sorted(variables.items())))
    return file


def first_hour_options(archive: ArchiveServer) -> str:
    """Options of `ghactivity ingest`. Generated hours begin later than a new job would by default."""
    arguments = archive.served_arguments()
    if "--generate-last" not in arguments:
        return ""
    count = int(arguments[arguments.index("--generate-last") + 1])
    return f" --from {archive_hour(last_hours(count))} --hours {count}"
