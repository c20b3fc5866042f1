"""A worker that cannot read all: what it leaves out is whole, known and temporary."""

import os
import signal
import threading
from pathlib import Path

import pytest

from agent.interceptor.reading.budget import (
    INTERCEPTOR_BYTES,
    LEAST_BYTES,
    memory_bytes,
)
from agent.interceptor.reading.witness import HEADER_BYTES
from agent.kafka.embedded import EmbeddedBroker
from agent.settings import WORKING_BYTES
from tests.netns import overload
from tests.netns.capturing import (
    WAIT_SECONDS,
    address_list,
    ask,
    capturing,
    forwarding,
    serving,
    settings,
    start,
    wait_for,
)
from tests.netns.groups import CpuGroup
from tests.netns.pods import Node
from tests.netns.web import CLIENT, SERVER, requests_done, web


@pytest.mark.timeout(180)
def test_with_a_tenth_of_the_processor_time_most_of_what_it_yields_is_paired(
    node: Node, tmp_path: Path
) -> None:
    if reason := CpuGroup.missing():
        pytest.skip(reason)
    result = overload.measure(node, tmp_path, 15)
    assert result.yield_share >= 0.7
    assert result.records_checked > 1000
    assert result.records_wrong == 0
    assert result.total.buckets["shed"] > 0
    total = result.total
    assert total.counts["payload_bytes"] == sum(total.buckets.values())
    assert 0.85 <= result.accounted_share <= 1.15
    assert 0.85 <= result.served_share <= 1.15
    assert result.recovery_seconds < 30


def test_a_worker_killed_under_load_is_replaced_and_its_loss_counted(
    node: Node, tmp_path: Path
) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list([SERVER, CLIENT]) as addresses,
        web(node, tmp_path, pad=3000) as site,
        capturing(
            settings(broker.bootstrap, addresses), [SERVER, CLIENT]
        ) as interceptor,
    ):
        wrk = site.start(6, 8, delay_ms=2)
        wait_for(lambda: interceptor.coverage.total().counts.get("pairs", 0) > 500)
        (killed,) = interceptor.worker_processes()
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: interceptor.worker_processes() not in ([], [killed]))
        before = interceptor.coverage.total().counts["pairs"]
        requests = requests_done(wrk)
        assert interceptor.flush(WAIT_SECONDS)
        threading.Event().wait(0.5)
    total = interceptor.coverage.total()
    counts = total.counts
    assert counts["worker_restarts"] == 1
    assert before < counts["pairs"] < requests
    carried = counts["interface_bytes"] - HEADER_BYTES * counts["interface_packets"]
    assert 0.85 <= sum(total.buckets.values()) / carried <= 1.15
    missing = (requests - counts["pairs"]) / requests
    assert abs(total.buckets["worker_lost"] / carried - missing) < 0.15


def test_connections_that_hold_too_much_memory_are_shed(node: Node) -> None:
    server, client = node.gateway(SERVER), node.gateway(CLIENT)
    ring_bytes = 16 << 20
    budget_bytes = ring_bytes + WORKING_BYTES + LEAST_BYTES
    flags = {
        "capture-workers": "1",
        "capture-ring-bytes": str(ring_bytes),
        "capture-inside-bytes": "0",
        "capture-memory-bytes": str(budget_bytes),
    }
    with (
        EmbeddedBroker() as broker,
        address_list([SERVER, CLIENT]) as addresses,
        forwarding(),
        serving(server, 8000),
        capturing(
            settings(broker.bootstrap, addresses, **flags), [SERVER, CLIENT]
        ) as interceptor,
    ):
        (worker,) = interceptor.worker_processes()
        proc = Path(f"/proc/{worker}")
        asking = start(client, "hold", SERVER, "8000", "120", str(1 << 20))
        assert asking.stdout
        assert asking.stdout.readline() == b"held\n"
        coverage = interceptor.coverage
        wait_for(lambda: coverage.total().counts.get("connections_shed", 0) > 0)
        wait_for(
            lambda: memory_bytes(proc) < budget_bytes - ring_bytes - INTERCEPTOR_BYTES
        )
        asking.communicate(timeout=30)
        wait_for(lambda: ask(client, SERVER, 8000, 50) == 50)
    total = interceptor.coverage.total()
    assert total.counts["payload_bytes"] == sum(total.buckets.values())
