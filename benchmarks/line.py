"""What an exchange costs all programs together: `python -m benchmarks.line`, as root.

Interceptor with its worker, digger, detector and cloud run as processes of their own;
nginx and wrk in two pods, 5,000 requests a second, answers of 1.5 KB, each request with
a target of its own. Printed are the processor time of each program for an exchange,
what all take when there are none, and the bytes to Kafka: once with the bodies of what
is chosen for inspection, once of first sights only, once of all, and once with all of
them inspected. That is done at a slower pace, which the queue before the detector
bears, and without what the programs take when idle. The broker, which stands for Kafka,
is in this process and not counted.

Usage: python -m benchmarks.line [--seconds S] [--rounds N] [--only MODE]
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.kafka.embedded import EmbeddedBroker
from benchmarks import targets
from benchmarks.node import CONNECTIONS, PAD_BYTES, PAUSE_MS, QUIET_SECONDS
from tests.netns.pods import Node
from tests.netns.processes import children, cpu_seconds
from tests.netns.web import CLIENT, SERVER, Web, load_of, web
from tests.ports import free_port

SETTLE_SECONDS = 4.0
"""After the start, and after the load until all is counted."""
START_SECONDS = 60.0
INSPECTED_PAUSE_MS = 37
"""56 connections: 1,500 requests a second."""


@dataclass(frozen=True)
class Mode:
    """How the programs run, and what an exchange may cost."""

    interceptor: str
    digger: str = ""
    pause_ms: int = PAUSE_MS
    aim: float | None = None
    """Microseconds of all programs together."""
    with_idle: bool = True
    """What they take without traffic counts too."""


MODES = {
    "chosen": Mode("--capture-bodies chosen", aim=30),
    "counted only": Mode(
        "--capture-bodies chosen --capture-whole-per-second 0", aim=12
    ),
    "all": Mode("--capture-bodies all"),
    "inspected": Mode(
        "--capture-bodies all",
        "--digger-inspect-per-second inf --digger-first-sights-per-second 1e9"
        " --digger-inspect-share 64 --digger-inspect-bytes-per-second 1000000000000",
        INSPECTED_PAUSE_MS,
        aim=90,
        with_idle=False,
    ),
}


@dataclass(frozen=True)
class Used:
    """What passed since the programs' start."""

    seconds: dict[str, float]
    kafka_bytes: int

    def since(self, before: "Used") -> "Used":
        seconds = {name: s - before.seconds[name] for name, s in self.seconds.items()}
        return Used(seconds, self.kafka_bytes - before.kafka_bytes)


class Line:
    """The programs, as in a cluster."""

    def __init__(self, bootstrap: str, folder: Path, mode: Mode) -> None:
        self._bootstrap = bootstrap
        self._folder = folder
        addresses, collector, detector, health = (
            f"127.0.0.1:{free_port()}" for _ in range(4)
        )
        names = folder / "names.toml"
        names.write_text(
            f"[[workload]]\nname = 'server'\naddresses = ['{SERVER}']\n"
            f"[[workload]]\nname = 'client'\naddresses = ['{CLIENT}']\n"
        )
        store = f"sqlite:///{folder / 'store.sqlite3'}"
        self._health = health
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        cloud = f"--cloud-collector-listen {collector} --cloud-database-url {store}"
        self._start("cloud", *cloud.split(), "--cloud-listen", "127.0.0.1:0")
        self._start("detector", "--detector-listen", detector)
        digger = f"--addresses-file {names} --addresses-listen {addresses}"
        digger += f" --cloud-server {collector} --detector-server {detector}"
        digger += f" {mode.digger}"
        kafka = ["--kafka-bootstrap", bootstrap]
        self._start("digger", *digger.split(), "--health-listen", health, *kafka)
        self._wait_for("digger", b"started")
        flags = mode.interceptor.split()
        self._start("interceptor", "--addresses-server", addresses, *flags, *kafka)
        self._wait_for("interceptor", b"monitoring 2 interfaces")

    def used(self) -> Used:
        seconds = {
            name: sum(cpu_seconds(pid) for pid in (program.pid, *children(program.pid)))
            for name, program in self.programs.items()
        }
        return Used(seconds, self._kafka_bytes())

    def counted(self) -> int:
        """Exchanges that the cloud has accepted."""
        return self._metric("vethscope_digger_records_total")

    def inspected(self) -> int:
        return self._metric("vethscope_digger_inspected_total")

    def _metric(self, name: str) -> int:
        url = f"http://{self._health}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = re.search(rf"^{name} (\d+)", answer.read().decode(), re.MULTILINE)
        return int(found[1]) if found else 0

    def close(self) -> None:
        for program in reversed(self.programs.values()):
            program.terminate()
            program.wait(30)

    def _start(self, role: str, *words: str) -> None:
        with (self._folder / f"{role}.log").open("wb") as log:
            self.programs[role] = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", role, *words], stderr=log
            )

    def _wait_for(self, role: str, words: bytes) -> None:
        log = self._folder / f"{role}.log"
        end = time.monotonic() + START_SECONDS
        while words not in log.read_bytes():
            if time.monotonic() > end or self.programs[role].poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.1)

    def _kafka_bytes(self) -> int:
        """Into the broker's sockets, TCP's headers not counted: ss tells."""
        ports = {place.rpartition(":")[2] for place in self._bootstrap.split(",")}
        wanted = " or ".join(f"sport = :{port}" for port in ports)
        told = subprocess.run(
            ["ss", "-Htin", "state", "established", wanted],
            capture_output=True,
            text=True,
            check=True,
        )
        return sum(map(int, re.findall(r"bytes_received:(\d+)", told.stdout)))


@contextmanager
def line(folder: Path, mode: Mode) -> Iterator[Line]:
    folder.mkdir()
    with EmbeddedBroker() as broker:
        running = Line(broker.bootstrap, folder, mode)
        try:
            time.sleep(SETTLE_SECONDS)
            yield running
        finally:
            running.close()


def measure(site: Web, folder: Path, name: str, seconds: int) -> None:
    mode = MODES[name]
    with line(folder, mode) as programs:
        began = programs.used()
        time.sleep(seconds)
        idle = programs.used().since(began)
        before, counted = programs.used(), programs.counted()
        inspected = programs.inspected()
        load = load_of(site.start(seconds, CONNECTIONS, mode.pause_ms))
        time.sleep(SETTLE_SECONDS)
        used = programs.used().since(before)
        exchanges = programs.counted() - counted
        inspected = programs.inspected() - inspected
    idle_seconds = SETTLE_SECONDS + (0 if mode.with_idle else seconds)
    each = {
        program: (spent - idle.seconds[program] * idle_seconds / seconds) / exchanges
        for program, spent in used.seconds.items()
    }
    told = "  ".join(f"{program} {each[program] * 1e6:5.1f}" for program in each)
    whole = sum(each.values()) * 1e6
    print(
        f"{name:12} {load.per_second:6,.0f}/s  {whole:5.1f} µs an exchange: {told}"
        f"  to Kafka {used.kafka_bytes / exchanges:6,.0f} bytes,"
        f" {exchanges:,} of {load.requests:,} counted, {inspected:,} inspected,"
        f" idle {sum(idle.seconds.values()) / seconds:.1%} of a processor",
        flush=True,
    )
    if mode.aim is not None:
        targets.at_most(f"  an exchange, {name}", whole, mode.aim, "µs", 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=MODES)
    options = parser.parse_args()
    targets.print_machine()
    with ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        node = Node()
        resources.callback(node.close)
        site = resources.enter_context(web(node, folder, PAD_BYTES))
        time.sleep(QUIET_SECONDS)
        for number in range(options.rounds):
            for name in [options.only] if options.only else MODES:
                measure(
                    site,
                    folder / f"{number}-{name.replace(' ', '-')}",
                    name,
                    options.seconds,
                )


if __name__ == "__main__":
    main()
