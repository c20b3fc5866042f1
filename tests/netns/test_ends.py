"""Starts and stops: every byte that the kernel counted stands in one bucket."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.interceptor.coverage import Counts
from agent.interceptor.reading.witness import HEADER_BYTES
from agent.kafka.embedded import EmbeddedBroker
from tests.netns.capturing import (
    WAIT_SECONDS,
    accounts_for_all,
    address_list,
    ask,
    capturing,
    forwarding,
    packed,
    serving,
    settings,
    wait_for,
)
from tests.netns.pods import Node
from tests.netns.web import CLIENT, SERVER, web

COUNT = 60
LOAD = 24
"""Connections of wrk: more than a worker can read beside nginx and wrk."""


@pytest.mark.parametrize("paused_seconds", [0.0, 0.4])
def test_frames_left_in_the_ring_at_stop_are_counted(
    node: Node, tmp_path: Path, paused_seconds: float
) -> None:
    """Under load, with a worker that is behind; how many are left is a matter of how
    busy the machine is."""
    flags = {"capture-stop-seconds": "2", "capture-workers": "1"}
    with (
        EmbeddedBroker() as broker,
        address_list([SERVER, CLIENT]) as addresses,
        web(node, tmp_path, pad=3000) as site,
    ):
        used = settings(broker.bootstrap, addresses, **flags)
        with capturing(used, [SERVER, CLIENT]) as interceptor:
            wrk = site.start(6, LOAD)
            coverage = interceptor.coverage
            wait_for(lambda: coverage.total().counts.get("pairs", 0) > 500)
            (worker,) = interceptor.worker_processes()
            if paused_seconds:
                os.kill(worker, signal.SIGSTOP)
                threading.Event().wait(paused_seconds)
                os.kill(worker, signal.SIGCONT)
        _end(wrk)
    total = coverage.total()
    counts = total.counts
    assert counts["frames"] == counts["ring_frames"] - counts.get("ring_drops", 0)
    assert accounts_for_all(interceptor)
    assert total.buckets.get("in_flight", 0) == 0
    left = counts.get("frames_left", 0)
    assert left < counts["frames"]
    assert bool(left) == bool(total.buckets.get("left_at_stop"))


def test_nothing_is_ready_before_its_interface_is_captured(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker stands still from its start: what passes meanwhile is counted."""
    server, client = node.gateway(SERVER), node.gateway(CLIENT)
    flags = {"capture-workers": "1"}
    with (
        EmbeddedBroker() as broker,
        address_list([SERVER, CLIENT]) as addresses,
        forwarding(),
        serving(server, 8000),
        caplog.at_level(logging.INFO, "vethscope"),
        capturing(settings(broker.bootstrap, addresses, **flags), []) as interceptor,
    ):
        wait_for(lambda: bool(interceptor.worker_processes()))
        (worker,) = interceptor.worker_processes()
        os.kill(worker, signal.SIGSTOP)
        wait_for(lambda: packed(SERVER) in interceptor.coverage.places())
        assert ask(client, SERVER, 8000, COUNT) == COUNT
        assert not interceptor.is_ready
        assert not interceptor.has_started
        assert not interceptor.monitored
        assert "monitoring" not in caplog.text
        os.kill(worker, signal.SIGCONT)
        wait_for(lambda: interceptor.is_ready)
        assert interceptor.monitored == {packed(SERVER), packed(CLIENT)}
        assert ask(client, SERVER, 8000, COUNT) == COUNT
        assert interceptor.flush(WAIT_SECONDS)
        # The interfaces' own counters are read every few reports.
        wait_for(lambda: _told_share(interceptor.coverage.total()) <= 1.15)
        total = interceptor.coverage.total()
    assert "monitoring 2 interfaces, 0 inside namespaces" in caplog.text
    assert total.counts["pairs"] == COUNT
    assert total.buckets["before_capture"] > 0
    assert 0.85 <= _told_share(total) <= 1.15


def test_whoever_waits_for_readiness_misses_nothing_however_busy_the_machine(
    node: Node,
) -> None:
    server, client = node.gateway(SERVER), node.gateway(CLIENT)
    with (
        _busy(6),
        EmbeddedBroker() as broker,
        address_list([SERVER, CLIENT]) as addresses,
        forwarding(),
        serving(server, 8000),
    ):
        used = settings(broker.bootstrap, addresses)
        for _ in range(3):
            with capturing(used, []) as interceptor:
                wait_for(lambda: interceptor.is_ready)
                assert ask(client, SERVER, 8000, COUNT) == COUNT
                assert interceptor.flush(WAIT_SECONDS)
            assert interceptor.coverage.total().counts["pairs"] == COUNT


def test_what_a_worker_that_cannot_stop_held_is_lost_by_name(
    node: Node, tmp_path: Path
) -> None:
    flags = {"capture-stop-seconds": "0.5", "capture-workers": "1"}
    with (
        EmbeddedBroker() as broker,
        address_list([SERVER, CLIENT]) as addresses,
        web(node, tmp_path, pad=3000) as site,
    ):
        used = settings(broker.bootstrap, addresses, **flags)
        with capturing(used, [SERVER, CLIENT]) as interceptor:
            wrk = site.start(6, LOAD, delay_ms=5)
            coverage = interceptor.coverage
            wait_for(lambda: coverage.total().counts.get("pairs", 0) > 500)
            (worker,) = interceptor.worker_processes()
            os.kill(worker, signal.SIGSTOP)
        _end(wrk)
    total = coverage.total()
    counts = total.counts
    assert accounts_for_all(interceptor)
    carried = counts["interface_bytes"] - HEADER_BYTES * counts["interface_packets"]
    assert 0.85 <= sum(total.buckets.values()) / carried <= 1.15
    assert total.buckets["worker_lost"] > 0
    assert total.buckets.get("in_flight", 0) == 0


@contextmanager
def _busy(processes: int) -> Iterator[None]:
    """So many that do nothing but take processor time."""
    running = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _end(wrk: subprocess.Popen[str]) -> None:
    wrk.terminate()
    wrk.communicate(timeout=20)


def _told_share(total: Counts) -> float:
    """Of what the interfaces carried by their own counters."""
    counts = total.counts
    carried = counts["interface_bytes"] - HEADER_BYTES * counts["interface_packets"]
    return sum(total.buckets.values()) / carried
