"""Pods behind a real Envoy: plain text on loopback, once, with its true ends."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

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
    wait_for,
)
from tests.netns.mesh import Authority, proxied
from tests.netns.pods import NET, Node, Pod, ip

PORT, EXCLUDED = 8000, 8001
SERVER, CLIENT, PLAIN = f"{NET}.34", f"{NET}.38", f"{NET}.42"
PODS = (SERVER, CLIENT, PLAIN)


class Mesh:
    """Two pods with proxies, and one without."""

    def __init__(self, node: Node) -> None:
        self.server = self._pod(node, SERVER, f"{NET}.33")
        self.client = self._pod(node, CLIENT, f"{NET}.37")
        self.plain = self._pod(node, PLAIN, f"{NET}.41")

    def _pod(self, node: Node, address: str, gateway: str) -> Pod:
        pod = node.routed(f"{address}/30")
        ip(f"addr add {gateway}/30 dev {pod.host_name}")
        ip("link set lo up", f"route add default via {gateway}", inside=pod)
        return pod


@pytest.fixture
def mesh(node: Node) -> Iterator[Mesh]:
    made = Mesh(node)
    with TemporaryDirectory() as folder:  # where the proxy's user may read
        yield from _meshed(made, Authority(Path(folder)))


def _meshed(made: Mesh, authority: Authority) -> Iterator[Mesh]:
    server = authority.certify("shop", "backend")
    client = authority.certify("web", "frontend")
    with (
        forwarding(),
        serving(made.server, PORT),
        serving(made.server, EXCLUDED),
        proxied(made.server, authority, server, EXCLUDED),
        proxied(made.client, authority, client),
    ):
        yield made


def wait_for_loopbacks(interceptor: Interceptor) -> None:
    def are_captured() -> bool:
        places = interceptor.coverage.places()
        return all("loopback" in places[packed(ip)] for ip in (SERVER, CLIENT))

    wait_for(are_captured)


def test_encrypted_exchanges_are_read_on_loopback_with_the_clients_identity(
    mesh: Mesh,
) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list(PODS) as listed,
        capturing(settings(broker.bootstrap, listed), PODS) as interceptor,
    ):
        wait_for_loopbacks(interceptor)
        assert ask(mesh.client, SERVER, PORT, 60) == 60
        assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
        assert total.counts["pairs"] == 60
        read = records(broker.bootstrap, 60)
    assert {(r.client_identity, r.client) for r in read} == {("web/frontend", bytes(4))}
    assert {(r.server, r.server_port) for r in read} == {(packed(SERVER), PORT)}
    assert total.buckets["elsewhere"] > total.buckets["paired"]
    assert accounts_for_all(interceptor)


def test_plain_text_that_a_proxy_takes_is_read_once(mesh: Mesh) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list(PODS) as listed,
        capturing(settings(broker.bootstrap, listed), PODS) as interceptor,
    ):
        wait_for_loopbacks(interceptor)
        assert ask(mesh.plain, SERVER, PORT, 40) == 40
        assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
        assert total.counts["pairs"] == 40
        read = records(broker.bootstrap, 40)
    assert {(r.client_identity, any(r.client)) for r in read} == {("", False)}
    assert {(r.server, r.server_port) for r in read} == {(packed(SERVER), PORT)}
    assert accounts_for_all(interceptor)


def test_what_passes_the_proxy_by_is_read_at_the_host_with_its_client(
    mesh: Mesh,
) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list(PODS) as listed,
        capturing(settings(broker.bootstrap, listed), PODS) as interceptor,
    ):
        wait_for_loopbacks(interceptor)
        assert ask(mesh.plain, SERVER, EXCLUDED, 30) == 30
        assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 30
        read = records(broker.bootstrap, 30)
    assert {(r.client, r.server, r.server_port) for r in read} == {
        (packed(PLAIN), packed(SERVER), EXCLUDED)
    }
