"""The way to the cloud: packages in order, each until it is accepted.

In: finished packages. Out: calls of collector.proto. A package that the cloud already
has is a success; one whose offsets do not follow what the cloud has (another digger was
faster: FAILED_PRECONDITION) voids all that is queued, and the program starts again from
where the cloud says. While the cloud is away packages wait in a bounded queue; the
program stops consuming when it `is_full`, so nothing is lost. Each call carries the
cluster's token, if there is one.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import grpc

from agent import links
from agent.links import Link, Token
from agent.metrics import Metric, gauge
from agent.outage import Outage
from agent.settings import Cloud
from proto.v1 import collector_pb2, collector_pb2_grpc

log = logging.getLogger("vethscope")

MOST_PACKAGES = 16
"""Packages waiting: some tens of megabytes."""
ANSWER_SECONDS = 15.0
IDLE_SECONDS = 1.0
"""Between two looks at whether to stop, while there is nothing to send."""
RESUME_SECONDS = 3.0
"""For the answer to where to resume: Kafka is not read meanwhile."""
PAUSE_SECONDS = (0.2, 15.0)
"""First and longest pause before a package is sent again."""
LARGEST_MESSAGE_BYTES = 64 << 20
REFUSED = "refused"
"""Coverage count of the records whose package the cloud found wrong."""
TOKEN_REASONS = {
    grpc.StatusCode.UNAUTHENTICATED: "does not know the token of cloud.token_file",
    grpc.StatusCode.PERMISSION_DENIED: (
        "has another cluster.name for the token of cloud.token_file"
    ),
}

_OPTIONS = (
    ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
    ("grpc.max_reconnect_backoff_ms", 5000),
    ("grpc.keepalive_time_ms", 60_000),
)


class Queued(NamedTuple):
    """A package on its way."""

    package: collector_pb2.Package
    records: int
    began: float


class Uplink:
    """Sends from its own thread, `run`; all else is called by the program."""

    def __init__(self, cloud: Cloud, cluster: str) -> None:
        self.digested = 0
        """Records that the cloud accounted for."""
        self.packages = 0
        """Packages that it accepted."""
        self._cluster = cluster
        self._token = Token(cloud.token_file)
        self._link = Link(cloud.server, cloud.files, _OPTIONS)
        self._outage = Outage("cloud", cloud.server, "packages wait")
        self._changed = threading.Condition()
        self._queue: deque[Queued] = deque()
        self._latency_seconds = 0.0
        self._call: Any = None
        self._is_closed = False
        self._is_refused = False

    def resume(self, topic: str, partitions: list[int]) -> dict[int, int]:
        """The next offset of each partition that the cloud knows. Raises RpcError."""
        request = collector_pb2.ResumeRequest(
            cluster=self._cluster, topic=topic, partitions=partitions
        )
        try:
            response = self._stub().Resume(
                request, timeout=RESUME_SECONDS, metadata=self._token.metadata()
            )
        except grpc.RpcError as error:
            self._away(error)
            raise
        self._outage.end()
        return dict(response.next)

    def correct(self, revision: int) -> collector_pb2.CorrectResponse:
        """What people corrected, after a revision. Raises RpcError."""
        request = collector_pb2.CorrectRequest(cluster=self._cluster, revision=revision)
        response: collector_pb2.CorrectResponse = self._stub().Correct(
            request, timeout=RESUME_SECONDS, metadata=self._token.metadata()
        )
        return response

    @property
    def is_up(self) -> bool:
        """The cloud took what was sent last, as far as we know."""
        return not self._outage.is_on

    @property
    def is_full(self) -> bool:
        return len(self._queue) >= MOST_PACKAGES

    @property
    def is_busy(self) -> bool:
        """Packages wait: those to come may be larger and fewer."""
        return bool(self._queue)

    def metrics(self) -> Iterator[Metric]:
        yield gauge("vethscope_digger_cloud_up", "It answers.", self.is_up)
        yield gauge(
            "vethscope_digger_packages_waiting",
            "Packages that the cloud has not accepted yet.",
            len(self._queue),
        )
        yield gauge(
            "vethscope_digger_package_latency_seconds",
            "From a package's first record to its acceptance, of the last one.",
            self._latency_seconds,
        )

    @property
    def is_refused(self) -> bool:
        """The cloud refused a package's offsets: `clear` and start again."""
        return self._is_refused

    def put(
        self, package: collector_pb2.Package, records: int, began: float | None = None
    ) -> None:
        """Queues a package of so many records, the first read at monotonic `began`."""
        if began is None:
            began = time.monotonic()
        with self._changed:
            self._queue.append(Queued(package, records, began))
            self._changed.notify_all()

    def clear(self) -> None:
        """Forgets what waits; returns once no call is under way."""
        with self._changed:
            self._queue.clear()
            self._changed.wait_for(lambda: self._call is None, ANSWER_SECONDS + 1)
            self._is_refused = False

    def drain(self, seconds: float) -> bool:
        """Waits until all is accepted; true if so."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._queue or self._is_refused, seconds
            )

    def run(self, stop: threading.Event) -> None:
        """Sends until `stop` is set."""
        pause = PAUSE_SECONDS[0]
        while not (stop.is_set() or self._is_closed):
            waiting = self._next()
            if waiting is None:
                continue
            call, queued = waiting
            if self._send(call, queued):
                pause = PAUSE_SECONDS[0]
            else:
                stop.wait(random.uniform(pause / 2, pause))
                pause = min(2 * pause, PAUSE_SECONDS[1])

    def close(self) -> None:
        """Ends a call that is under way."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            if self._call is not None:
                self._call.cancel()
        self._link.close()

    def _is_called(self) -> bool:
        return self._is_closed or (bool(self._queue) and not self._is_refused)

    def _next(self) -> tuple[Any, Queued] | None:
        """Begins to send the first package."""
        with self._changed:
            self._changed.wait_for(self._is_called, IDLE_SECONDS)
            if not self._queue or self._is_refused or self._is_closed:
                return None
            queued = self._queue[0]
            self._call = self._stub().Send.future(
                queued.package,
                timeout=ANSWER_SECONDS,
                metadata=self._token.metadata(),
            )
            return self._call, queued

    def _send(self, call: Any, queued: Queued) -> bool:
        """One attempt; true if there is nothing to repeat."""
        try:
            call.result()
        except grpc.FutureCancelledError:
            self._done(None, False)
            return False
        except grpc.RpcError as error:
            is_refused = error.code() == grpc.StatusCode.FAILED_PRECONDITION
            is_wrong = error.code() == grpc.StatusCode.INVALID_ARGUMENT
            if is_refused:
                log.warning("cloud: a package does not follow, starting over")
            elif is_wrong and queued.package.endpoints:
                self._strip(queued, error)
                return True
            else:
                self._away(error)
            self._done(None, is_refused)
            return is_refused
        self._outage.end()
        self.digested += queued.records
        self.packages += 1
        self._latency_seconds = time.monotonic() - queued.began
        self._done(queued, False)
        return True

    def _strip(self, queued: Queued, error: grpc.RpcError) -> None:
        """What the cloud will never take is only counted; the line goes on."""
        log.error("cloud: refuses a package: %s, its pairs are lost", error.details())
        package = queued.package
        bare = collector_pb2.Package(
            cluster=package.cluster,
            window_start_ns=package.window_start_ns,
            window_end_ns=package.window_end_ns,
            offsets=package.offsets,
            coverage=[collector_pb2.Coverage(counts={REFUSED: queued.records})],
        )
        with self._changed:
            if self._queue and self._queue[0] is queued:
                self._queue[0] = queued._replace(package=bare)
            self._call = None
            self._changed.notify_all()

    def _done(self, accepted: Queued | None, is_refused: bool) -> None:
        with self._changed:
            if accepted is not None and self._queue and self._queue[0] is accepted:
                self._queue.popleft()
            self._call = None
            self._is_refused = self._is_refused or is_refused
            self._changed.notify_all()

    def _away(self, error: grpc.RpcError) -> None:
        words = TOKEN_REASONS.get(error.code()) or links.reason("cloud", error)
        if error.code() == grpc.StatusCode.INVALID_ARGUMENT:
            words = f"refuses a package: {error.details()}"
        self._outage.tell(words)

    def _stub(self) -> Any:
        return collector_pb2_grpc.CollectorStub(self._link.channel)
