"""Batches as the interceptor would write them."""

import json
import zlib
from typing import Any

from agent.record import VERSION, Batch, Fact, Message, Record

START_NS = 1_700_000_000 * 10**9
SERVER, CLIENT = b"\x0a\x00\x00\x02", b"\x0a\x00\x00\x03"
PORT = 8080


def message(head: str, document: Any = None) -> Message:
    body = b"" if document is None else json.dumps(document).encode()
    lines = head + ("\r\nContent-Type: application/json" if body else "")
    return Message(lines.encode() + b"\r\n\r\n", body, len(body), False, 0)


def record(
    request_line: str = "GET /users/42 HTTP/1.1",
    request: Any = None,
    response: Any = None,
    status: int = 200,
    at_ns: int = START_NS,
    client: bytes = CLIENT,
    client_identity: str = "",
    waited_ns: int = 1_000_000,
) -> Record:
    asked = message(request_line, request)
    answered = message(f"HTTP/1.1 {status} Some", response)
    method, target, _ = request_line.encode().split(b" ")
    keys = [sorted(body) for body in (request, response) if isinstance(body, dict)]
    fact = Fact(
        client=client,
        client_identity=client_identity,
        method=method,
        target=target.partition(b"?")[0],
        status=status,
        shape=zlib.crc32(repr(keys).encode()),
        operation=b"",
        exchanges=1,
        truncated=0,
        request_bytes=len(asked.head) + asked.body_bytes,
        response_bytes=len(answered.head) + answered.body_bytes,
        first_ns=at_ns,
        last_ns=at_ns,
        waited_ns=waited_ns,
    )
    return Record(fact, 40_000, asked, answered)


def batch(
    *records: Record, facts: tuple[Fact, ...] = (), server: bytes = SERVER
) -> Batch:
    """What one node tells of one server."""
    return Batch(VERSION, "node-1", server, PORT, list(facts), list(records))
