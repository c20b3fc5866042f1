"""Measures a worker with a tenth of the processor time that it needs.

Four phases with the same interceptor, nginx and wrk: at full speed without a limit
(how much the worker needs), with a tenth of that but a load that it can bear (what this
share yields), with a tenth at full speed (overload), without a limit again (recovery).
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.interceptor.coverage import Counts
from agent.interceptor.program import Interceptor
from agent.interceptor.reading.witness import HEADER_BYTES
from agent.kafka.embedded import EmbeddedBroker
from agent.record import Record, batch_decoder
from tests.netns.capturing import (
    WAIT_SECONDS,
    address_list,
    all_values,
    capturing,
    settings,
    wait_for,
)
from tests.netns.groups import CpuGroup
from tests.netns.pods import Node
from tests.netns.web import CLIENT, SERVER, Web, requests_done, web
from tests.topics import RECORDS_TOPIC

CONNECTIONS = 64
SHARE = 0.1
CALM = (0.6, 0.45, 0.3)
"""Of what the limited worker could read at full speed: loads that it can bear. A busy
machine may need a smaller one."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Phase:
    """What one phase did."""

    requests: int
    pairs: int
    cpu_seconds: float
    seconds: float

    @property
    def pairs_per_cpu_second(self) -> float:
        return self.pairs / self.cpu_seconds


@dataclass(frozen=True)
class Overload:
    """All phases, and what the counters say of the whole."""

    free: Phase
    calm: Phase
    overload: Phase
    limit_cores: float
    records_checked: int
    records_wrong: int
    recovery_seconds: float
    served: int
    request_bytes: float
    """Payload of a request and its answer, on both interfaces."""
    total: Counts

    @property
    def yield_share(self) -> float:
        """Pairs, of those that the limit yields without overload."""
        could = (
            self.limit_cores * self.overload.seconds * self.calm.pairs_per_cpu_second
        )
        return self.overload.pairs / could

    @property
    def accounted_share(self) -> float:
        """Bytes in buckets, of the payload that the interfaces counted."""
        counts = self.total.counts
        carried = counts["interface_bytes"] - HEADER_BYTES * counts["interface_packets"]
        return sum(self.total.buckets.values()) / carried

    @property
    def served_share(self) -> float:
        """Bytes in buckets, of those of all requests that nginx served, each taken to
        have as many as one of the calm phase. No interface counted these."""
        whole = self.served * self.request_bytes
        return sum(self.total.buckets.values()) / whole


def measure(node: Node, folder: Path, seconds: int, share: float = SHARE) -> Overload:
    """Overloads for `seconds`, the other phases take about 15."""
    with _running(node, folder) as (site, interceptor, bootstrap):
        (worker,) = interceptor.worker_processes()
        group = CpuGroup(f"vs{os.getpid()}")
        try:
            run = _Run(site, interceptor, worker)
            free = run.phase(4)
            cores = share * free.requests / 4 / free.pairs_per_cpu_second
            group.limit(cores)
            group.take(worker)
            calm = run.calm(cores * free.pairs_per_cpu_second)
            overload = run.phase(seconds)
            checked, wrong = _check(bootstrap)
            group.unlimit()
            recovery = run.recovery_seconds(delay_ms=5)
        finally:
            group.free(worker)
            group.remove()
        assert interceptor.flush(WAIT_SECONDS)
        served = site.served()
    total = interceptor.coverage.total()
    return Overload(
        free,
        calm,
        overload,
        cores,
        checked,
        wrong,
        recovery,
        served,
        run.request_bytes,
        total,
    )


@contextmanager
def _running(node: Node, folder: Path) -> Iterator[tuple[Web, Interceptor, str]]:
    with (
        EmbeddedBroker() as broker,
        address_list([SERVER, CLIENT]) as addresses,
        web(node, folder) as site,
    ):
        used = settings(broker.bootstrap, addresses, **{"capture-workers": "1"})
        with capturing(used, [SERVER, CLIENT]) as interceptor:
            yield site, interceptor, broker.bootstrap


class _Run:
    def __init__(self, site: Web, interceptor: Interceptor, worker: int) -> None:
        self._site = site
        self._interceptor = interceptor
        self._worker = worker
        self.request_bytes = 0.0
        """Of what the calm phase was asked, all of it read."""

    def phase(self, seconds: int, delay_ms: int = 0) -> Phase:
        pairs, cpu, began = self._count("pairs"), self._cpu_seconds(), time.monotonic()
        done = requests_done(self._site.start(seconds, CONNECTIONS, delay_ms))
        used, took = self._cpu_seconds() - cpu, time.monotonic() - began
        assert self._interceptor.flush(WAIT_SECONDS)
        return Phase(done, self._count("pairs") - pairs, used, took)

    def calm(self, most_per_second: float) -> Phase:
        """The yield of a limit where nothing is left out."""
        for share in CALM:
            self.recovery_seconds(delay_ms=50)
            rate = share * most_per_second
            assert self._interceptor.flush(WAIT_SECONDS)
            before, began = self._bytes(), self._site.served()
            phase = self.phase(5, delay_ms=round(CONNECTIONS * 1000 / rate))
            served = self._site.served() - began
            self.request_bytes = (self._bytes() - before) / max(1, served)
            if phase.pairs >= phase.requests:
                return phase
        raise AssertionError("the limited worker bears no load: the machine is busy")

    def recovery_seconds(self, delay_ms: int) -> float:
        """Until nothing is shed any more, though there is traffic."""
        wrk = self._site.start(30, CONNECTIONS, delay_ms)
        began = time.monotonic()
        pause = threading.Event()

        def is_whole() -> bool:
            before, pairs = self._count("shed_milliseconds"), self._count("pairs")
            pause.wait(1.0)
            is_all = self._count("shed_milliseconds") == before
            return is_all and self._count("pairs") > pairs

        wait_for(is_whole)
        took = time.monotonic() - began
        wrk.terminate()
        wrk.communicate()
        return took

    def _bytes(self) -> int:
        return sum(self._interceptor.coverage.total().buckets.values())

    def _count(self, reason: str) -> int:
        return self._interceptor.coverage.total().counts.get(reason, 0)

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._worker}/stat").read_text().rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / _TICKS


def _check(bootstrap: str) -> tuple[int, int]:
    """Records that the broker still has, and those whose answer is another's."""
    values = all_values(bootstrap, RECORDS_TOPIC)
    records = [r for value in values for r in batch_decoder.decode(value).records]
    return len(records), sum(map(_is_wrong, records))


def _is_wrong(record: Record) -> bool:
    target = record.request.head.split(b" ", 2)[1].decode()
    return bool(json.loads(record.response.body)["target"] != target)
