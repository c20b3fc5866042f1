"""Known blind spots: what passes all rings by is told, with the number of pods."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.interceptor.search import sockmaps
from agent.kafka.embedded import EmbeddedBroker
from tests.netns.bpf import sockmap
from tests.netns.capturing import (
    address_list,
    capturing,
    settings,
    wait_for,
    windows_of,
)
from tests.netns.groups import CpuGroup
from tests.netns.pods import NET, Node

SERVER, CLIENT = f"{NET}.34", f"{NET}.38"


@contextmanager
def on_the_nodes_network() -> Iterator[None]:
    """A pod with two processes, as kubelet makes its control group (cgroupfs)."""
    if reason := CpuGroup.missing():
        pytest.skip(reason)
    uid = str(uuid.uuid4())
    outer = CpuGroup(f"kubepods-vs{os.getpid()}")
    pod = CpuGroup(f"kubepods-vs{os.getpid()}/pod{uid}")
    waiting = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    running = [subprocess.Popen(waiting, stdin=subprocess.PIPE) for _ in range(2)]
    try:
        for process in running:
            pod.take(process.pid)
        yield
    finally:
        for process in running:
            process.communicate()
        pod.remove()
        outer.remove()


def told(bootstrap: str, reason: str) -> int:
    """What the first of the node's own reports that names it says, once it is there."""
    windows = (w for w in windows_of(bootstrap) if not w.pod and reason in w.counts)
    return next(windows).counts[reason]


def test_pods_on_the_nodes_network_are_counted(node: Node) -> None:
    node.gateway(SERVER)
    with (
        EmbeddedBroker() as broker,
        address_list([SERVER]) as listed,
        capturing(settings(broker.bootstrap, listed), [SERVER]) as interceptor,
    ):
        blind = interceptor.coverage.blind
        wait_for(lambda: "host_network" in blind)
        before = blind["host_network"]
        with on_the_nodes_network():
            wait_for(lambda: blind["host_network"] == before + 1)
            assert told(broker.bootstrap, "blind_host_network") >= 1
        wait_for(lambda: blind["host_network"] == before)


def test_a_sockmap_makes_all_captured_pods_of_the_node_doubtful(node: Node) -> None:
    node.gateway(SERVER)
    node.gateway(CLIENT)
    pods = [SERVER, CLIENT]
    with sockmap(), EmbeddedBroker() as broker, address_list(pods) as listed:
        assert sockmaps.are_there()
        with capturing(settings(broker.bootstrap, listed), pods) as interceptor:
            wait_for(lambda: interceptor.coverage.blind.get("sockmap", 0) == len(pods))
            assert told(broker.bootstrap, "blind_sockmap") == len(pods)
