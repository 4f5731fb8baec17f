"""One local AWS with the real template for all tests, and a source whose folder the tests fill."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from xdist.scheduler import LoadScopeScheduling

import fault_matrix
from deployment import Lake
from fault_proxy import Fault, FaultProxy
from local_aws.stack.archive_server import ArchiveServer
from stacks import Stacks

ROOT = Path(__file__).resolve().parents[2]

#: Folders with real hours and real unusual records. `make real-data` downloads some hours to the first one.
DATA_FOLDERS = (ROOT / ".local/real-data", ROOT / "../shared/data")
DATA = Path(os.environ.get("GHACTIVITY_DATA") or next((one for one in DATA_FOLDERS if one.exists()), DATA_FOLDERS[0])).resolve()
NO_DATA = f"no real data at {DATA}"
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug"
FUNCTIONS = ("next-file", "fetch", "convert-chunk", "register-partition", "commit-bookmark", "list-hours", "export-ledger", "prove-hour")

#: Part size of multipart uploads under faults: an hour of three chunks has three parts. The local AWS accepts any size, S3 at least 5 MiB.
PART_BYTES = 200_000

#: Files of real records that are not named after an hour, and the hour under which the source serves each.
SAMPLES = {
    "2014-2021.sample-mixed.jsonl": "2014-06-01-0",
    "2019-11-27-3.first100.jsonl": "2019-11-27-3",
    "2021-07-21.hours6-9.first200each.jsonl": "2021-07-21-6",
    "2026-06-01-15.head4000.jsonl": "2026-06-01-15",
    "2026-06-01-15.and.2025-09-15-15.seven-events.jsonl": "2025-09-15-15",
}


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Runs all tests of a file in one process, except those of `test_faults.py`, which are long and share only the stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return nodeid if file.endswith("test_faults.py") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the fault matrix if fault tests ran, and the number of tests that were skipped because there is no real data."""
    absent = [report for report in terminalreporter.getreports("skipped") if NO_DATA in str(report.longrepr)]
    if absent:
        terminalreporter.section("skipped")
        terminalreporter.write_line(f"{len(absent)} tests: {NO_DATA}; `make real-data` downloads some hours")
    properties = [one for report in terminalreporter.getreports("passed") for one in report.user_properties if report.when == "call"]
    if found := sorted((value for name, value in properties if name == fault_matrix.PROPERTY), key=fault_matrix.order):
        terminalreporter.section("faults at every call")
        terminalreporter.write_line(fault_matrix.matrix(found))


def real_hours() -> list[Any]:
    """Returns the files of the real hours. If there are none, returns one skipped parameter with the reason."""
    return sorted(DATA.glob("*.json.gz")) or [_absent()]


def real_samples() -> list[Any]:
    return [(hour, DATA / name) for name, hour in SAMPLES.items() if (DATA / name).exists()] or [_absent(2)]


def _absent(values: int = 1) -> Any:
    return pytest.param(*[None] * values, marks=pytest.mark.skip(reason=NO_DATA), id="absent")


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Starts an archive server on an empty folder. Yields its address and the folder."""
    folder = tmp_path_factory.mktemp("source")
    with ArchiveServer(tmp_path_factory.mktemp("archive"), ["--dir", folder]) as archive:
        yield archive.url, folder


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    """The stacks that are deployed once for all processes of this test run."""
    base = tmp_path_factory.getbasetemp()
    return Stacks((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "stacks")


@pytest.fixture(scope="session")
def lake(source: tuple[str, Path], stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    address, folder = source
    with stacks.start(tmp_path_factory.mktemp("aws"), SourceUrls=address) as aws:
        yield Lake(aws, aws.outputs(), folder)


@pytest.fixture(scope="session")
def ghactivity(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `ghactivity` against the local AWS, in a folder without a `samconfig.toml`."""
    folder = tmp_path_factory.mktemp("shell")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}

    def run(*arguments: str, environment: dict[str, str] | None = None, **settings: Any) -> subprocess.CompletedProcess[str]:
        variables = clean | lake.aws.environment() | (environment or {})
        command: list[str | Path] = [BINARIES / "ghactivity", *arguments]
        settings = {"cwd": folder, "env": variables, "capture_output": True, "text": True, "timeout": 300} | settings
        return subprocess.run(command, **settings)

    return run


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Returns the bytes of a generated hour. The options are those of `archive-server generate`."""
    folder = tmp_path_factory.mktemp("generated")

    def run(hour: str, *options: str) -> bytes:
        file = folder / f"{hour}.json.gz"
        subprocess.run(
            [BINARIES / "archive-server", "generate", "--hour", hour, "--out", file, *options],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return file.read_bytes()

    return run


@pytest.fixture(scope="session")
def job_starting_at(lake: Lake) -> Callable[[str, str], None]:
    """Creates a job with the given first hour, by the call of next-file that a job's first run makes."""

    def make(job_id: str, first_hour: str) -> None:
        lake.invoke("next-file", {"job_id": job_id, "max_hours": 1, "from": first_hour})
        assert lake.job(job_id)["first_hour"] == first_hour

    return make


@contextmanager
def configured(lake: Lake, functions: Iterable[str], variables: dict[str, str], **settings: object) -> Iterator[None]:
    """Changes settings of the functions and adds environment variables until the `with` block ends."""
    before = {}
    for function in functions:
        name = lake.function_name(function)
        found = lake.lambda_.get_function_configuration(FunctionName=name)
        before[name] = {"Environment": found["Environment"]} | {key: found[key] for key in settings}
        environment = {"Variables": found["Environment"]["Variables"] | variables}
        lake.lambda_.update_function_configuration(FunctionName=name, Environment=environment, **settings)
    try:
        yield
    finally:
        for name, found in before.items():
            lake.lambda_.update_function_configuration(FunctionName=name, **found)


@contextmanager
def stream_paused(lake: Lake) -> Iterator[None]:
    """Stops calls of export-ledger by the ledger's stream until the `with` block ends."""
    found = lake.lambda_.list_event_source_mappings(FunctionName=lake.function_name("export-ledger"))
    [mapping] = [one["UUID"] for one in found["EventSourceMappings"]]
    lake.lambda_.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        lake.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)


def through(proxy: FaultProxy) -> dict[str, str]:
    """Returns the environment variables that send a function's calls through the proxy."""
    return {f"AWS_ENDPOINT_URL_{service}": proxy.url for service in ("S3", "DYNAMODB", "GLUE")}


@pytest.fixture
def fault_proxy(lake: Lake, request: pytest.FixtureRequest) -> Iterator[FaultProxy]:
    """Sends all calls of the functions to AWS through a proxy with the fault of the parameter, while the test runs.

    Chunks and parts of uploads are small. The ledger's stream calls no function.
    """
    fault = request.param
    proxy = FaultProxy(lake.aws.endpoint, fault)
    attempts = 3 if fault is Fault.REPEATED else 1
    variables = through(proxy) | {"AWS_MAX_ATTEMPTS": str(attempts), "CHUNK_RECORDS": "500", "UPLOAD_PART_BYTES": str(PART_BYTES)}
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"})
    if fault is Fault.DELAYED:
        variables |= {"AWS_READ_TIMEOUT_MS": "1000"}
        config = config.merge(Config(read_timeout=1))
    lake.proxied_dynamodb = lake.aws.client("dynamodb", endpoint_url=proxy.url, config=config)
    with stream_paused(lake), configured(lake, FUNCTIONS, variables):
        yield proxy
    proxy.close()
