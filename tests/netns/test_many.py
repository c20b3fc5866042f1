"""A node full of pods: all are captured, within the memory that was set."""

from pathlib import Path

import pytest

from agent.kafka.embedded import EmbeddedBroker
from tests.netns.capturing import address_list, capturing, packed, settings
from tests.netns.pods import Node

PODS = 250
RING_BYTES = 16 << 20
WORKER_BYTES = 80_000_000
"""Of a worker, beside its ring."""


def resident_bytes(process: int) -> int:
    """From proc(5); a ring that was written to is part of it."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no such process")


@pytest.mark.timeout(240)
def test_250_pods_are_captured_within_the_memory_that_was_set(node: Node) -> None:
    addresses = [f"198.19.{number // 200}.{number % 200 + 1}" for number in range(PODS)]
    for address in addresses:
        node.routed(f"{address}/32")
    flags = {"capture-ring-bytes": str(RING_BYTES), "capture-workers": "2"}
    with (
        EmbeddedBroker() as broker,
        address_list(addresses) as listed,
        capturing(settings(broker.bootstrap, listed, **flags), addresses) as captor,
    ):
        assert set(map(packed, addresses)) <= captor.monitored
        sizes = [resident_bytes(pid) for pid in captor.worker_processes()]
    assert len(sizes) == 2
    assert max(sizes) <= WORKER_BYTES + RING_BYTES // 2
