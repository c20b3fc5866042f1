"""What an interceptor costs a node, and what it gets: nginx and wrk in two pods.

`python -m benchmarks.node [--seconds S] [--rounds N]`, as root. wrk runs in turn
without and with an interceptor beside it, first at a steady 5,000 requests a second,
then as fast as it can. Printed are the client's latencies, the processor time of the
interceptor with its worker, and its pairs against the requests that nginx counted.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer

from agent.kafka.embedded import EmbeddedBroker
from agent.record import coverage_decoder
from tests.netns.capturing import address_list
from tests.netns.pods import Node
from tests.netns.processes import children, cpu_seconds
from tests.netns.web import CLIENT, SERVER, Load, Web, load_of, web
from tests.topics import COVERAGE_TOPIC

PAD_BYTES = 1400
"""Answers of 1.5 KB."""
CONNECTIONS = 56
PAUSE_MS = 11
"""56 connections that each wait 11 ms and about 0.2 ms for the answer: 5,000/s."""
SEGMENTS = 4
"""Of an exchange: a request and an answer, each on two interfaces."""
QUIET_SECONDS = 1.0
START_SECONDS = 5.0


@dataclass(frozen=True)
class Run:
    """One load."""

    load: Load
    served: int
    cpu_share: float = 0.0
    """Processor seconds of interceptor and worker for each second; 0: none ran."""
    counts: Counter[str] | None = None


class Bench:
    """Two pods, a web server and an address list."""

    def __init__(self, resources: ExitStack) -> None:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        node = Node()
        resources.callback(node.close)
        self._web: Web = resources.enter_context(web(node, folder, PAD_BYTES))
        self._addresses = resources.enter_context(address_list((SERVER, CLIENT)))

    def run(self, seconds: int, pause_ms: int, is_watched: bool) -> Run:
        if not is_watched:
            return self._load(seconds, pause_ms)
        with EmbeddedBroker() as broker:
            with self._interceptor(broker.bootstrap) as process:
                before = _used_seconds(process.pid)
                done = self._load(seconds, pause_ms)
                used = _used_seconds(process.pid) - before
            counts = _sums(broker.bootstrap)
        return Run(done.load, done.served, used / seconds, counts)

    def _load(self, seconds: int, pause_ms: int) -> Run:
        before = self._web.served()
        load = load_of(self._web.start(seconds, CONNECTIONS, pause_ms))
        time.sleep(QUIET_SECONDS)
        return Run(load, self._web.served() - before)

    @contextmanager
    def _interceptor(self, bootstrap: str) -> Iterator[subprocess.Popen[str]]:
        """Started, capturing both pods; drained at the end."""
        words = ["--kafka-bootstrap", bootstrap]
        words += ["--addresses-server", self._addresses]
        process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "interceptor", *words],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr
        for line in process.stderr:
            if "monitoring 2 interfaces" in line:
                break
        time.sleep(QUIET_SECONDS)
        try:
            yield process
        finally:
            process.terminate()
            sys.stderr.write(process.communicate(timeout=30)[1])


def _used_seconds(process: int) -> float:
    """Processor time of the process and its children."""
    return sum(cpu_seconds(pid) for pid in (process, *children(process)))


def _sums(bootstrap: str) -> Counter[str]:
    """All that was reported to this broker."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([COVERAGE_TOPIC])
    sums: Counter[str] = Counter()
    quiet_at = time.monotonic() + START_SECONDS
    while time.monotonic() < quiet_at:
        message = consumer.poll(QUIET_SECONDS)
        if message is not None and not message.error():
            quiet_at = time.monotonic() + QUIET_SECONDS
            window = coverage_decoder.decode(message.value() or b"")
            sums.update(window.counts)
            sums.update({f"{name}_bytes": n for name, n in window.buckets.items()})
    consumer.close()
    return sums


def _print(name: str, run: Run) -> None:
    load = run.load
    line = (
        f"{name:22} {load.per_second:9,.0f}/s  median {load.median_seconds * 1e3:6.2f}"
    )
    line += f" ms  p99 {load.p99_seconds * 1e3:6.2f} ms"
    if run.counts is not None:
        counts = run.counts
        line += (
            f"  cpu {run.cpu_share:5.1%}  pairs {counts['pairs']:,} of {run.served:,}"
        )
        line += f"  drops {counts['ring_drops']:,}"
        unseen = counts["shed_segments"] + counts["ring_drops"]
        missing = run.served - counts["pairs"]
        if missing or unseen:
            line += f"  missing {missing:,}, told {unseen // SEGMENTS:,}"
            line += (
                f" ({counts['shed_milliseconds'] / counts['milliseconds']:.0%} shed)"
            )
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as resources:
        bench = Bench(resources)
        for pause_ms in (PAUSE_MS, 0):
            for number in range(2 * options.rounds):
                is_watched = number % 2 == 1
                name = "steady" if pause_ms else "full speed"
                name += ", watched" if is_watched else ""
                _print(name, bench.run(options.seconds, pause_ms, is_watched))


if __name__ == "__main__":
    main()
