"""Detectors: where messages are scanned, this process's scanner or a service.

In: messages as captured. Out: the findings of each, in order, and the processor time
that it took. A service (gRPC, detector.proto) has a deadline for each call and a second
try, which reaches another replica where there is one; then it counts as away.
"""

import logging
import time
from typing import Any, NamedTuple, Protocol

import grpc

from agent import links
from agent.certificates import Files
from agent.links import PLAIN, Link
from detection.corrections import MOST_CORRECTIONS, TOLD, Correction
from detection.finding import Finding, Likelihood, Location, Sensitivity, Why
from detection.heads import message
from detection.scanner import Scanner
from proto.v1 import detector_pb2, detector_pb2_grpc

log = logging.getLogger("vethscope")

CALLS = 4
"""To the service at a time."""
ANSWER_SECONDS = 5.0
"""A batch takes some 20 ms; so long is a service that hangs."""
TRIES = 2
AGAIN_SECONDS = 60.0
"""Between two questions for the data types of a catalog."""
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
    is_named: bool | None = None
    """It was made of protobuf messages, and their type is known; None: it was not."""

    def __repr__(self) -> str:
        return f"Part(head={len(self.head)} B, body={len(self.body)} B)"


class Scanned(NamedTuple):
    """What one call gave."""

    findings: list[list[Finding]]
    busy_seconds: float


class DataType(NamedTuple):
    """What a catalog says of a data type."""

    name: str
    title: str
    sensitivity: Sensitivity
    tags: tuple[str, ...]
    is_own: bool = False
    is_off: bool = False


class Known(NamedTuple):
    """What a catalog says beside its rules, by its digest."""

    digest: str = ""
    data_types: tuple[DataType, ...] = ()
    corrections: tuple[Correction, ...] = ()


class Detector(Protocol):
    """Finds data types in messages; `lanes` threads may call it at a time."""

    @property
    def digest(self) -> str: ...

    @property
    def lanes(self) -> int: ...

    @property
    def known(self) -> Known: ...

    def scan(self, parts: list[Part]) -> Scanned:
        """Raises AwayError and RefusedError."""
        ...

    def close(self) -> None: ...


class LocalDetector:
    """The scanner in this process."""

    lanes = 1

    def __init__(self, catalog: str) -> None:
        self._scanner = Scanner.load(catalog)
        read = self._scanner.catalog
        told = [
            DataType(
                *(name, kind.title, kind.level, tuple(kind.tags)),
                is_own=name in read.own,
                is_off=name in read.off,
            )
            for name, kind in (*read.types.items(), *read.off.items())
        ]
        self.known = Known(self.digest, tuple(told), read.corrections)

    @property
    def digest(self) -> str:
        return self._scanner.digest

    def scan(self, parts: list[Part]) -> Scanned:
        began = time.thread_time()
        found = list(self._scanner.scan([message(*part[:3]) for part in parts]))
        return Scanned(found, time.thread_time() - began)

    def close(self) -> None:
        """Nothing is open."""


class DetectorClient:
    """The detector service at `server`."""

    lanes = CALLS

    def __init__(self, server: str, files: Files = PLAIN) -> None:
        """Raises CertificateError."""
        self.digest = ""
        self.known = Known()
        self._asked_at = float("-inf")
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
            except ValueError:  # grpc says so of a channel that was closed meanwhile
                raise AwayError(f"{self._server} is not asked any more") from None
            else:
                scanned = self._scanned(len(parts), response)
                self._learn(stub)
                return scanned
        raise AwayError(f"{self._server} {words}")

    def close(self) -> None:
        self._link.close()

    def _learn(self, stub: Any) -> None:
        """Asks for the data types of another catalog than the one known."""
        now = time.monotonic()
        if self.digest == self.known.digest or now - self._asked_at < AGAIN_SECONDS:
            return
        self._asked_at = now
        try:
            answer = stub.Catalog(detector_pb2.CatalogRequest(), timeout=ANSWER_SECONDS)
        except (grpc.RpcError, ValueError):
            return  # an older service, away, or closed; findings go on without titles
        told = tuple(map(_data_type, answer.data_types))
        corrections = tuple(map(_correction, answer.corrections[:MOST_CORRECTIONS]))
        self.known = Known(answer.catalog_digest, told, corrections)

    def _scanned(self, messages: int, response: detector_pb2.DetectResponse) -> Scanned:
        if len(response.results) != messages:
            raise RefusedError("answers another number of messages")
        self.digest = response.catalog_digest
        whys = [None, *map(_why, response.whys)]
        results = response.results
        if any(f.why >= len(whys) for result in results for f in result.findings):
            raise RefusedError("answers with explanations that are not there")
        found = [[_finding(f, whys[f.why]) for f in r.findings] for r in results]
        return Scanned(found, response.busy_us / 1e6)


def _words(error: grpc.RpcError) -> str:
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "does not answer in time"
    return links.reason("detector", error) or "is not reachable"


def _wire(part: Part) -> detector_pb2.Message:
    return detector_pb2.Message(head=part.head, body=part.body, truncated=part.is_cut)


def _data_type(wire: detector_pb2.DataType) -> DataType:
    level = Sensitivity(wire.sensitivity)
    told = (wire.name, wire.title, level, tuple(wire.tags))
    return DataType(*told, wire.is_own, wire.is_off)


def _correction(wire: detector_pb2.CatalogCorrection) -> Correction:
    return Correction(**{name: getattr(wire, name) for name in TOLD})


def _why(wire: detector_pb2.Why) -> Why:
    base, validator, context, doubt, cut, *_ = (*wire.points, 0, 0, 0, 0, 0)
    return Why(
        wire.rule,
        wire.validator,
        wire.verdict,
        tuple(wire.context),
        wire.phrase,
        (base, validator, context, doubt, cut),
        Sensitivity(wire.usual),
        wire.combination,
    )


def _finding(wire: detector_pb2.Finding, why: Why | None) -> Finding:
    return Finding(
        wire.data_type,
        Location(wire.location),
        wire.path,
        Sensitivity(wire.sensitivity),
        Likelihood(wire.likelihood),
        wire.count,
        why,
        wire.is_least,
    )
