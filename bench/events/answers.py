"""DynamoDB and S3 that return immediately: every claim succeeds, every object is new.

Prints its port, then serves until its input closes. `GET /counts` returns the number of calls, to compare both handlers.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

COUNTS: dict[str, int] = {}


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.buffer = bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end]).lower()
            length = 0
            for line in head.split(b"\r\n")[1:]:
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            if b"expect: 100-continue" in head and len(self.buffer) == end + 4 and length:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            if len(self.buffer) < end + 4 + length:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + length])
            del self.buffer[: end + 4 + length]
            self.transport.write(answer(head, body))


def answer(head: bytes, body: bytes) -> bytes:
    if b"x-amz-target:" in head:
        operation = head.split(b"x-amz-target:")[1].split(b"\r\n")[0].strip().split(b".")[-1].decode()
        count(operation)
        if operation == "batchexecutestatement":
            statements = body.count(b'"Statement":')
            count("statements", statements)
            return json_answer({"Responses": [{"TableName": "claims"}] * statements})
        return json_answer({})
    if head.startswith(b"get /counts"):
        return json_answer(COUNTS)
    count("put" if head.startswith(b"put ") else "other")
    count("bytes", len(body))
    return b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Length: 0\r\n\r\n'


def json_answer(value: Any) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def count(name: str, times: int = 1) -> None:
    COUNTS[name] = COUNTS.get(name, 0) + times


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
