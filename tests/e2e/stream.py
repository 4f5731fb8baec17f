"""The event stream, deployed alone, for tests: puts events, waits until they are stored, and queries them."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_aws.paths import ROOT
from stacks import Stacks

TEMPLATE = ROOT / "sam/event-stream.yaml"
PUT_AT_ONCE = 500


class Stream:
    """A local AWS with `sam/event-stream.yaml` in it."""

    def __init__(self, stacks: Stacks, directory: Path, **parameters: Any) -> None:
        self._server = stacks.start(directory, TEMPLATE, "ghactivity-events", BatchWindowSeconds=0, **parameters)

    def __enter__(self) -> Stream:
        self.aws = self._server.__enter__()
        self.outputs = self.aws.outputs()
        self.kinesis, self.s3, self.lambda_ = (self.aws.client(name) for name in ("kinesis", "s3", "lambda"))
        self.dynamodb = self.aws.client("dynamodb")
        return self

    def __exit__(self, *details: Any) -> None:
        self._server.__exit__(*details)

    def put(self, *data: bytes | dict[str, Any]) -> list[tuple[str, str]]:
        """Puts records, and returns the shard and sequence number of each."""
        placed = []
        for at in range(0, len(data), PUT_AT_ONCE):
            records = [
                {"Data": one if isinstance(one, bytes) else json.dumps(one).encode(), "PartitionKey": str(at + index)}
                for index, one in enumerate(data[at : at + PUT_AT_ONCE])
            ]
            answer = self.kinesis.put_records(StreamName=self.outputs["StreamName"], Records=records)
            assert answer["FailedRecordCount"] == 0
            placed += [(one["ShardId"], one["SequenceNumber"]) for one in answer["Records"]]
        return placed

    def wait_for(self, count: int, timeout_secs: float = 60) -> None:
        """Waits until this number of events is stored. Fails if there are more."""
        deadline = time.monotonic() + timeout_secs
        while (stored := self.count()) < count:
            assert time.monotonic() < deadline, f"{stored} of {count} events are stored\n{self.aws.log_tail(60)}"
            time.sleep(0.2)
        assert stored == count

    def count(self) -> int:
        return int(self.query("SELECT count(*) AS events FROM stream_events")[0][0])

    def query(self, sql: str, *parameters: str) -> list[list[Any]]:
        return self.aws.query(sql, parameters, self.outputs["GlueDatabaseName"], self.outputs["AthenaWorkGroupName"]).rows

    def invoke(self, records: list[dict[str, Any]], **fields: object) -> dict[str, Any]:
        """Invokes the function with the event of an event source mapping."""
        name = "ghactivity-local-process-events"
        payload = json.dumps({"Records": records, **fields}).encode()
        answer = self.lambda_.invoke(FunctionName=name, Payload=payload, LogType="Tail")
        self.log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        body: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        return body

    def named_queries(self) -> list[str]:
        return list(self._named())

    def named(self, name: str) -> Callable[..., list[list[str]]]:
        """Returns a named query as a function. Its arguments are SQL text."""
        return lambda *parameters: self.query(self._named()[name], *parameters)

    def _named(self) -> dict[str, str]:
        athena = self.aws.client("athena")
        ids = athena.list_named_queries(WorkGroup=self.outputs["AthenaWorkGroupName"])["NamedQueryIds"]
        queries = [athena.get_named_query(NamedQueryId=one)["NamedQuery"] for one in ids]
        return {one["Name"]: one["QueryString"] for one in queries}

    def metrics(self) -> dict[str | tuple[str, str], float]:
        """Returns the metrics of the last `invoke`, by name, or by name and dimension value."""
        found: dict[str | tuple[str, str], float] = {}
        for line in self.log.splitlines():
            if '"_aws"' not in line:
                continue
            one = json.loads(line[line.index("{") :])
            [directive] = one["_aws"]["CloudWatchMetrics"]
            [[_, *dimension]] = directive["Dimensions"]
            for metric in directive["Metrics"]:
                name = metric["Name"]
                found[(name, one[dimension[0]]) if dimension else name] = one[name]
        return found

    def keys(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.outputs["EventBucketName"], Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def lines(self, prefix: str) -> list[dict[str, Any]]:
        """Returns the JSON lines of all objects under a prefix."""
        bucket = self.outputs["EventBucketName"]
        bodies = [self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in self.keys(prefix)]
        return [json.loads(line) for body in bodies for line in body.splitlines()]


def event(number: int, name: str = "lesson:started", created_at: int = 1_763_683_200_250, **fields: object) -> dict[str, Any]:
    """Returns an event. The same number gives the same event."""
    return {"event_uuid": str(uuid.UUID(int=number)), "event_name": name, "created_at": created_at, **fields}


def record(shard: int, sequence: int, data: bytes | dict[str, Any], arrived: float = 1_763_683_201.5) -> dict[str, Any]:
    """Returns a record in the form in which the event source mapping delivers it."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "key",
            "sequenceNumber": str(sequence),
            "data": base64.b64encode(body).decode(),
            "approximateArrivalTimestamp": arrived,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-{shard:012}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/process-events",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
    }
