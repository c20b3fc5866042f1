"""The detector's service: gRPC around a scanner (proto/v1/detector.proto).

Stateless: any process answers any request. Several processes listen on one port, the
kernel spreads the connections. A process scans one request at a time and refuses what
would wait behind QUEUE_LIMIT others (RESOURCE_EXHAUSTED: try another), so a slow
detector is felt at once. Requests whose deadline has passed are not scanned. Each
answer carries the catalog's digest. Health by grpc.health.v1.
"""

import logging
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, MutableSequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer

from detection import heads
from detection.corrections import TOLD
from detection.finding import Finding, Message, Why
from detection.scanner import Scanner
from proto.v1 import detector_pb2, detector_pb2_grpc

log = logging.getLogger("vethscope")

Tally = MutableSequence[int]
Bind = Callable[[grpc.Server, str], int]
"""Makes a server listen on host:port, with TLS or without. Goes to other processes."""
_CONTEXT = multiprocessing.get_context("spawn")

MESSAGE_LIMIT = 64 << 20
"""Bytes of a request; a batch of whole bodies fits."""
QUEUE_LIMIT = 16
"""Requests a process accepts at once, the one scanned included."""
WORKERS = 4
STOP_SECONDS = 2.0
LEAST_PING_MS = 5_000
"""Connections that ask more often whether this process lives are closed."""
OUTCOMES = ("scanned", "given_up")
"""Of messages; what a full queue refuses is not unpacked, so not counted."""
SERVICE = "vethscope.v1.Detector"


def plain(server: grpc.Server, listen: str) -> int:
    """Without TLS."""
    return server.add_insecure_port(listen)


class Detector(detector_pb2_grpc.DetectorServicer):
    """Answers from one scanner, one request at a time."""

    def __init__(self, scanner: Scanner, tally: Tally) -> None:
        """`tally` gets the number of messages of each of OUTCOMES."""
        self._scanner = scanner
        self._tally = tally
        self._lock = threading.Lock()

    def Detect(  # noqa: N802
        self, request: detector_pb2.DetectRequest, context: grpc.ServicerContext
    ) -> detector_pb2.DetectResponse:
        messages = [_message(part) for part in request.messages]
        with self._lock:
            if not context.is_active():
                self._tally[OUTCOMES.index("given_up")] += len(messages)
                return detector_pb2.DetectResponse()
            began = time.thread_time()
            results = self._scanner.scan(messages)
            busy_seconds = time.thread_time() - began
            self._tally[OUTCOMES.index("scanned")] += len(messages)
        whys: dict[Why, int] = {}
        return detector_pb2.DetectResponse(
            results=[
                detector_pb2.Findings(findings=[_finding(one, whys) for one in found])
                for found in results
            ],
            catalog_digest=self._scanner.digest,
            busy_us=int(busy_seconds * 1e6),
            whys=map(_why, whys),
        )

    def Catalog(  # noqa: N802
        self, request: detector_pb2.CatalogRequest, context: grpc.ServicerContext
    ) -> detector_pb2.CatalogResponse:
        catalog = self._scanner.catalog
        return detector_pb2.CatalogResponse(
            catalog_digest=catalog.digest,
            data_types=[
                detector_pb2.DataType(
                    name=name,
                    title=kind.title,
                    sensitivity=detector_pb2.Sensitivity.ValueType(kind.level),
                    tags=kind.tags,
                    is_own=name in catalog.own,
                    is_off=name in catalog.off,
                )
                for name, kind in (*catalog.types.items(), *catalog.off.items())
            ],
            corrections=[
                detector_pb2.CatalogCorrection(
                    **{name: getattr(one, name) for name in TOLD}
                )
                for one in catalog.corrections
            ],
        )


def serve(
    listen: str,
    catalog_file: str,
    processes: int,
    stop: threading.Event,
    counts: Counter[str],
    on_ready: Callable[[], None] = lambda: None,
    bind: Bind = plain,
) -> None:
    """Serves on `host:port` until `stop` is set. Raises CatalogError, OSError.

    `counts` gets the number of messages by outcome, of all processes.
    """
    scanner = Scanner.load(catalog_file)
    own, *tallies = [new_tally() for _ in range(processes)]
    server = start(listen, scanner, own, bind)
    on_ready()
    others = Others(listen, catalog_file, tallies, bind)
    log.info(
        "detector listens on %s, %d process(es), catalog %s",
        listen,
        processes,
        scanner.digest,
    )
    try:
        is_wanted = True
        while is_wanted:
            others.restart_ended()
            is_wanted = not stop.wait(1.0)
            sums = map(sum, zip(own, *tallies, strict=True))
            counts.update(Counter(dict(zip(OUTCOMES, sums, strict=True))) - counts)
    finally:
        others.stop()
        server.stop(STOP_SECONDS).wait()


def new_tally() -> Tally:
    """Numbers of messages in the order of OUTCOMES. One process writes them, so they
    need no lock, which a process that is killed would keep."""
    tally: Tally = _CONTEXT.RawArray("Q", len(OUTCOMES))
    return tally


def start(
    listen: str, scanner: Scanner, tally: Tally, bind: Bind = plain
) -> grpc.Server:
    """A started server. Raises OSError if it cannot listen."""
    server = grpc.server(
        ThreadPoolExecutor(WORKERS, thread_name_prefix="detect"),
        maximum_concurrent_rpcs=QUEUE_LIMIT,
        options=[
            ("grpc.max_receive_message_length", MESSAGE_LIMIT),
            ("grpc.max_send_message_length", MESSAGE_LIMIT),
            ("grpc.so_reuseport", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", LEAST_PING_MS),
        ],
    )
    detector_pb2_grpc.add_DetectorServicer_to_server(Detector(scanner, tally), server)
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    for service in ("", SERVICE):
        health.set(service, health_pb2.HealthCheckResponse.SERVING)
    try:
        bind(server, listen)
    except RuntimeError as error:
        raise OSError(f"detector cannot listen on {listen}") from error
    server.start()
    return server


class Others:
    """The processes beside this one; one that ends is started again.

    Each runs until its end of a pipe is closed: by `stop`, or because this process is
    gone. An Event would not do, since setting it waits for processes that were killed.
    """

    def __init__(
        self, listen: str, catalog_file: str, tallies: list[Tally], bind: Bind = plain
    ) -> None:
        self._bind = bind
        self._arguments = (listen, catalog_file)
        self._tallies = tallies
        self.running: list[tuple[SpawnProcess, Connection]] = []
        for tally in tallies:
            self.running.append(self._start(tally))

    def restart_ended(self) -> None:
        for index, (process, pipe) in enumerate(self.running):
            if not process.is_alive():
                log.warning("detector process ended, another one starts")
                pipe.close()
                self.running[index] = self._start(self._tallies[index])

    def stop(self) -> None:
        for _, pipe in self.running:
            pipe.close()
        for process, _ in self.running:
            process.join(STOP_SECONDS)
            process.kill()

    def _start(self, tally: Tally) -> tuple[SpawnProcess, Connection]:
        theirs, ours = _CONTEXT.Pipe(duplex=False)
        arguments = (*self._arguments, theirs, tally, self._bind)
        process = _CONTEXT.Process(target=serve_beside, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return process, ours


def serve_beside(
    listen: str,
    catalog_file: str,
    wanted: Connection,
    tally: Tally,
    bind: Bind = plain,
) -> None:
    """What another process does: serves until the other end of `wanted` is closed."""
    server = start(listen, Scanner.load(catalog_file), tally, bind)
    wanted.poll(None)
    server.stop(STOP_SECONDS).wait()


def _message(part: detector_pb2.Message) -> Message:
    if part.head:
        return heads.message(part.head, part.body, part.truncated)
    return Message(
        target=part.target,
        headers=[(header.name, header.value) for header in part.headers],
        content_type=part.content_type,
        body=part.body,
        truncated=part.truncated,
    )


def _why(why: Why) -> detector_pb2.Why:
    return detector_pb2.Why(
        rule=why.rule,
        validator=why.validator,
        verdict=why.verdict,
        context=why.context,
        phrase=why.phrase,
        points=why.points,
        usual=detector_pb2.Sensitivity.ValueType(why.usual),
        combination=why.combination,
    )


def _finding(found: Finding, whys: dict[Why, int]) -> detector_pb2.Finding:
    """`whys` are those of the answer, by their positions from 1."""
    why = whys.setdefault(found.why, len(whys) + 1) if found.why else 0
    return detector_pb2.Finding(
        data_type=found.data_type,
        location=detector_pb2.Location.ValueType(found.location),
        path=found.path,
        sensitivity=detector_pb2.Sensitivity.ValueType(found.sensitivity),
        likelihood=detector_pb2.Likelihood.ValueType(found.likelihood),
        count=found.count,
        why=why,
        is_least=found.is_least,
    )
