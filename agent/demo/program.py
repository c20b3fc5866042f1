"""`vethscope demo`: a small company's real traffic through the whole line.

Reads top to bottom: the traffic (in namespaces, or a recording where the privileges for
these are missing) → all roles on this machine, with a policy → a roll-out meanwhile →
progress → what was found. Nothing of it stays: the store is in a temporary folder, the
namespaces end with the processes.
"""

import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from agent.demo import findings, report, stage
from agent.demo.client import Counts
from agent.demo.cluster import Cluster
from agent.demo.company import ROLL_OUT
from agent.demo.live import Live, missing_capabilities
from agent.demo.network import NetworkError
from agent.demo.process import ChildError, Stopped
from agent.demo.recording import Recorded
from agent.demo.stage import Places
from agent.settings import Settings
from agent.standalone import READY_SECONDS, Standalone

log = logging.getLogger("vethscope")

RATE = 500.0
"""Calls a second, over HTTP/1.1."""
GRPC_RATE = 25.0
ROLL_OUT_SECONDS = 10.0
"""After the beginning, or half of a shorter run."""
DRAIN_SECONDS = 2.0
"""Old pods are there for so long after new ones have taken over."""
QUIESCE_SECONDS = 15.0
"""For what was captured to be counted by the cloud, after a run of its own length."""
INTERRUPTED_SECONDS = 0.3
"""The same after Ctrl-C: all must end within 3 s."""
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
    with (
        stage.naming(traffic.addresses, folder) as cluster,
        Standalone(
            stage.settings(settings, cluster, traffic.addresses, folder),
            threading.Event(),
            traffic.source,
        ) as standalone,
    ):
        _await_ready(standalone, stop)
        stage.switch_on(standalone.dashboard, standalone.key)
        traffic.begin(standalone, RATE)
        _tell(standalone)
        rollout = Rollout(traffic, cluster, standalone, duration_seconds)
        sent = _send(traffic, standalone, rollout, duration_seconds, stop)
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


def _tell(standalone: Standalone) -> None:
    """The link first: it lets in."""
    log.info("demo: dashboard, opens once: %s", standalone.link())
    log.info("demo: then click first")
    for line in Places.of(standalone.dashboard).lines():
        log.info("demo: %s", line)


class Rollout:
    """Replaces pods once, as a roll-out does: the new one comes, clients go over, the
    old one ends."""

    def __init__(
        self,
        traffic: Traffic,
        cluster: Cluster,
        standalone: Standalone,
        duration_seconds: float | None,
    ) -> None:
        self._traffic = traffic
        self._cluster = cluster
        self._standalone = standalone
        half = (duration_seconds or 2 * ROLL_OUT_SECONDS) / 2
        self._step_at = time.monotonic() + min(half, ROLL_OUT_SECONDS)
        self._steps = [self._start, self._go_over, self._end]

    def go_on(self) -> None:
        """Takes the next step if it is time for it."""
        if self._steps and time.monotonic() >= self._step_at and self._steps[0]():
            del self._steps[0]

    def _start(self) -> bool:
        for new in ROLL_OUT.values():
            self._cluster.run(new, self._traffic.addresses[new], is_new=True)
        return True

    def _go_over(self) -> bool:
        is_done = self._traffic.roll_out(self._standalone)
        if is_done:
            log.info("demo: a roll-out of %s brought a field", ", ".join(ROLL_OUT))
            self._step_at = time.monotonic() + DRAIN_SECONDS
        return is_done

    def _end(self) -> bool:
        for old in ROLL_OUT:
            self._cluster.end(old)
        return True


def _send(
    traffic: Traffic,
    standalone: Standalone,
    rollout: Rollout,
    duration_seconds: float | None,
    stop: threading.Event,
) -> Counts:
    """Until the duration is over, the user ends it or a role fails."""
    began = time.monotonic()
    is_paying = False
    with _progress(duration_seconds) as show:
        while not stop.is_set() and not standalone.wait(0):
            elapsed = time.monotonic() - began
            if duration_seconds and elapsed >= duration_seconds:
                break
            is_paying = is_paying or traffic.pay(standalone, GRPC_RATE)
            rollout.go_on()
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
