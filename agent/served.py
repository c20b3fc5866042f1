"""Served: roles that are servers of their own packages, observed from outside.

Detector and cloud know nothing of `agent`, so whether they live is asked of them as
their users ask: gRPC's health service (grpc.health.v1) and the dashboard's own pages.
What they count they put into a Counter that they are given.
"""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from agent import links
from agent.certificates import CertificateError, Files
from agent.links import PLAIN
from agent.metrics import COUNTER, Metric
from agent.settings import Cloud, Detector, split_address

ANSWER_SECONDS = 3.0

_UNSPECIFIED = dict.fromkeys(("", "0.0.0.0", "::"), "127.0.0.1")
"""Whoever listens on :: answers on IPv4 too, also in a cluster of IPv6 alone."""

Check = Callable[[], bool]


class Told(Protocol):
    """A metric of a package that knows none of ours."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def words(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def values(self) -> Mapping[str, float]: ...


class Served:
    """A server, observed through `live` and `ready` once it has its `start`."""

    def __init__(self, name: str, metric: str, words: str) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.start = threading.Event()
        """Set once it serves."""
        self.live: tuple[Check, ...] = ()
        self.ready: tuple[Check, ...] = ()
        self.more: Callable[[], Iterable[Told]] = tuple
        """What else it tells, once it serves."""
        self._metric = metric
        self._words = words

    @property
    def has_started(self) -> bool:
        return self.start.is_set()

    @property
    def is_live(self) -> bool:
        """While it starts, too: that has its own limit in the cluster."""
        return not self.has_started or all(check() for check in self.live)

    @property
    def is_ready(self) -> bool:
        return self.has_started and all(check() for check in self.ready)

    def metrics(self) -> Iterable[Metric]:
        values = {reason: float(n) for reason, n in self.counts.copy().items()}
        own = Metric(self._metric, COUNTER, self._words, "outcome", values)
        return [own, *as_metrics(self.more())]


def as_metrics(told: Iterable[Told]) -> Iterator[Metric]:
    """What another package tells, as ours."""
    for one in told:
        yield Metric(one.name, one.kind, one.words, one.label, one.values)


def detector(settings: Detector) -> Served:
    """A detector that listens there."""
    served = Served("detector", "vethscope_detector_messages_total", "Messages.")
    served.live = (answers_calls(settings.listen, True, settings.files),)
    served.ready = (answers_calls(settings.listen, False, settings.files),)
    return served


def cloud(settings: Cloud) -> Served:
    """A cloud that listens there."""
    served = Served("cloud", "vethscope_cloud_packages_total", "Packages that came.")
    served.live = (
        answers_pages(settings.listen, "/healthz"),
        answers_calls(settings.collector_listen, True, settings.collector_files),
    )
    served.ready = (answers_pages(settings.listen, "/readyz"), *served.live)
    return served


def answers_calls(listen: str, is_any_enough: bool, files: Files = PLAIN) -> Check:
    """Whether gRPC's health service says that it serves.

    `is_any_enough`: any answer is a sign of life, also that the queue is full, or that
    TLS fails, for no restart makes a new certificate.
    """

    def check() -> bool:
        try:
            channel = links.to_itself(_reachable(listen), files)
        except CertificateError:
            return is_any_enough
        with channel:
            stub = health_pb2_grpc.HealthStub(channel)
            try:
                question = health_pb2.HealthCheckRequest()
                answer = stub.Check(question, timeout=ANSWER_SECONDS)
            except grpc.RpcError as error:
                return is_any_enough and bool(links.reason("", error))
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return check


def answers_pages(listen: str, path: str) -> Check:
    """Whether the page is answered 200."""

    def check() -> bool:
        host, port = split_address(_reachable(listen))
        connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    return check


def _reachable(listen: str) -> str:
    """Of an address to listen on, one to connect to."""
    host, port = split_address(listen)
    host = _UNSPECIFIED.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
