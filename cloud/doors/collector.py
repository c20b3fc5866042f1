"""The collector: packages come in over gRPC and are stored.

In: proto/v1/collector.proto's Send and Resume, and gRPC's standard health service. Out:
rows in the store, and receipts. A sender acts on the status: UNAVAILABLE means the same
again later, FAILED_PRECONDITION ask Resume and read again from there, INVALID_ARGUMENT
that this package never will be taken.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NoReturn

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from cloud.doors.limits import MESSAGE_BYTES, check, check_resume
from cloud.errors import (
    AddressError,
    CloudError,
    OverlapError,
    RefusedError,
    UnavailableError,
)
from cloud.store.store import Store
from proto.v1 import collector_pb2, collector_pb2_grpc

log = logging.getLogger("vethscope")

THREADS = 4
MOST_CALLS = 64
"""At a time; more are answered RESOURCE_EXHAUSTED at once."""
GRACE_SECONDS = 1.0
"""For calls under way when the collector stops."""
SERVICE = "vethscope.v1.Collector"

Bind = Callable[[grpc.Server, str], int]
"""Makes a server listen on host:port, with TLS or without; gives the port."""

CODES: dict[type[CloudError], grpc.StatusCode] = {
    OverlapError: grpc.StatusCode.FAILED_PRECONDITION,
    RefusedError: grpc.StatusCode.INVALID_ARGUMENT,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
}


def plain(server: grpc.Server, listen: str) -> int:
    """Without TLS."""
    return server.add_insecure_port(listen)


class Collector(collector_pb2_grpc.CollectorServicer):
    """The service on one store."""

    def __init__(self, store: Store, counts: Counter[str] | None = None) -> None:
        self._store = store
        self._counts = Counter[str]() if counts is None else counts
        self._lock = threading.Lock()

    def Send(  # noqa: N802
        self, request: collector_pb2.Package, context: grpc.ServicerContext
    ) -> collector_pb2.Receipt:
        try:
            check(request)
            is_new = self._store.add(request)
        except CloudError as error:
            self._count(CODES[type(error)].name.lower())
            _refuse(context, error)
        self._count("stored" if is_new else "duplicate")
        return collector_pb2.Receipt(duplicate=not is_new)

    def Resume(  # noqa: N802
        self, request: collector_pb2.ResumeRequest, context: grpc.ServicerContext
    ) -> collector_pb2.ResumeResponse:
        try:
            check_resume(request)
            following = self._store.resume(
                request.cluster, request.topic, request.partitions
            )
        except CloudError as error:
            _refuse(context, error)
        return collector_pb2.ResumeResponse(next=following)

    def _count(self, outcome: str) -> None:
        with self._lock:
            self._counts[outcome] += 1


def _refuse(context: grpc.ServicerContext, error: CloudError) -> NoReturn:
    code = CODES[type(error)]
    if code is not grpc.StatusCode.UNAVAILABLE:
        log.warning("package refused: %s", error)
    context.abort(code, str(error))


@contextmanager
def collecting(
    store: Store,
    listen: str,
    counts: Counter[str] | None = None,
    bind: Bind = plain,
) -> Iterator[int]:
    """Serves on `listen` (host:port) meanwhile; gives the port. Raises AddressError.

    `counts` gets the number of packages by outcome.
    """
    server = grpc.server(
        ThreadPoolExecutor(THREADS, thread_name_prefix="collector"),
        maximum_concurrent_rpcs=MOST_CALLS,
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
        ],
    )
    status = health.HealthServicer()
    collector_pb2_grpc.add_CollectorServicer_to_server(Collector(store, counts), server)
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    try:
        port = bind(server, listen)
    except RuntimeError:
        raise AddressError(
            f"collector: cannot listen on {listen}: another program has it, or it is "
            "not an address of this machine; set cloud.collector_listen"
        ) from None
    status.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    server.start()
    try:
        yield port
    finally:
        status.enter_graceful_shutdown()
        server.stop(GRACE_SECONDS).wait()
