"""A damaged file fails the hour with a typed error and is not landed. Bad records never fail the hour, and each is counted."""

from __future__ import annotations

import gzip
import json
import random

import pytest

from conftest import DATA, NO_DATA
from deployment import Lake, partition_path

HOUR = "2018-03-{day:02}-{hour}"


def event(number: int, **fields: object) -> bytes:
    """A small event in the record shape of 2015 and later."""
    record = {
        "id": str(1_000_000 + number),
        "type": "WatchEvent",
        "actor": {"id": number, "login": f"user{number}", "gravatar_id": "", "url": f"https://api.github.com/users/user{number}"},
        "repo": {"id": number, "name": f"user{number}/repo", "url": f"https://api.github.com/repos/user{number}/repo"},
        "payload": {"action": "started"},
        "public": True,
        "created_at": "2018-03-01T00:00:01Z",
    }
    return json.dumps(record | fields, ensure_ascii=False).encode()


def gz(*lines: bytes) -> bytes:
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


def whole_hour(seed: int = 1) -> bytes:
    noise = random.Random(seed)
    return gz(*(event(n, payload={"text": "".join(noise.choices("abcdefghij", k=200))}) for n in range(400)))


def wrong_crc() -> bytes:
    body = bytearray(whole_hour())
    body[-8] ^= 0xFF
    return bytes(body)


def oddity(name: str) -> bytes | None:
    path = DATA / "oddities" / name
    return path.read_bytes() if path.exists() else None


TRANSPORT = [
    ("a 404 body saved as data", b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code></Error>", "NotGzip"),
    ("the real 404 body", oddity("http404-gcs-nosuchkey.2022-06-05-08.json.gz"), "NotGzip"),
    ("an HTML page", b"<!DOCTYPE html><html><body>Page not found</body></html>", "NotGzip"),
    ("the real HTML page", oddity("http404-html-page.2022-06-03-1.json.gz"), "NotGzip"),
    ("plain JSON", event(1) + b"\n", "NotGzip"),
    ("0 bytes", b"", "EmptyArchive"),
    ("zstd under the name", b"\x28\xb5\x2f\xfd" + bytes(64), "UnsupportedEncoding"),
    ("bzip2 under the name", b"BZh91AY&SY" + bytes(64), "UnsupportedEncoding"),
    ("cut in the header", whole_hour()[:5], "TruncatedArchive"),
    ("cut in the middle", whole_hour()[:2000], "TruncatedArchive"),
    ("cut in the trailer", whole_hour()[:-3], "TruncatedArchive"),
    ("a wrong CRC", wrong_crc(), "CorruptArchive"),
    ("trailing garbage", whole_hour() + b"garbage", "TrailingBytes"),
]


@pytest.mark.parametrize(
    ("number", "body", "error"),
    [pytest.param(n, body, error, id=name) for n, (name, body, error) in enumerate(TRANSPORT)],
)
def test_bad_file_fails_its_hour_and_lands_nothing(lake: Lake, number: int, body: bytes | None, error: str) -> None:
    if body is None:
        pytest.skip(NO_DATA)
    hour = HOUR.format(day=1 + number, hour=0)
    lake.serve(hour, body)
    run = lake.run_hour(hour, job_id="test_transport")
    assert (run.status, run.error) == ("FAILED", error), run
    assert lake.hour_objects(hour) == {}, "no object of the hour is in the bucket"
    assert lake.partition(hour) is None
    ledger = lake.ledger(hour)
    assert (ledger["status"], ledger["last_error"]["name"]) == ("failed", error)
    assert f"{hour}.json.gz" in ledger["last_error"]["message"], "the message names the file"
    assert any(item["hour"] == hour and item["error"]["name"] == error for item in lake.runs("test_transport"))


def test_hour_repaired_at_source_is_published(lake: Lake) -> None:
    hour = HOUR.format(day=20, hour=1)
    lake.serve(hour, whole_hour()[:2000])
    assert lake.run_hour(hour, job_id="test_repaired").status == "FAILED"
    lake.serve(hour, whole_hour())
    assert lake.run_hour(hour, job_id="test_repaired").status == "SUCCEEDED"
    ledger = lake.ledger(hour)
    assert (ledger["status"], ledger["counts"]["rows"]) == ("published", 400)
    assert "last_error" not in ledger


def test_hour_absent_from_source_is_missing(lake: Lake) -> None:
    hour = HOUR.format(day=21, hour=0)
    run = lake.run_hour(hour, job_id="test_absent")
    assert run.status == "SUCCEEDED", run
    assert run.output["status"] == "missing", "an absent hour of 2018 is missing at once"
    assert lake.ledger(hour)["status"] == "missing"
    assert lake.partition(hour) is None


def test_missing_hour_that_fails_stays_missing(lake: Lake) -> None:
    """The bookmark may have passed a missing hour. With status `failed` it would be before the bookmark, and no run would retry it."""
    hour, job = HOUR.format(day=21, hour=1), "test_missing_fails"
    assert lake.run_hour(hour, job_id=job).output["status"] == "missing"
    lake.serve(hour, whole_hour())
    version = lake.invoke("fetch", {"hour": hour})["version"]
    stray = f"raw/ghactivity/{partition_path(hour)}/{version}/stray.parquet"
    lake.s3.put_object(Bucket=lake.bucket, Key=stray, Body=b"not ours")
    run = lake.run_hour(hour, job_id=job)
    assert (run.status, run.error) == ("FAILED", "ObjectMissing"), run
    assert lake.ledger(hour)["status"] == "missing"
    lake.s3.delete_object(Bucket=lake.bucket, Key=stray)
    assert lake.run_hour(hour, job_id=job).status == "SUCCEEDED"
    assert lake.ledger(hour)["status"] == "published"


@pytest.mark.parametrize(
    ("number", "body"),
    [
        pytest.param(0, gz(event(1)) + gz(event(2), event(3)), id="two members"),
        pytest.param(1, gz(event(1), event(2), event(3)) + bytes(512), id="zero padding after the last member"),
        pytest.param(2, gzip.compress(b"\n".join([event(1), event(2), event(3)]), mtime=0), id="no final line feed"),
        pytest.param(
            3,
            gzip.compress(b"\xef\xbb\xbf" + b"\r\n".join([event(1), b"", event(2), b"  ", event(3)]), mtime=0),
            id="BOM, CRLF and blank lines",
        ),
    ],
)
def test_unusual_but_legal_files_are_read_whole(lake: Lake, number: int, body: bytes) -> None:
    hour = HOUR.format(day=22, hour=number)
    lake.serve(hour, body)
    assert lake.run_hour(hour, job_id="test_legal").status == "SUCCEEDED"
    assert [row["id"] for row in lake.rows(hour)] == ["1000001", "1000002", "1000003"]
    assert lake.ledger(hour)["counts"]["quarantined"] == 0


def test_empty_gzip_is_published_as_tiny(lake: Lake) -> None:
    hour = HOUR.format(day=23, hour=0)
    lake.serve(hour, gz())
    assert lake.run_hour(hour, job_id="test_nothing").status == "SUCCEEDED"
    ledger = lake.ledger(hour)
    assert (ledger["status"], ledger["counts"]["records"], ledger["verdict"]) == ("published", 0, "tiny")


def test_bad_records_are_quarantined_byte_for_byte(lake: Lake) -> None:
    good = [event(n) for n in range(50)]
    long_good = event(90, payload={"body": "ö" * 6_000_000})
    bad = [
        (b"\x00\x00" + good[0][:-2] + b"\x00}", "a NUL inside a record"),
        (event(60)[:100] + event(61), "a torn record"),
        (event(62)[:-30], "a record cut short"),
        (event(63, actor="caf\u00e9").replace("é".encode(), b"\xe9"), "invalid UTF-8"),
        (event(64).replace(b"started", b"\\ud83d"), "an unpaired surrogate"),
        (event(65).replace(b"started", b"a\tb"), "a raw control character"),
        (event(66).replace(b'"started"', b"[" * 10_000 + b"]" * 10_000), "nested 10,000 deep"),
        (b"[" + event(67) + b"]", "an array"),
        (b"null", "null"),
        (b'{"index":{"_id":"1"}}', "not an event"),
        (b'{"message":"API rate limit exceeded"}', "an API error"),
        (event(68, created_at="2018-03-01T00:00:60Z"), "a leap second"),
        (event(69, created_at="yesterday"), "no time"),
        (b'{"id":"70","type":"WatchEvent","x":"' + b"y" * (20 << 20) + b'"}', "a 20 MB record"),
    ]
    joined = event(80) + event(81, payload={"text": "}{"})
    lines = [*good, *(line for line, _ in bad), joined, long_good, event(82).replace(b"started", b"\\u0000"), good[7]]
    random.Random(7).shuffle(lines)
    first_copy = lines.index(good[7])
    hour = HOUR.format(day=24, hour=0)
    lake.serve_lines(hour, lines)
    run = lake.run_hour(hour, job_id="test_bad_records")
    assert run.status == "SUCCEEDED", run
    counts = lake.ledger(hour)["counts"]
    stored = len(good) + 4
    assert counts == {
        "lines": len(lines),
        "blank_lines": 0,
        "records": stored + 1 + len(bad),
        "rows": stored,
        "duplicates": 1,
        "quarantined": len(bad),
    }
    rows = lake.rows(hour)
    assert len(rows) == stored
    assert {row["source_line"] for row in rows if row["id"] == "1000007"} == {first_copy + 1}, "the first of the equal lines is stored"

    text = b"".join(line + b"\n" for line in lines)
    by_line = dict(bad)
    quarantined = lake.quarantined(hour)
    assert len(quarantined) == len(bad)
    import base64

    for entry in quarantined:
        line = lines[entry["line"] - 1]
        phrase = by_line[line]
        raw = base64.b64decode(entry["raw"])
        assert entry["reason"], phrase
        if phrase == "a 20 MB record":
            assert entry["length"] == len(line) and line.startswith(raw) and entry["truncated"] is True
            continue
        assert text[entry["offset"] : entry["offset"] + entry["length"]] == raw, phrase
        assert raw.strip(b"\x00") == line.strip(b"\x00"), phrase


def test_file_without_line_feeds_is_split_into_records(lake: Lake) -> None:
    hour = HOUR.format(day=25, hour=0)
    lake.serve(hour, gzip.compress(b"".join(event(n, payload={"text": "}{" * 50}) for n in range(3000)), mtime=0))
    assert lake.run_hour(hour, job_id="test_joined").status == "SUCCEEDED"
    assert [row["id"] for row in lake.rows(hour)] == [str(1_000_000 + n) for n in range(3000)]


def test_bulk_file_gives_events_and_quarantine(lake: Lake) -> None:
    body = oddity("quickwit-es-bulk.2015-02-01-0.json.gz")
    if body is None:
        pytest.skip(NO_DATA)
    hour = HOUR.format(day=26, hour=0)
    lake.serve(hour, body)
    assert lake.run_hour(hour, job_id="test_bulk").status == "SUCCEEDED"
    counts = lake.ledger(hour)["counts"]
    lines = gzip.decompress(body).splitlines()
    events = [line for line in lines if b'"index"' not in line[:10]]
    actions = len(lines) - len(events)
    assert (counts["rows"], counts["quarantined"], counts["duplicates"]) == (len(events), 1, actions - 1), "the action lines are equal"
    assert {entry["reason"] for entry in lake.quarantined(hour)} == {"missing-type"}


def test_noise_in_gzip_is_quarantined(lake: Lake) -> None:
    hour = HOUR.format(day=27, hour=0)
    noise = random.Random(0).randbytes(200_000)  # all of its lines differ; short random lines could be equal by chance
    lake.serve(hour, gzip.compress(noise, mtime=0))
    assert lake.run_hour(hour, job_id="test_noise").status == "SUCCEEDED"
    counts = lake.ledger(hour)["counts"]
    assert counts["rows"] == 0
    assert counts["records"] == counts["quarantined"] > 700
