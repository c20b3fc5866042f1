"""Numbered records at a pace, and what the cloud must have stored of them.

A record's number alone decides its server, client, endpoint, status and bodies, so two
runs differ only in when things happened.
"""

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.record import VERSION, Message, Record, encoder, server_key
from agent.settings import Settings

PORT = 8080
SERVERS = 12
CLIENTS = 3
STATUSES = (200, 200, 200, 201, 200, 404, 200, 503)
ENDPOINTS = (
    ("GET", "/users/{}", "/users/{id}"),
    ("POST", "/orders", "/orders"),
    ("PUT", "/api/orders/{}/items", "/api/orders/{id}/items"),
    ("DELETE", "/sessions/{}", "/sessions/{id}"),
    ("GET", "/health", "/health"),
)
TICK_SECONDS = 0.02
FLUSH_SECONDS = 150.0
"""Longer than the producer itself keeps a record."""


class Cell(NamedTuple):
    """What the cloud adds up: pairs of a status class, or bytes of a direction."""

    server: str
    method: str
    path: str
    client: str
    measure: str


PAIRS = tuple(f"{number}xx" for number in range(1, 6))
REQUEST_BYTES, RESPONSE_BYTES = "request bytes", "response bytes"


def names() -> str:
    """The digger's file of names for these records."""
    lines = []
    for kind, most in (("server", SERVERS), ("client", CLIENTS)):
        for number in range(most):
            ip = ".".join(map(str, _address(kind, number)))
            lines += [
                "[[workload]]",
                f'name = "{kind}-{number}"',
                f'addresses = ["{ip}"]',
            ]
    return "\n".join(lines) + "\n"


def record(number: int, at_ns: int) -> tuple[Record, list[tuple[Cell, int]]]:
    """The record of this number, and what it adds to which cells."""
    server, rest = number % SERVERS, number // SERVERS
    method, target, path = ENDPOINTS[rest % len(ENDPOINTS)]
    status = STATUSES[rest // len(ENDPOINTS) % len(STATUSES)]
    client = number % CLIENTS if rest % 2 else 0
    body = json.dumps({"id": number, "email": f"user{number}@example.com"}).encode()
    request = _message(f"{method} {target.format(number)} HTTP/1.1", body)
    response = _message(f"HTTP/1.1 {status} Some", body + b" " * (number % 64))
    made = Record(
        VERSION,
        "node-1",
        _address("client", client),
        40_000,
        _address("server", server),
        PORT,
        at_ns,
        at_ns + 1_000_000,
        request,
        response,
    )
    edge = (f"server-{server}", method, path, f"client-{client}")
    return made, [
        (Cell(*edge, PAIRS[status // 100 - 1]), 1),
        (Cell(*edge, REQUEST_BYTES), len(request.head) + request.body_bytes),
        (Cell(*edge, RESPONSE_BYTES), len(response.head) + response.body_bytes),
    ]


def _address(kind: str, number: int) -> bytes:
    return bytes((10, 0, 0 if kind == "server" else 1, number + 1))


def _message(start: str, body: bytes) -> Message:
    head = f"{start}\r\nHost: shop\r\nContent-Type: application/json\r\n\r\n"
    return Message(head.encode(), body, len(body), False, 0)


class Traffic:
    """Writes records from a thread of its own, as the interceptor's workers do."""

    def __init__(self, settings: Settings, per_second: float) -> None:
        self.sent = 0
        self.expected: Counter[Cell] = Counter()
        self._per_second = per_second
        ensure_topics(settings, threading.Event())
        self._producer = RecordProducer(settings)
        self._wanted = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write, name="traffic")

    def start(self, records: int) -> None:
        """Begins to write so many."""
        self._wanted = records
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    @property
    def dropped(self) -> Counter[str]:
        """Records that the producer gave up, by reason: losses that are told."""
        return self._producer.dropped

    def finish(self) -> None:
        """Writes no more than was begun, and waits until all is delivered."""
        self._is_over.set()
        self._thread.join()
        self._producer.flush(FLUSH_SECONDS)

    def _write(self) -> None:
        began = time.monotonic()
        while self.sent < self._wanted and not self._is_over.wait(TICK_SECONDS):
            due = int((time.monotonic() - began) * self._per_second)
            for number in range(self.sent, min(due, self._wanted)):
                made, adds = record(number, time.time_ns())
                self._producer.send(server_key(made), encoder.encode(made))
                self.expected.update(dict(adds))
                self.sent += 1
            self._producer.poll()


def write_names(folder: Path) -> str:
    """The file's name."""
    file = folder / "names.toml"
    file.write_text(names())
    return str(file)
