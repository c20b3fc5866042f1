"""Detectors: where messages are scanned, this process's scanner or a service.

In: messages as captured. Out: the findings of each, in order, and the processor time
that it took. A service (gRPC, detector.proto) has a deadline for each call and a second
try, which reaches another replica where there is one; then it counts as away.
"""

import logging
import time
from typing import NamedTuple, Protocol

import grpc

from agent import links
from agent.certificates import Files
from agent.links import PLAIN, Link
from detection.finding import Finding, Likelihood, Location, Sensitivity
from detection.heads import message
from detection.scanner import Scanner
from proto.v1 import detector_pb2, detector_pb2_grpc

log = logging.getLogger("vethscope")

CALLS = 4
"""To the service at a time."""
ANSWER_SECONDS = 5.0
"""A batch takes some 20 ms; so long is a service that hangs."""
TRIES = 2
LARGEST_MESSAGE_BYTES = 256 << 20
_OPTIONS = (
    ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
    ("grpc.max_reconnect_backoff_ms", 5000),
    # A replica that hangs is asked for a sign of life after this, and then left.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.lb_policy_name", "round_robin"),
)

_ANSWERS = frozenset(
    {
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNKNOWN,
    }
)
"""The service took the messages and failed on them; all else is about the service."""


class AwayError(Exception):
    """No detector answers; the same messages may do later."""


class RefusedError(Exception):
    """A detector failed on one of these messages."""


class Part(NamedTuple):
    """A request or a response, as it goes to a detector."""

    head: bytes
    """As captured."""
    body: bytes
    """De-chunked and content-decoded."""
    is_cut: bool
    """The body is only the first part of what was sent."""

    def __repr__(self) -> str:
        return f"Part(head={len(self.head)} B, body={len(self.body)} B)"


class Scanned(NamedTuple):
    """What one call gave."""

    findings: list[list[Finding]]
    busy_seconds: float


class Detector(Protocol):
    """Finds data types in messages; `lanes` threads may call it at a time."""

    @property
    def digest(self) -> str: ...

    @property
    def lanes(self) -> int: ...

    def scan(self, parts: list[Part]) -> Scanned:
        """Raises AwayError and RefusedError."""
        ...

    def close(self) -> None: ...


class LocalDetector:
    """The scanner in this process."""

    lanes = 1

    def __init__(self, catalog: str) -> None:
        self._scanner = Scanner.load(catalog)

    @property
    def digest(self) -> str:
        return self._scanner.digest

    def scan(self, parts: list[Part]) -> Scanned:
        began = time.thread_time()
        found = list(self._scanner.scan([message(*part) for part in parts]))
        return Scanned(found, time.thread_time() - began)

    def close(self) -> None:
        """Nothing is open."""


class DetectorClient:
    """The detector service at `server`."""

    lanes = CALLS

    def __init__(self, server: str, files: Files = PLAIN) -> None:
        """Raises CertificateError."""
        self.digest = ""
        self._server = server
        self._link = Link(server, files, _OPTIONS)

    def scan(self, parts: list[Part]) -> Scanned:
        """Raises AwayError and RefusedError."""
        request = detector_pb2.DetectRequest(messages=map(_wire, parts))
        words = ""
        for _ in range(TRIES):
            stub = detector_pb2_grpc.DetectorStub(self._link.channel)
            try:
                response = stub.Detect(request, timeout=ANSWER_SECONDS)
            except grpc.RpcError as error:
                if error.code() in _ANSWERS:
                    raise RefusedError(error.code().name) from None
                words = _words(error)
            else:
                return self._scanned(len(parts), response)
        raise AwayError(f"{self._server} {words}")

    def close(self) -> None:
        self._link.close()

    def _scanned(self, messages: int, response: detector_pb2.DetectResponse) -> Scanned:
        if len(response.results) != messages:
            raise RefusedError("answers another number of messages")
        self.digest = response.catalog_digest
        found = [[_finding(f) for f in result.findings] for result in response.results]
        return Scanned(found, response.busy_us / 1e6)


def _words(error: grpc.RpcError) -> str:
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "does not answer in time"
    return links.reason("detector", error) or "is not reachable"


def _wire(part: Part) -> detector_pb2.Message:
    return detector_pb2.Message(head=part.head, body=part.body, truncated=part.is_cut)


def _finding(wire: detector_pb2.Finding) -> Finding:
    return Finding(
        wire.data_type,
        Location(wire.location),
        wire.path,
        Sensitivity(wire.sensitivity),
        Likelihood(wire.likelihood),
        wire.count,
    )
