"""`vethscope demo`: a small shop's real traffic through the whole line.

Reads top to bottom: the traffic (two namespaces, or a recording where the privileges
for these are missing) → all roles on this machine → progress → what was found. Nothing
of it stays: the store is in a temporary folder, the namespaces end with the processes.
"""

import logging
import random
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from agent.demo import findings, report
from agent.demo.client import Counts
from agent.demo.live import Live, missing_capabilities
from agent.demo.network import NetworkError
from agent.demo.process import ChildError, Stopped
from agent.demo.recording import Recorded
from agent.settings import Settings, split_address
from agent.standalone import READY_SECONDS, Standalone

log = logging.getLogger("vethscope")

RATE = 500.0
"""Requests a second."""
PACKAGE_SECONDS = 0.5
"""More often than usual, so that the dashboard follows."""
QUIESCE_SECONDS = 15.0
"""For what was captured to be counted by the cloud, after a run of its own length."""
INTERRUPTED_SECONDS = 0.3
"""The same after Ctrl-C: all must end within 3 s."""
PORTS = range(20_000, 32_000)
_NEWS_SECONDS = 0.1

Traffic = Live | Recorded


class DemoError(Exception):
    """The demo cannot go on; one line."""


def run(
    settings: Settings,
    duration_seconds: float | None,
    as_json: bool,
    stop: threading.Event,
) -> int:
    """Runs until the duration is over or `stop` is set; the exit status."""
    with (
        tempfile.TemporaryDirectory(prefix="vethscope-demo-") as name,
        ExitStack() as s,
    ):
        try:
            traffic = s.enter_context(_traffic(Path(name), stop))
            _demonstrate(settings, traffic, Path(name), duration_seconds, as_json, stop)
        except Stopped:
            return 0
        except (ChildError, DemoError) as error:
            print(f"vethscope: demo: {error}", file=sys.stderr)
            return 1
    return 0


@contextmanager
def _traffic(folder: Path, stop: threading.Event) -> Iterator[Traffic]:
    """Real traffic where that is possible, else a recording."""
    with ExitStack() as resources:
        missing = missing_capabilities()
        reason = f"{', '.join(missing)} missing (run as root)" if missing else ""
        try:
            live = None if reason else resources.enter_context(Live(stop))
        except (NetworkError, ChildError) as error:
            live, reason = None, str(error)
        if live is None:
            print(
                f"vethscope: demo: no real traffic: {reason}; "
                "replaying a capture made for this run instead",
                file=sys.stderr,
            )
        yield live or resources.enter_context(Recorded(folder))


def _demonstrate(
    settings: Settings,
    traffic: Traffic,
    folder: Path,
    duration_seconds: float | None,
    as_json: bool,
    stop: threading.Event,
) -> None:
    own = _settings(settings, traffic, folder)
    failed = threading.Event()
    with Standalone(own, failed, traffic.source) as standalone:
        _await_ready(standalone, stop)
        traffic.begin(standalone, RATE)
        log.info("demo: dashboard, opens once: %s", standalone.link())
        sent = _send(traffic, standalone, duration_seconds, stop)
        quiesce_seconds = INTERRUPTED_SECONDS if stop.is_set() else QUIESCE_SECONDS
        if not standalone.quiesce(quiesce_seconds):
            log.warning("demo: the last pairs are not counted by the cloud yet")
        captured = standalone.capture_report()
        told = report.summary(
            sent,
            captured,
            findings.read(standalone.dashboard, standalone.key()),
            standalone.packages_accepted,
            standalone.dashboard,
            isinstance(traffic, Recorded),
        )
    if as_json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        sys.stdout.flush()
    else:
        report.print_tables(told, captured, Console())


def _await_ready(standalone: Standalone, stop: threading.Event) -> None:
    end = time.monotonic() + READY_SECONDS
    while not standalone.ready(_NEWS_SECONDS):
        if stop.is_set():
            raise Stopped
        if time.monotonic() > end or standalone.wait(0):
            raise DemoError("the roles of this machine did not start")


def _send(
    traffic: Traffic,
    standalone: Standalone,
    duration_seconds: float | None,
    stop: threading.Event,
) -> Counts:
    """Until the duration is over, the user ends it or a role fails."""
    began = time.monotonic()
    with _progress(duration_seconds) as show:
        while not stop.is_set() and not standalone.wait(0):
            elapsed = time.monotonic() - began
            if duration_seconds and elapsed >= duration_seconds:
                break
            left = (duration_seconds or elapsed + 1) - elapsed
            show(elapsed, traffic.counts(min(_NEWS_SECONDS, left)))
        return traffic.finish()


@contextmanager
def _progress(duration_seconds: float | None) -> Iterator["Show"]:
    if not sys.stderr.isatty():
        yield Show(None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task("starting", total=duration_seconds)
        yield Show(progress)


class Show:
    """Tells how far the traffic is."""

    LINE_SECONDS = 5.0

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._told_seconds = 0.0

    def __call__(self, elapsed: float, counts: Counts) -> None:
        text = f"{counts.exchanges:,} exchanges answered"
        if self._progress:
            task = self._progress.task_ids[0]
            self._progress.update(task, description=text, completed=elapsed)
        elif elapsed - self._told_seconds >= self.LINE_SECONDS:
            self._told_seconds = elapsed
            log.info("demo: %s", text)


def _settings(settings: Settings, traffic: Traffic, folder: Path) -> Settings:
    """With own names, an own store and free ports."""
    names = folder / "names.toml"
    names.write_text("".join(_workloads(traffic)))
    ports = _free_ports(3)
    addresses, collector = (f"127.0.0.1:{port}" for port in ports[:2])
    dashboard = settings.cloud.listen
    if not _is_free(dashboard):
        dashboard = f"127.0.0.1:{ports[2]}"
    return replace(
        settings,
        addresses=replace(
            settings.addresses, file=str(names), listen=addresses, server=addresses
        ),
        cloud=replace(
            settings.cloud,
            listen=dashboard,
            collector_listen=collector,
            collector_certificate_file="",
            collector_key_file="",
            origin="",
            token_file="",
            server=collector,
            ca_file="",
            database_url=f"sqlite:///{folder / 'demo.sqlite3'}",
        ),
        digger=replace(settings.digger, package_seconds=PACKAGE_SECONDS),
    )


def _workloads(traffic: Traffic) -> Iterator[str]:
    """TOML of `agent.cluster.names`."""
    for side, addresses in traffic.addresses.items():
        quoted = ", ".join(f'"{address}"' for address in addresses)
        yield f'[[workload]]\nname = "{side}"\naddresses = [{quoted}]\n'


def _free_ports(count: int) -> list[int]:
    """Below those that the kernel gives to outgoing connections at any moment."""
    numbers = iter(random.sample(PORTS, 1000))
    free = (number for number in numbers if _is_free(f"127.0.0.1:{number}"))
    return list(islice(free, count))


def _is_free(listen: str) -> bool:
    try:
        socket.create_server(split_address(listen)).close()
    except OSError:
        return False
    return True
