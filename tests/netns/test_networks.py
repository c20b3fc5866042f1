"""Pods with more than the cluster's network: all their interfaces are theirs."""

import json
import subprocess

import pytest

from agent.cluster.addresses import NODE, POD
from agent.interceptor.coverage import Counts
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
from tests.netns.pods import NET, Node, Pod, ip, kernel_has

PORT = 8000
COUNT = 60
SERVER, CLIENT = f"{NET}.74", f"{NET}.78"
SECOND_SERVER, SECOND_CLIENT = f"{NET}.82", f"{NET}.83"
BOTH, SECOND = (SERVER, CLIENT), (SECOND_SERVER, SECOND_CLIENT)
PAIR = pytest.param("veth")
DEVICES = [
    pytest.param(kind, marks=pytest.mark.skipif(not kernel_has(kind), reason=kind))
    for kind in ("macvlan",)
]


def join(node: Node, pod: Pod, bridge: str, kind: str, address: str) -> None:
    """What Multus does: another interface, of which the pod's status tells nothing."""
    if kind == "veth":
        host_name = node.name()
        node.join(pod, host_name, "net1", f"{address}/28")
        ip(f"link set {host_name} master {bridge}")
        return
    device = node.name()
    ip(f"link add link {bridge} name {device} type {kind} mode bridge")
    ip(f"link set {device} netns {pod.name} name net1")
    ip(f"addr add {address}/28 dev net1", "link set net1 up", inside=pod)


@pytest.mark.parametrize("kind", [PAIR, *DEVICES])
def test_a_listed_pod_is_captured_on_its_second_network_too(
    node: Node, kind: str
) -> None:
    bridge = node.bridge()
    server, client = node.gateway(SERVER), node.gateway(CLIENT)
    join(node, server, bridge, kind, SECOND_SERVER)
    join(node, client, bridge, kind, SECOND_CLIENT)
    with (
        forwarding(),
        serving(server, PORT),
        EmbeddedBroker() as broker,
        address_list(BOTH) as listed,
    ):
        used, pods = settings(broker.bootstrap, listed), [*BOTH, *SECOND]
        with capturing(used, pods) as interceptor:
            assert ask(client, SECOND_SERVER, PORT, COUNT) == COUNT
            assert ask(client, SERVER, PORT, COUNT) == COUNT
            assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
        read = records(broker.bootstrap, 2 * COUNT)
        told = told_of(broker.bootstrap, packed(SERVER))
    assert total.counts["pairs"] == len(read) == 2 * COUNT
    assert accounts_for_all(interceptor)
    # Nobody else knows the second addresses: both ends are called by the listed ones.
    assert {(r.client, r.server) for r in read} == {(packed(CLIENT), packed(SERVER))}
    assert sum(window.counts.get("pairs", 0) for window in told) == 2 * COUNT


def test_pods_that_speak_link_local_are_reported_under_their_names(node: Node) -> None:
    bridge = node.bridge()
    client = node.bridged(bridge, f"{SERVER}/27")
    server = node.bridged(bridge, f"{SECOND_SERVER}/27")
    pods = (SERVER, SECOND_SERVER)
    with (
        serving(server, PORT),
        EmbeddedBroker() as broker,
        address_list(pods) as listed,
        capturing(settings(broker.bootstrap, listed), pods) as interceptor,
    ):
        wait_for(lambda: bool(link_local(server)) and bool(link_local(client)))
        wait_for(lambda: interceptor.is_ready)
        assert ask(client, f"{link_local(server)}%eth0", PORT, COUNT) == COUNT
        assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
        read = records(broker.bootstrap, COUNT)
    assert total.counts["pairs"] == len(read) == COUNT
    assert accounts_for_all(interceptor)
    assert {(r.client, r.server) for r in read} == {
        (packed(SERVER), packed(SECOND_SERVER))
    }


def link_local(pod: Pod) -> str:
    """Its address on eth0, once it may be used."""
    told = subprocess.run(
        ["ip", "-n", pod.name, "-j", "-6", "addr", "show", "dev", "eth0"],
        capture_output=True,
        check=True,
    )
    (link,) = json.loads(told.stdout)
    return next(
        (
            str(address["local"])
            for address in link["addr_info"]
            if address["scope"] == "link" and not address.get("tentative")
        ),
        "",
    )


@pytest.mark.parametrize(("port", "pairs"), [(30_080, 0), (PORT, COUNT)])
def test_a_port_of_another_node_is_reported_at_the_pod_behind_it(
    node: Node, port: int, pairs: int
) -> None:
    """The host stands for the other node: other ports of it are its own."""
    client, other = node.gateway(CLIENT), f"{NET}.77"
    total = _asked(client, other, port)
    assert total.counts.get("pairs", 0) == pairs
    assert (total.buckets.get("elsewhere", 0) > 0) == (not pairs)


def _asked(client: Pod, other: str, port: int) -> Counts:
    with (
        forwarding(),
        serving(None, port),
        EmbeddedBroker() as broker,
        address_list({CLIENT: POD, other: NODE}) as listed,
        capturing(settings(broker.bootstrap, listed), [CLIENT]) as interceptor,
    ):
        assert ask(client, other, port, COUNT) == COUNT
        assert interceptor.flush(WAIT_SECONDS)
        assert accounts_for_all(interceptor)
        return interceptor.coverage.total()
