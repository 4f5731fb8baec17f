"""Events from the stream to SQL, each once: the template deployed alone, the real function, the local Kinesis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stream import Stream, event, record


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    with Stream(tmp_path_factory.mktemp("aws"), StreamShards=2) as stream:
        yield stream


def test_events_go_from_the_stream_to_sql_each_once(stream: Stream) -> None:
    events = [event(number, "lesson:started" if number % 2 else "product:processed:timeout") for number in range(1000)]
    stream.put(*events, *events[:100])
    stream.wait_for(1000)
    rows = stream.query(
        "SELECT event_type, event_date, event_subtype, created_datetime, count(DISTINCT event_uuid) FROM stream_events "
        "GROUP BY 1, 2, 3, 4 ORDER BY 1"
    )
    assert rows == [
        ["lesson", "2025-11-21", "started", "2025-11-21T00:00:00.250Z", "500"],
        ["product", "2025-11-21", "processed:timeout", "2025-11-21T00:00:00.250Z", "500"],
    ]


def test_a_batch_that_comes_again_changes_nothing(stream: Stream) -> None:
    before = stream.count()
    batch = [record(7, 100 + number, event(5000 + number, user={"id": number})) for number in range(40)]
    assert stream.invoke(batch) == {"batchItemFailures": []}
    objects = stream.keys("events/")
    for again in (batch, batch[:13], batch[7:], batch[20:21]):
        assert stream.invoke(again) == {"batchItemFailures": []}
    assert stream.keys("events/") == objects
    assert stream.count() == before + 40
    uuid = event(5003)["event_uuid"]
    assert stream.query(f"SELECT other FROM stream_events WHERE event_uuid = '{uuid}'") == [['{"user":{"id": 3}}']]
