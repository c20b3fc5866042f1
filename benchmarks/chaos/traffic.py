"""Numbered exchanges at a pace, and what the cloud must have stored of them.

A number alone decides server, client, endpoint, status and bodies, so two runs differ
only in when things happened.
"""

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.record import VERSION, Batch, Fact, Message, Record, encoder, server_key
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
EXCHANGES = 4
"""Of one batch, which is one message on Kafka."""
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


def batch(
    number: int, at_ns: int, exchanges: int = EXCHANGES
) -> tuple[Batch, Counter[Cell]]:
    """The batch of this number, and what it adds to which cells: one exchange whole,
    the others as facts."""
    server = number % SERVERS
    made = Batch(VERSION, "node-1", _address("server", server), PORT, [], [])
    adds: Counter[Cell] = Counter()
    for exchange in range(number * exchanges, (number + 1) * exchanges):
        record, cells = _exchange(exchange, f"server-{server}", at_ns)
        adds.update(cells)
        if made.records:
            made.facts.append(record.fact)
        else:
            made.records.append(record)
    return made, adds


def _exchange(number: int, server: str, at_ns: int) -> tuple[Record, dict[Cell, int]]:
    mixed = number * 2_654_435_761 >> 8
    method, target, path = ENDPOINTS[mixed % len(ENDPOINTS)]
    status = STATUSES[mixed // 7 % len(STATUSES)]
    client = mixed // 11 % CLIENTS
    body = json.dumps({"id": number, "email": f"user{number}@example.com"}).encode()
    request = _message(f"{method} {target.format(number)} HTTP/1.1", body)
    response = _message(f"HTTP/1.1 {status} Some", body + b" " * (number % 64))
    fact = Fact(
        client=_address("client", client),
        client_identity="",
        method=method.encode(),
        target=target.format(number).encode(),
        status=status,
        shape=mixed % len(ENDPOINTS),
        operation=b"",
        protocol=1,
        exchanges=1,
        truncated=0,
        request_bytes=_size(request),
        response_bytes=_size(response),
        first_ns=at_ns,
        last_ns=at_ns,
        waited_ns=1_000_000,
    )
    edge = (server, method, path, f"client-{client}")
    return Record(fact, 40_000, request, response), {
        Cell(*edge, PAIRS[status // 100 - 1]): 1,
        Cell(*edge, REQUEST_BYTES): fact.request_bytes,
        Cell(*edge, RESPONSE_BYTES): fact.response_bytes,
    }


def _size(message: Message) -> int:
    return len(message.head) + message.body_bytes


def _address(kind: str, number: int) -> bytes:
    return bytes((10, 0, 0 if kind == "server" else 1, number + 1))


def _message(start: str, body: bytes) -> Message:
    head = f"{start}\r\nHost: shop\r\nContent-Type: application/json\r\n\r\n"
    return Message(head.encode(), body, len(body), False, 0)


class Traffic:
    """Writes batches from a thread of its own, as the interceptor's workers do."""

    def __init__(self, settings: Settings, per_second: float) -> None:
        self.batches = 0
        self.expected: Counter[Cell] = Counter()
        self._per_second = per_second / EXCHANGES
        ensure_topics(settings, threading.Event())
        self._producer = RecordProducer(settings)
        self._wanted = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write, name="traffic")

    def start(self, exchanges: int) -> None:
        """Begins to write so many."""
        self._wanted = exchanges // EXCHANGES
        self._thread.start()

    @property
    def sent(self) -> int:
        """Exchanges."""
        return self.batches * EXCHANGES

    @property
    def dropped(self) -> Counter[str]:
        """Exchanges that the producer gave up, by reason: losses that are told."""
        return self._producer.dropped

    def finish(self) -> None:
        """Writes no more than was begun, and waits until all is delivered."""
        self._is_over.set()
        self._thread.join()
        self._producer.flush(FLUSH_SECONDS)

    def _write(self) -> None:
        began = time.monotonic()
        while self.batches < self._wanted and not self._is_over.wait(TICK_SECONDS):
            due = int((time.monotonic() - began) * self._per_second)
            for number in range(self.batches, min(due, self._wanted)):
                made, adds = batch(number, time.time_ns())
                key = server_key(made.server, made.server_port)
                self._producer.send(key, encoder.encode(made), EXCHANGES)
                self.expected.update(adds)
                self.batches += 1
            self._producer.poll()


def write_names(folder: Path) -> str:
    """The file's name."""
    file = folder / "names.toml"
    file.write_text(names())
    return str(file)
