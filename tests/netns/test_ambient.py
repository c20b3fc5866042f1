"""Istio's ambient mode: plain text on the pod's loopback, from its client's address."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.interceptor.program import Interceptor
from agent.kafka.embedded import EmbeddedBroker
from tests.netns.capturing import (
    WAIT_SECONDS,
    accounts_for_all,
    address_list,
    ask,
    capturing,
    forwarding,
    packed,
    records,
    serving,
    settings,
    told_of,
    wait_for,
)
from tests.netns.mesh import Authority
from tests.netns.pods import NET, Node, Pod
from tests.netns.ztunnel import redirect

PORT, COUNT = 8000, 60
SERVER, CLIENT, PLAIN = f"{NET}.34", f"{NET}.38", f"{NET}.42"
PODS = (SERVER, CLIENT, PLAIN)


@contextmanager
def tunnelled(node: Node, folder: Path, *pods: Pod) -> Iterator[None]:
    """One ztunnel for all of them, in a namespace of its own."""
    name = Authority(folder).certify("istio-system", "ztunnel")
    outside = node.empty()
    process = subprocess.Popen(
        [
            *("ip", "netns", "exec", outside.name),
            *(sys.executable, "-m", "tests.netns.ztunnel"),
            *(str(folder / f"{name}.pem"), str(folder / f"{name}.key")),
            *(str(pod.path) for pod in pods),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        for pod in pods:
            redirect(pod)
        yield
    finally:
        process.kill()
        process.communicate()


class Mesh:
    """A server and a client in the mesh, and a client that is not."""

    def __init__(self, node: Node) -> None:
        self.server, self.client = node.gateway(SERVER), node.gateway(CLIENT)
        self.plain = node.gateway(PLAIN)


@pytest.fixture
def mesh(node: Node, tmp_path: Path) -> Iterator[Mesh]:
    made = Mesh(node)
    with (
        forwarding(),
        serving(made.server, PORT),
        serving(made.client, PORT),
        tunnelled(node, tmp_path, made.server, made.client),
    ):
        yield made


def wait_for_loopbacks(interceptor: Interceptor) -> None:
    def are_captured() -> bool:
        places = interceptor.coverage.places()
        return all("loopback" in places[packed(ip)] for ip in (SERVER, CLIENT))

    wait_for(are_captured)
    wait_for(lambda: interceptor.is_ready)


@pytest.mark.parametrize("client", [CLIENT, PLAIN], ids=["mesh", "plain"])
def test_what_the_tunnel_takes_is_read_once_with_its_true_ends(
    mesh: Mesh, client: str
) -> None:
    """Encrypted between pods of the mesh, plain from others: both on loopback."""
    asking = mesh.client if client == CLIENT else mesh.plain
    with (
        EmbeddedBroker() as broker,
        address_list(PODS) as listed,
    ):
        with capturing(settings(broker.bootstrap, listed), PODS) as interceptor:
            wait_for_loopbacks(interceptor)
            assert ask(asking, SERVER, PORT, COUNT) == COUNT
            assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
        read = records(broker.bootstrap, COUNT)
        told = told_of(broker.bootstrap, packed(SERVER))
    assert total.counts["pairs"] == len(read) == COUNT
    assert {(r.client, r.server, r.server_port) for r in read} == {
        (packed(client), packed(SERVER), PORT)
    }
    assert {r.client_identity for r in read} == {""}
    assert total.buckets["elsewhere"] > total.buckets["paired"]
    assert not total.buckets.get("tls")
    assert any("captured_loopback" in window.counts for window in told)
    assert accounts_for_all(interceptor)


def test_what_a_pod_asks_outside_of_the_mesh_is_read_once(mesh: Mesh) -> None:
    with (
        serving(mesh.plain, PORT),
        EmbeddedBroker() as broker,
        address_list(PODS) as listed,
        capturing(settings(broker.bootstrap, listed), PODS) as interceptor,
    ):
        wait_for_loopbacks(interceptor)
        assert ask(mesh.client, PLAIN, PORT, COUNT) == COUNT
        assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == COUNT
        read = records(broker.bootstrap, COUNT)
    assert {(r.client, r.server) for r in read} == {(packed(CLIENT), packed(PLAIN))}
