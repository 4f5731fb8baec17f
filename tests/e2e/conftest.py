"""One local AWS with the real template for all tests, and a source whose folder the tests fill."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "sam/local"))

from fault_proxy import FaultProxy  # noqa: E402
from deployment import Lake  # noqa: E402
from local_aws import LocalAws  # noqa: E402

#: Real hours and real oddities, where they are at hand.
DATA = Path(os.environ.get("GHACTIVITY_DATA") or ROOT / "../shared/data").resolve()
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug"
FUNCTIONS = ("next-file", "fetch", "convert-chunk", "register-partition", "commit-bookmark", "list-hours")

#: Files of real records without an hour's name, and the hour that they are served under.
SAMPLES = {
    "2014-2021.sample-mixed.jsonl": "2014-06-01-0",
    "2019-11-27-3.first100.jsonl": "2019-11-27-3",
    "2021-07-21.hours6-9.first200each.jsonl": "2021-07-21-6",
    "2026-06-01-15.head4000.jsonl": "2026-06-01-15",
    "2026-06-01-15.and.2025-09-15-15.seven-events.jsonl": "2025-09-15-15",
}


def real_hours() -> list[object]:
    """The complete real hours, or one skipped entry that says why there are none."""
    return sorted(DATA.glob("*.json.gz")) or [_absent()]


def real_samples() -> list[object]:
    return [(hour, DATA / name) for name, hour in SAMPLES.items() if (DATA / name).exists()] or [_absent(2)]


def _absent(values: int = 1) -> object:
    warnings.warn(f"no real hours at {DATA}: their tests are skipped", stacklevel=2)
    return pytest.param(*[None] * values, marks=pytest.mark.skip(reason=f"no real hours at {DATA}"), id="absent")


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An archive server over an empty folder: its address and the folder."""
    folder = tmp_path_factory.mktemp("source")
    command = [BINARIES / "archive-server", "--dir", folder, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline()
        assert line.startswith("listening on http://"), line
        yield line.split()[-1], folder
        server.terminate()


@pytest.fixture(scope="session")
def lake(source: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    address, folder = source
    with LocalAws(tmp_path_factory.mktemp("aws")) as aws:
        outputs = aws.deploy({"SourceUrl": address})
        yield Lake(aws, outputs, folder)


@pytest.fixture(scope="session")
def ghactivity(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line against the local AWS, away from the project's own `samconfig.toml`."""
    folder = tmp_path_factory.mktemp("shell")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}

    def run(*arguments: str, environment: dict[str, str] | None = None, **settings: Any) -> subprocess.CompletedProcess[str]:
        variables = clean | lake.aws.environment() | (environment or {})
        command = [BINARIES / "ghactivity", *arguments]
        settings = {"cwd": folder, "env": variables, "capture_output": True, "text": True, "timeout": 300} | settings
        return subprocess.run(command, **settings)

    return run


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Bytes of a generated hour; options are those of `archive-server generate`."""
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
    """Makes a job that is answerable from an hour on, as next-file does at a job's first run."""

    def make(job_id: str, first_hour: str) -> None:
        lake.invoke("next-file", {"job_id": job_id, "max_hours": 1, "from": first_hour})
        assert lake.job(job_id)["first_hour"] == first_hour

    return make


@pytest.fixture
def fault_proxy(lake: Lake) -> Iterator[FaultProxy]:
    """A proxy that all calls of the functions to AWS pass through while the test runs, each tried once; small chunks."""
    proxy = FaultProxy(lake.aws.endpoint)
    settings = {f"AWS_ENDPOINT_URL_{service}": proxy.url for service in ("S3", "DYNAMODB", "GLUE")}
    settings |= {"AWS_MAX_ATTEMPTS": "1", "CHUNK_RECORDS": "500"}
    before = {}
    for function in FUNCTIONS:
        name = lake.function_name(function)
        before[name] = lake.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        lake.lambda_.update_function_configuration(
            FunctionName=name, Environment={"Variables": before[name] | settings}
        )
    lake.proxied_dynamodb = lake.aws.client("dynamodb", endpoint_url=proxy.url, config=Config(retries={"total_max_attempts": 1}))
    yield proxy
    for name, variables in before.items():
        lake.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    proxy.close()
