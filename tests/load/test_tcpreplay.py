"""Captures replayed at speed into a real interface: what is read of them."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from agent.demo.calls import SERVERS
from agent.demo.capture import ADDRESSES, Capture
from agent.interceptor.program import Interceptor
from agent.kafka.embedded import EmbeddedBroker
from agent.loading import load
from tests.netns.conftest import node, privileged
from tests.netns.pods import Node, Pod

__all__ = ["node", "privileged"]

EXCHANGES = 6_000
SERVING = [address for server in SERVERS for address in ADDRESSES[server]]
WAIT_SECONDS = 30.0
START_NS = 1_700_000_000_000_000_000


@pytest.fixture
def pod(node: Node) -> Pod:
    """Has the servers' addresses, so that its view is the one reported."""
    prefixes = {4: 32, 16: 128}
    return node.routed(*(f"{a}/{prefixes[len(ip_address(a).packed)]}" for a in SERVING))


@pytest.fixture
def interceptor() -> Iterator[Interceptor]:
    with EmbeddedBroker() as broker:
        flags = {"kafka-bootstrap": broker.bootstrap, "addresses-server": ""}
        made = Interceptor(load(environment={}, flags=flags))
        stop = threading.Event()
        thread = threading.Thread(target=made.run, args=(stop,))
        thread.start()
        try:
            yield made
        finally:
            stop.set()
            thread.join(WAIT_SECONDS)


def _replay(pod: Pod, file: Path, *speed: str) -> None:
    where = ["ip", "netns", "exec", pod.name]
    subprocess.run(
        [*where, "tcpreplay", "-q", "-i", "eth0", *speed, str(file)],
        check=True,
        capture_output=True,
        timeout=120,
    )


@pytest.mark.skipif(not shutil.which("tcpreplay"), reason="tcpreplay is not installed")
@pytest.mark.parametrize("speed", ["--pps=20000", "--topspeed"])
def test_what_is_replayed_is_paired_or_counted_as_lost(
    pod: Pod, interceptor: Interceptor, tmp_path: Path, speed: str
) -> None:
    capture = Capture(os.getpid())
    file = tmp_path / "load.pcap"
    file.write_bytes(capture.piece(0, EXCHANGES, START_NS, 500.0))
    own = {ip_address(address).packed for address in SERVING}
    end = time.monotonic() + WAIT_SECONDS
    while not own <= interceptor.monitored:
        assert time.monotonic() < end
        threading.Event().wait(0.05)
    _replay(pod, file, speed)
    assert interceptor.flush(WAIT_SECONDS)
    total = interceptor.coverage.total()
    pairs = total.counts["pairs"]
    drops = total.counts.get("ring_drops", 0)
    print(f"\n{speed}: {pairs} of {capture.counts.json_exchanges} pairs, {drops} drops")
    assert total.counts["payload_bytes"] == sum(total.buckets.values())
    assert pairs == capture.counts.json_exchanges or drops > 0
    if speed != "--topspeed":
        assert drops == 0
