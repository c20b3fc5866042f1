"""Records as the interceptor would write them."""

import json
from typing import Any, NamedTuple

from agent.record import VERSION, Batch, Fact, Message, Record

START_NS = 1_700_000_000 * 10**9
SERVER = b"\x0a\x00\x00\x02"
PORT = 8080
WAITED_NS = 1_000_000


def message(head: str, document: Any = None) -> Message:
    body = b"" if document is None else json.dumps(document).encode()
    lines = head + ("\r\nContent-Type: application/json" if body else "")
    return Message(lines.encode() + b"\r\n\r\n", body, len(body), False, 0)


def fact(
    request_line: str = "GET /users/42 HTTP/1.1",
    status: int = 200,
    at_ns: int = START_NS,
    client: bytes = b"\x0a\x00\x00\x03",
    exchanges: int = 1,
    shape: int = 0,
    identity: str = "",
) -> Fact:
    method, target, _ = request_line.encode().split(b" ")
    path = target.partition(b"?")[0]
    times = (at_ns, at_ns, exchanges * WAITED_NS)
    sizes = (100 * exchanges, 1000 * exchanges)
    named = (client, identity, method, path, status, shape, b"", 1)
    return Fact(*named, exchanges, 0, *sizes, *times)


def record(
    request_line: str = "GET /users/42 HTTP/1.1",
    request: Any = None,
    response: Any = None,
    status: int = 200,
    at_ns: int = START_NS,
    client: bytes = b"\x0a\x00\x00\x03",
    identity: str = "",
) -> Record:
    asked = message(request_line, request)
    answered = message(f"HTTP/1.1 {status} Some", response)
    told = fact(request_line, status, at_ns, client, identity=identity)
    told.request_bytes = len(asked.head) + asked.body_bytes
    told.response_bytes = len(answered.head) + answered.body_bytes
    return Record(told, 40_000, asked, answered)


def batch(
    *told: Record | Fact, server: bytes = SERVER, port: int = PORT, node: str = "node-1"
) -> Batch:
    facts = [one for one in told if isinstance(one, Fact)]
    records = [one for one in told if isinstance(one, Record)]
    return Batch(VERSION, node, server, port, facts, records)


class Exchange(NamedTuple):
    """What tests ask of a record, with what its batch says of all."""

    server: bytes
    server_port: int
    client: bytes
    client_port: int
    client_identity: str
    started_ns: int
    request: Message
    response: Message


def exchanges(told: Batch) -> list[Exchange]:
    """Of the whole records."""
    return [
        Exchange(
            told.server,
            told.server_port,
            one.fact.client,
            one.client_port,
            one.fact.client_identity,
            one.started_ns,
            one.request,
            one.response,
        )
        for one in told.records
    ]
