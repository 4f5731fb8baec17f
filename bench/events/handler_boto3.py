"""The Lambda in Python with boto3 and pyarrow: PAYLOAD ROUNDS STYLE. Prints events and CPU seconds.

STYLE `batched` makes the same calls as the Lambda: 25 claims a call. STYLE `single` claims each event by its own conditional
put, as most handlers of this kind do. Both write the same objects as the Lambda.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import json
import os
import re
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import ClientError

TYPES = set(os.environ["EVENT_TYPES"].split(","))
TABLE, BUCKET = os.environ["CLAIMS_TABLE"], os.environ["DATA_BUCKET"]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
CONFIG = Config(s3={"addressing_style": "path"}, retries={"mode": "standard"})
DYNAMODB = boto3.client("dynamodb", config=CONFIG)
S3 = boto3.client("s3", config=CONFIG)
INSERT = (
    f"INSERT INTO \"{TABLE}\" VALUE {{'event_uuid': ?, 'version': ?, 'object': ?, 'record': ?, 'arrived_at': ?, "
    "'claimed_until': ?, 'expires_at': ?}"
)
NOTE = f"INSERT INTO \"{TABLE}\" VALUE {{'event_uuid': ?, 'expires_at': ?}}"
SCHEMA = pa.schema(
    [
        pa.field("event_uuid", pa.string(), nullable=False),
        pa.field("event_name", pa.string(), nullable=False),
        pa.field("event_subtype", pa.string(), nullable=False),
        pa.field("created_at", pa.int64(), nullable=False),
        pa.field("created_datetime", pa.string(), nullable=False),
        pa.field("other", pa.string()),
    ]
)

# A row, its record, and its time of arrival in milliseconds.
Member = tuple[tuple[Any, ...], str, int]


def handler(event: dict[str, Any], style: str) -> tuple[int, dict[str, Any]]:
    records = event["Records"]
    first, last = records[0]["eventID"], records[-1]["kinesis"]["sequenceNumber"]
    groups: defaultdict[tuple[str, str], list[Member]] = defaultdict(list)
    seen: set[str] = set()
    for record in records:
        arrived = record["kinesis"]["approximateArrivalTimestamp"] * 1000
        fields = json.loads(base64.b64decode(record["kinesis"]["data"]))
        uuid, name, created = fields.pop("event_uuid"), fields.pop("event_name"), fields.pop("created_at")
        if not UUID.fullmatch(uuid) or not isinstance(created, int) or not 1577836800000 <= created <= arrived + 86400000:
            raise ValueError("poison")
        if uuid in seen:
            continue
        seen.add(uuid)
        event_type, _, subtype = name.partition(":")
        moment = datetime.datetime.fromtimestamp(created / 1000, datetime.UTC)
        row = (
            uuid.lower(),
            name,
            subtype or "n.a",
            created,
            moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            json.dumps(fields) if fields else None,
        )
        partition = (event_type if event_type in TYPES else "other", moment.strftime("%Y-%m-%d"))
        groups[partition].append((row, f"{record['eventID']}#0", int(arrived)))
    objects: dict[str, list[Member]] = {}
    for (event_type, date), members in groups.items():
        digest = hashlib.md5("".join(f"{row[0]}0{row[1]}{row[3]}{row[5]}" for row, *_ in members).encode()).hexdigest()
        shard, sequence = first.split(":")
        objects[f"events/event_type={event_type}/event_date={date}/{shard}-{sequence}-{last}-{digest}.parquet"] = members
    claim_all(objects, style)
    for key, members in objects.items():
        columns = list(zip(*(row for row, *_ in members), strict=True))
        sink = io.BytesIO()
        table = pa.table([pa.array(column, type=field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)
        pq.write_table(table, sink, compression="snappy", use_dictionary=["event_name", "event_subtype"])
        S3.put_object(Bucket=BUCKET, Key=key, Body=sink.getvalue(), IfNoneMatch="*", Metadata={"rows": str(len(members))})
    expires = str(int(time.time()) + 604800)
    keys = list(objects)
    for at in range(0, len(keys), 25):
        DYNAMODB.batch_execute_statement(
            Statements=[{"Statement": NOTE, "Parameters": [{"S": f"stored {key}"}, {"N": expires}]} for key in keys[at : at + 25]]
        )
    return len(records), {"batchItemFailures": []}


def claim_all(objects: dict[str, list[Member]], style: str) -> None:
    now = time.time()
    until, expires = str(int(now * 1000) + 180000), str(int(now) + 604800)
    claims = [(row[0], key, record, str(arrived)) for key, members in objects.items() for row, record, arrived in members]
    if style == "single":
        for uuid, key, record, arrived in claims:
            item = {"event_uuid": {"S": uuid}, "version": {"N": "1"}, "object": {"S": key}, "record": {"S": record}}
            item |= {"arrived_at": {"N": arrived}, "claimed_until": {"N": until}, "expires_at": {"N": expires}}
            try:
                DYNAMODB.put_item(TableName=TABLE, Item=item, ConditionExpression="attribute_not_exists(event_uuid)")
            except ClientError as error:
                raise ValueError("lost") from error
        return
    for at in range(0, len(claims), 25):
        statements = [
            {
                "Statement": INSERT,
                "Parameters": [{"S": u}, {"N": "1"}, {"S": k}, {"S": r}, {"N": a}, {"N": until}, {"N": expires}],
            }
            for u, k, r, a in claims[at : at + 25]
        ]
        answer = DYNAMODB.batch_execute_statement(Statements=statements)
        if any("Error" in one for one in answer["Responses"]):
            raise ValueError("lost")


def main() -> None:
    payload, rounds, style = Path(sys.argv[1]).read_bytes(), int(sys.argv[2]), sys.argv[3]
    handler(json.loads(payload), style)  # opens connections, loads service models
    begun = time.process_time()
    events = sum(handler(json.loads(payload), style)[0] for _ in range(rounds))
    print(json.dumps({"events": events, "cpu_secs": time.process_time() - begun}))


main()
