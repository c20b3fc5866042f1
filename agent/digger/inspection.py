"""Inspection: chosen pairs through the detector, in batches.

In: records. Out: the findings of each request and response, in order. Bodies are
content-decoded here. The detector is this process's own scanner or a service (gRPC,
detector.proto). A service that is away is waited for, as nothing that was chosen may
be skipped silently; a batch that it refuses is tried message by message, and what
still fails is counted as not inspected.
"""

import logging
import random
from collections.abc import Callable, Iterator
from typing import Protocol

import grpc

from agent import links
from agent.certificates import Files
from agent.digger.heads import content_coding, fields, request_line
from agent.links import PLAIN, Link
from agent.outage import Outage
from agent.record import Message as Captured
from agent.record import Record
from detection.finding import Finding, Likelihood, Location, Message, Sensitivity
from detection.scanner import Scanner
from proto.v1 import detector_pb2, detector_pb2_grpc
from rings.content import decode

log = logging.getLogger("vethscope")

BATCH_BYTES = 2 << 20
"""Bodies in one request to the service, unless one alone is larger."""
BATCH_MESSAGES = 64
ANSWER_SECONDS = 20.0
PAUSE_SECONDS = (0.2, 5.0)
LARGEST_MESSAGE_BYTES = 256 << 20

Wait = Callable[[float], bool]
"""Waits so many seconds doing what must go on; false: give up waiting."""
Findings = list[Finding] | None
"""None: the detector refused this message."""


class GaveUpError(Exception):
    """The digger was told to stop while the detector was away."""


class Detector(Protocol):
    """Finds data types in messages."""

    @property
    def digest(self) -> str: ...

    @property
    def is_up(self) -> bool: ...

    def scan(self, messages: list[Message], wait: Wait) -> list[Findings]: ...

    def close(self) -> None: ...


def messages(record: Record, limit: int) -> tuple[Message, Message]:
    """Request and response for the detector, bodies decoded to at most `limit`."""
    _, target = request_line(record.request.head)
    return _message(record.request, target, limit), _message(
        record.response, b"", limit
    )


def body_prefix(captured: Captured, limit: int) -> bytes:
    """The first decoded bytes of a body."""
    coding = content_coding(captured.head)
    if not coding:
        return captured.body[:limit]
    return decode(coding, captured.body, limit)[0]


def _message(captured: Captured, target: bytes, limit: int) -> Message:
    head = fields(captured.head)
    coding = head.value(b"content-encoding")
    body, is_whole = captured.body, True
    if coding:
        body, is_whole = decode(coding, body, limit)
    return Message(
        target=target,
        headers=head.lines,
        content_type=head.value(b"content-type").decode("latin-1"),
        body=body,
        truncated=captured.truncated or captured.gaps > 0 or not is_whole,
    )


class LocalDetector:
    """The scanner in this process."""

    is_up = True

    def __init__(self, catalog: str) -> None:
        self._scanner = Scanner.load(catalog)

    @property
    def digest(self) -> str:
        return self._scanner.digest

    def scan(self, messages: list[Message], wait: Wait) -> list[Findings]:
        return list(self._scanner.scan(messages))

    def close(self) -> None:
        """Nothing is open."""


class DetectorClient:
    """The detector service at `server`."""

    def __init__(self, server: str, files: Files = PLAIN) -> None:
        """Raises CertificateError."""
        self.digest = ""
        self._server = server
        self._outage = Outage("detector", server)
        self._link = Link(
            server,
            files,
            [
                ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
                ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
                ("grpc.max_reconnect_backoff_ms", 5000),
                ("grpc.lb_policy_name", "round_robin"),
            ],
        )

    @property
    def is_up(self) -> bool:
        return not self._outage.is_on

    def scan(self, messages: list[Message], wait: Wait) -> list[Findings]:
        """Raises GaveUpError when `wait` says so."""
        found: list[Findings] = []
        for batch in _batches(messages):
            results = self._ask(batch, wait)
            if results is None and len(batch) > 1:
                for message in batch:
                    found += self._ask([message], wait) or [None]
            else:
                found += results or [None]
        return found

    def close(self) -> None:
        self._link.close()

    def _ask(self, batch: list[Message], wait: Wait) -> list[Findings] | None:
        """Findings of each message; None if the service refuses the batch."""
        request = detector_pb2.DetectRequest(messages=map(_wire, batch))
        pause = PAUSE_SECONDS[0]
        while True:
            stub = detector_pb2_grpc.DetectorStub(self._link.channel)
            try:
                response = stub.Detect(request, timeout=ANSWER_SECONDS)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    log.error("detector: %s: %s", self._server, error.code().name)
                    return None
                self._outage.tell(links.reason("detector", error))
            else:
                self._outage.end()
                return self._results(batch, response)
            if not wait(random.uniform(pause / 2, pause)):
                raise GaveUpError
            pause = min(2 * pause, PAUSE_SECONDS[1])

    def _results(
        self, batch: list[Message], response: detector_pb2.DetectResponse
    ) -> list[Findings] | None:
        if len(response.results) != len(batch):
            return None
        self.digest = response.catalog_digest
        return [[_finding(f) for f in result.findings] for result in response.results]


def _batches(messages: list[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = 0
    for message in messages:
        if batch and (
            len(batch) >= BATCH_MESSAGES or size + len(message.body) > BATCH_BYTES
        ):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message.body)
    if batch:
        yield batch


def _wire(message: Message) -> detector_pb2.Message:
    return detector_pb2.Message(
        target=message.target,
        headers=[
            detector_pb2.Header(name=name, value=value)
            for name, value in message.headers
        ],
        content_type=message.content_type,
        body=message.body,
        truncated=message.truncated,
    )


def _finding(wire: detector_pb2.Finding) -> Finding:
    return Finding(
        wire.data_type,
        Location(wire.location),
        wire.path,
        Sensitivity(wire.sensitivity),
        Likelihood(wire.likelihood),
        wire.count,
    )
