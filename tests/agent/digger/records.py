"""Records as the interceptor would write them."""

import json
from typing import Any

from agent.record import VERSION, Message, Record

START_NS = 1_700_000_000 * 10**9


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
    server: bytes = b"\x0a\x00\x00\x02",
    client: bytes = b"\x0a\x00\x00\x03",
) -> Record:
    return Record(
        VERSION,
        "node-1",
        client,
        40_000,
        server,
        8080,
        at_ns,
        at_ns + 1_000_000,
        message(request_line, request),
        message(f"HTTP/1.1 {status} Some", response),
    )
