"""Everything on one machine: `vethscope run`, and what the demo stands on.

One process holds the cloud, the embedded broker (unless Kafka is given), the digger
with detection in itself, and the interceptor, whose workers are processes of their
own. Roles start in the order in which data needs them and stop in reverse.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Protocol

import msgspec

from agent.digger.program import Digger
from agent.health import serving
from agent.interceptor.coverage import Counts, Coverage
from agent.interceptor.program import Interceptor
from agent.kafka.embedded import EmbeddedBroker
from agent.keeping import keeping, terms
from agent.lifecycle import Roles
from agent.links import Contexts, bind
from agent.metrics import Metric
from agent.provided import door
from agent.served import Told, as_metrics
from agent.settings import Settings
from cloud.doors.clusters.rates import Limits
from cloud.program import Opened, serve

log = logging.getLogger("vethscope")

READY_SECONDS = 60.0
"""Rules are compiled at the first start."""

_TICK_SECONDS = 0.05


class Source(Protocol):
    """Where records come from: the interceptor, or what stands in for it."""

    coverage: Coverage

    @property
    def monitored(self) -> frozenset[bytes]: ...

    def flush(self, timeout_seconds: float) -> bool: ...

    def run(self, stop: threading.Event) -> None: ...


class Standalone:
    """All roles of this machine; use as a context."""

    name = "run"

    def __init__(
        self,
        settings: Settings,
        stop: threading.Event,
        source: Callable[[Settings], Source] = Interceptor,
    ) -> None:
        self.dashboard = ""
        """Address of the dashboard, once `ready`."""
        self.link: Callable[[], str] = str
        """Makes an address that lets in whoever opens it first."""
        self.key: Callable[..., str] = str
        """Makes an API key for a program that reads the dashboard, or has the role that
        it is called with."""
        self._cloud_tells: Callable[[], Iterable[Told]] = tuple
        self._settings = settings
        self._make_source = source
        self._resources = ExitStack()
        self._roles = Roles(stop)
        self._cloud_ready = threading.Event()

    def __enter__(self) -> "Standalone":
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_live(self) -> bool:
        return self._digger.is_live

    @property
    def is_ready(self) -> bool:
        return self._cloud_ready.is_set() and self._digger.is_reading.is_set()

    @property
    def has_started(self) -> bool:
        return self._cloud_ready.is_set() and self._digger.has_started

    def metrics(self) -> Iterator[Metric]:
        yield from self._digger.metrics()
        yield from self._source.coverage.metrics()
        yield from as_metrics(self._cloud_tells())

    def wait(self, seconds: float | None = None) -> bool:
        """Until a role fails or all is stopped."""
        return self._roles.wait(seconds)

    def ready(self, timeout_seconds: float = READY_SECONDS) -> bool:
        """Waits for dashboard and digger; false if a role failed or time ran out."""
        end = time.monotonic() + timeout_seconds
        while not self.is_ready:
            if time.monotonic() > end or self._roles.wait(_TICK_SECONDS):
                return False
        return True

    def monitors(self, addresses: frozenset[bytes]) -> bool:
        """Whether all these addresses' interfaces are captured now."""
        return addresses <= self._source.monitored

    def knows(self, call: str) -> bool:
        """Whether the fields of a gRPC call's messages have names by now."""
        return self._digger.knows(call)

    def quiesce(self, timeout_seconds: float) -> bool:
        """Waits until all that was captured by now is counted by the cloud."""
        end = time.monotonic() + timeout_seconds
        if not self._source.flush(timeout_seconds):
            return False
        delivered = self._source.coverage.delivered
        while self._digger.digested < delivered:
            if time.monotonic() > end or self._roles.wait(_TICK_SECONDS):
                return False
        return True

    def capture_report(self) -> Counts:
        """The interceptor's counters of the whole run."""
        return self._source.coverage.total()

    @property
    def packages_accepted(self) -> int:
        return self._digger.packages_accepted

    def close(self) -> None:
        """Stops all roles. Raises RoleError if one failed."""
        with self._resources:
            self._roles.close()

    def _start(self) -> None:
        settings = self._settings
        if not settings.kafka.bootstrap:
            broker = self._resources.enter_context(EmbeddedBroker())
            kafka = msgspec.structs.replace(settings.kafka, bootstrap=broker.bootstrap)
            settings = msgspec.structs.replace(settings, kafka=kafka)
            log.info("no kafka.bootstrap: records stay in this process's memory")
        cloud = settings.cloud
        self._digger = Digger(settings)
        self._source = self._make_source(settings)
        self._roles.start(
            "cloud",
            lambda stop: serve(
                cloud.listen,
                cloud.collector_listen,
                cloud.database_url,
                stop,
                self._on_ready,
                bind=partial(bind, cloud.collector_files),
                keeping=keeping(cloud),
                terms=terms(cloud),
                origin=cloud.origin,
                limits=Limits(cloud.packages_per_minute, cloud.rows_per_minute),
                door=door(cloud),
                contexts=Contexts(cloud.dashboard_files),
                trusted_proxies=cloud.trusted_proxies,
            ),
        )
        self._roles.start("digger", self._digger.run)
        self._roles.start("interceptor", self._capture)

    def _capture(self, stop: threading.Event) -> None:
        """Once there is an address list to ask for, Kafka or not."""
        while not self._digger.is_serving.wait(_TICK_SECONDS):
            if stop.is_set():
                return
        self._source.run(stop)

    def _on_ready(self, opened: Opened) -> None:
        self.dashboard, self.link, self.key = (
            opened.address,
            opened.link,
            opened.key,
        )
        self._cloud_tells = opened.measures
        self._cloud_ready.set()


def run(settings: Settings, stop: threading.Event) -> None:
    """The command `vethscope run`. Raises RoleError."""
    with (
        Standalone(settings, stop) as standalone,
        serving(settings.health.listen, standalone),
    ):
        if standalone.ready():
            log.info("dashboard, opens once: %s", standalone.link())
        standalone.wait()
