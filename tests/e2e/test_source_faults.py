"""The source is slow, cuts a reply, is busy, serves a stale reply, or replaces the file meanwhile. The hour is published, or it fails
with a typed error and the next run publishes it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import configured
from deployment import Execution, Lake
from local_aws.stack.archive_server import ArchiveServer
from stacks import Stacks
from test_bad_input import event, gz
from test_ingest import hours_before_now, small_hour

#: Requests of `process-hour` for a file: the first one and four retries.
TRIES = 5
RECORDS = 2000


@dataclass
class Case:
    """A fault of the source, and the end of the hour's first run: an error, a status, or nothing if it is published."""

    phrase: str
    faults: tuple[str, ...]
    error: str | None = None
    words: str = ""
    status: str = "published"


SHORT_PAUSE = "429 once, with a short Retry-After"
CUT_FOR_GOOD = ("cut:1000x1", "norangex1")
CHANGED = ("cut:1000x1", "etag:otherx1")
CASES = [
    Case("slow, but in time", ("slow:100",)),
    Case("too slow once", ("slow:3000x1",)),
    Case("too slow every time", (f"slow:3000x{TRIES}",), "SourceTimeout", "the download takes longer than 4 s"),
    Case("silent in the middle once", ("stall:1000x1",)),
    Case("cut twice and resumed", ("cut:1000x2",)),
    Case("cut once, and it sends no ranges", CUT_FOR_GOOD),
    Case("cut every time, and it sends no ranges", CUT_FOR_GOOD * TRIES, "SourceInterrupted", "byte 1000"),
    Case("500 twice", ("status:500x2",)),
    Case("500 every time", (f"status:500x{TRIES}",), "SourceUnavailable", "HTTP 500"),
    Case("429 twice", ("busy:120x2",)),
    Case(SHORT_PAUSE, ("busy:1x1",)),
    Case("429 every time", (f"busy:120x{TRIES}",), "SourceUnavailable", "HTTP 429, Retry-After: 120"),
    Case("another file midway, once", CHANGED),
    Case("another file midway, every time", CHANGED * TRIES, "SourceChanged", "byte 1000"),
    Case("a wrong MD5 once", ("md5x1",)),
    Case("a wrong CRC every time", (f"crcx{TRIES}",), "ChecksumMismatch", "crc32c"),
    Case("a stale 404 of an old hour", ("status:404x1",), status="missing"),
    Case("refused", ("status:403x1",), "SourceRefused", "HTTP 403"),
]
HOURS = [f"2018-04-{day:02}-0" for day in range(1, len(CASES) + 1)]
STALE = hours_before_now(3)[0]


@pytest.fixture(scope="module")
def ended(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lake, list[Execution]]]:
    """Runs the hours of all cases in parallel, and yields the executions. Waits of the state machines are divided by 50."""
    folder = tmp_path_factory.mktemp("hours")
    faults = [("--fault", f"{hour}={fault}") for hour, case in zip(HOURS, CASES, strict=True) for fault in case.faults]
    arguments = ["--dir", folder, "--fault", f"{STALE}=passx1", "--fault", f"{STALE}=status:404x1", *sum(faults, ())]
    with (
        ArchiveServer(tmp_path_factory.mktemp("archive"), arguments) as archive,
        stacks.start(tmp_path_factory.mktemp("aws"), wait_scale=0.02, SourceUrls=archive.url) as aws,
    ):
        lake = Lake(aws, aws.outputs(), folder)
        for hour in (*HOURS, STALE):
            lake.serve(hour, noisy_hour(hour))
        with configured(lake, ["fetch"], {"FETCH_TIMEOUT_SECS": "4"}):
            arns = [lake.start("ProcessHour", hour=hour, job_id="test_source_faults") for hour in HOURS]
            yield lake, [lake.wait(arn) for arn in arns]


def noisy_hour(hour: str) -> bytes:
    """Returns a file of several blocks of 64 KiB, because a slow source pauses between blocks."""
    noise = random.Random(hour)
    return gz(*(event(n, payload={"text": noise.randbytes(60).hex()}) for n in range(RECORDS)))


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.phrase for case in CASES])
def test_faulty_source_publishes_or_fails_by_name(ended: tuple[Lake, list[Execution]], number: int) -> None:
    lake, runs = ended
    hour, case, run = HOURS[number], CASES[number], runs[number]
    assert (run.status, run.error) == ("FAILED" if case.error else "SUCCEEDED", case.error), run
    ledger = lake.ledger(hour)
    if case.error:
        assert case.words in json.dumps(run.cause), run
        assert (ledger["status"], ledger["last_error"]["name"]) == ("failed", case.error)
        assert case.words in ledger["last_error"]["message"], "the ledger has the same details"
        assert lake.hour_objects(hour) == {}, "no object of an incomplete file"
    else:
        assert ledger["status"] == case.status
    if ledger["status"] != "published":
        assert lake.partition(hour) is None
        assert lake.run_hour(hour, job_id="test_source_faults").status == "SUCCEEDED", "the source works again"
    state = lake.state(hour)
    assert (state["ledger"]["status"], len(lake.rows(hour))) == ("published", RECORDS)
    lake.forget(hour)
    assert lake.run_hour(hour, job_id="test_source_faults").status == "SUCCEEDED"
    assert lake.state(hour) == state, "the same result as without a fault"


def test_short_pause_is_waited_for_without_a_retry(ended: tuple[Lake, list[Execution]]) -> None:
    lake, runs = ended
    [run] = [run for run, case in zip(runs, CASES, strict=True) if case.phrase == SHORT_PAUSE]
    pages = lake.sfn.get_paginator("get_execution_history").paginate(executionArn=run.arn)
    assert [entry["type"] for page in pages for entry in page["events"] if entry["type"].startswith("TaskFailed")] == []


def test_stale_404_of_a_recent_hour_is_retried(ended: tuple[Lake, list[Execution]]) -> None:
    """The HEAD request finds the file, and the later GET returns 404, as if from another server of the archive."""
    lake, _ = ended
    run = lake.ingest(job_id="test_stale", max_hours=1, **{"from": STALE})
    assert (run.status, run.output["published"], run.output["not_published"]) == ("SUCCEEDED", 0, 1), run
    assert (lake.ledger(STALE)["status"], lake.bookmark("test_stale")) == ("not_published", None)
    assert lake.run_hour(STALE, job_id="test_stale").status == "SUCCEEDED"
    assert (lake.ledger(STALE)["status"], lake.bookmark("test_stale")) == ("published", STALE)


def test_next_source_serves_what_the_first_lacks(stacks: Stacks, tmp_path: Path) -> None:
    """The ledger names the source that served the file."""
    own, absent, broken, down = (f"2018-05-{day:02}-0" for day in range(1, 5))
    recent = hours_before_now(3)[0]
    folders = [tmp_path / name for name in ("first", "second")]
    for folder, hours in zip(folders, ((own, broken), (own, absent, broken, down, recent)), strict=True):
        folder.mkdir()
        for hour in hours:
            (folder / f"{hour}.json.gz").write_bytes(small_hour(hour))
    with (
        ArchiveServer(tmp_path / "archives/first", ["--dir", folders[0], "--fault", f"{broken}=status:500"]) as first,
        ArchiveServer(tmp_path / "archives/second", ["--dir", folders[1]]) as second,
        stacks.start(tmp_path / "aws", SourceUrls=f"{first.url}, {second.url}") as aws,
    ):
        lake = Lake(aws, aws.outputs(), folders[0])

        def source_of(hour: str) -> str:
            item = lake.ledger(hour)
            assert (item["status"], len(lake.rows(hour))) == ("published", 30)
            url: str = item["source"]["url"]
            return url

        for hour, source in ((own, first), (absent, second), (broken, second)):
            assert lake.run_hour(hour).status == "SUCCEEDED"
            assert source_of(hour) == f"{source.url}/{hour}.json.gz"
        run = lake.ingest(max_hours=1, **{"from": recent})
        assert (run.status, run.output["published"]) == ("SUCCEEDED", 1), run
        assert source_of(recent) == f"{second.url}/{recent}.json.gz", "the hour is due when one source has it"
        first.stop()
        assert lake.run_hour(down).status == "SUCCEEDED"
        assert source_of(down) == f"{second.url}/{down}.json.gz"
        missing = lake.run_hour("2018-05-09-0")
        assert (missing.status, missing.error) == ("FAILED", "SourceUnavailable"), "the unavailable source may have the hour"
