"""Exactly one pair for each exchange, whatever way its packets take."""

from collections.abc import Iterator, Mapping

import pytest

from agent.cluster.addresses import POD, SERVICE
from agent.interceptor.coverage import Counts
from agent.kafka.embedded import EmbeddedBroker
from tests.agent.digger.records import Exchange
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
)
from tests.netns.nat import nat
from tests.netns.pods import NET, NET_6, Node, Pod

PORT = 8000
COUNT = 60
ONE, TWO = f"{NET}.34", f"{NET}.38"
SERVICE_IP, SERVICE_PORT = f"{NET}.200", 80


@pytest.fixture
def routing() -> Iterator[None]:
    with forwarding():
        yield


@pytest.fixture
def one(node: Node, routing: None) -> Pod:
    return node.gateway(ONE)


@pytest.fixture
def two(node: Node, routing: None) -> Pod:
    return node.gateway(TWO)


def _service(backend: str) -> str:
    """What kube-proxy makes of a service."""
    return (
        f"PREROUTING -d {SERVICE_IP} -p tcp --dport {SERVICE_PORT}"
        f" -j DNAT --to-destination {backend}:{PORT}"
    )


def _captured(
    listed: Mapping[str, int] | None, pods: tuple[str, ...], asking: Pod | None, to: str
) -> tuple[list[Exchange], Counts]:
    """The records of COUNT exchanges with `to`, once more than there should be."""
    port = SERVICE_PORT if to == SERVICE_IP else PORT
    with EmbeddedBroker() as broker, address_list(listed or {}) as server:
        used = settings(broker.bootstrap, server if listed else "")
        with capturing(used, pods) as interceptor:
            assert ask(asking, to, port, COUNT) == COUNT
            assert interceptor.flush(WAIT_SECONDS)
        assert accounts_for_all(interceptor)
        total = interceptor.coverage.total()
        read = records(broker.bootstrap, total.counts.get("pairs", 0))
    # Without a list other pods of this node are captured too.
    own = set(map(packed, pods))
    return [r for r in read if {r.client, r.server} & own], total


def _ends(read: list[Exchange]) -> set[tuple[bytes, bytes, int]]:
    return {(record.client, record.server, record.server_port) for record in read}


@pytest.mark.parametrize("is_listed", [True, False])
def test_pods_on_one_bridge(node: Node, is_listed: bool) -> None:
    bridge = node.bridge()
    client = node.bridged(bridge, f"{ONE}/27")
    server = node.bridged(bridge, f"{TWO}/27")
    listed = {ONE: POD, TWO: POD} if is_listed else None
    with serving(server, PORT):
        read, _ = _captured(listed, (ONE, TWO), client, TWO)
    assert len(read) == COUNT
    assert _ends(read) == {(packed(ONE), packed(TWO), PORT)}


def test_pods_with_ipv6_only(node: Node) -> None:
    bridge = node.bridge()
    one, two = f"{NET_6}:9::1", f"{NET_6}:9::2"
    client, server = (
        node.bridged(bridge, f"{one}/64"),
        node.bridged(bridge, f"{two}/64"),
    )
    with serving(server, PORT):
        read, _ = _captured({one: POD, two: POD}, (one, two), client, two)
    assert len(read) == COUNT
    assert _ends(read) == {(packed(one), packed(two), PORT)}


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_service_is_reported_as_the_pod_behind_it(
    one: Pod, two: Pod, is_listed: bool
) -> None:
    listed = {ONE: POD, TWO: POD, SERVICE_IP: SERVICE} if is_listed else None
    with serving(two, PORT), nat(_service(TWO)):
        read, _ = _captured(listed, (ONE, TWO), one, SERVICE_IP)
    assert len(read) == COUNT
    assert _ends(read) == {(packed(ONE), packed(TWO), PORT)}


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_client_that_its_service_hides_keeps_its_name(
    one: Pod, two: Pod, is_listed: bool
) -> None:
    masked = f"POSTROUTING -d {TWO} -p tcp --dport {PORT} -j MASQUERADE"
    listed = {ONE: POD, TWO: POD, SERVICE_IP: SERVICE} if is_listed else None
    with serving(two, PORT), nat(_service(TWO), masked):
        read, _ = _captured(listed, (ONE, TWO), one, SERVICE_IP)
    assert len(read) == COUNT
    assert _ends(read) == {(packed(ONE), packed(TWO), PORT)}


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_pod_that_asks_itself_through_its_service(one: Pod, is_listed: bool) -> None:
    masked = f"POSTROUTING -s {ONE} -d {ONE} -j MASQUERADE"
    listed = {ONE: POD, SERVICE_IP: SERVICE} if is_listed else None
    with serving(one, PORT), nat(_service(ONE), masked):
        read, _ = _captured(listed, (ONE,), one, SERVICE_IP)
    assert len(read) == COUNT
    assert _ends(read) == {(packed(ONE), packed(ONE), PORT)}


def test_a_client_outside_of_the_cluster(one: Pod, two: Pod) -> None:
    with serving(two, PORT):
        read, _ = _captured({TWO: POD}, (TWO,), one, TWO)
    assert len(read) == COUNT
    assert _ends(read) == {(packed(ONE), packed(TWO), PORT)}


def test_a_server_outside_of_the_cluster(one: Pod, two: Pod) -> None:
    with serving(two, PORT):
        read, _ = _captured({ONE: POD}, (ONE,), one, TWO)
    assert len(read) == COUNT
    assert _ends(read) == {(packed(ONE), packed(TWO), PORT)}


def test_a_server_on_another_node_is_reported_there(one: Pod, node: Node) -> None:
    """The host stands for the other node: its address is a pod's by the list."""
    other = f"{NET}.33"
    with serving(None, PORT):
        read, total = _captured({ONE: POD, other: POD}, (ONE,), one, other)
    assert read == []
    # What a new interface carries first is an estimate, of packets of all kinds.
    early = total.buckets.get("before_capture", 0)
    assert 0 < total.buckets["elsewhere"] == total.counts["payload_bytes"] - early


def test_a_client_on_another_node_is_reported_here(one: Pod, node: Node) -> None:
    other = f"{NET}.33"
    with serving(one, PORT):
        read, _ = _captured({ONE: POD, other: POD}, (ONE,), None, ONE)
    assert len(read) == COUNT
    assert _ends(read) == {(packed(other), packed(ONE), PORT)}
