"""Capture of pods joined to the host in different ways, each exchange once."""

from ipaddress import ip_address

import pytest

from agent.kafka.embedded import EmbeddedBroker
from tests.netns.capturing import (
    WAIT_SECONDS,
    ask,
    capturing,
    forwarding,
    packed,
    records,
    serving,
    settings,
)
from tests.netns.pods import NET, NET_6, Node, Pod, ip, kernel_has

PORT = 8000
SERVER, SECOND, CLIENT = f"{NET}.66", f"{NET}.70", f"{NET}.74"
SERVER_6, CLIENT_6 = f"{NET_6}:66::2", f"{NET_6}:74::2"


def gateway_of(address: str) -> str:
    """The address before it."""
    return str(ip_address(address) - 1)


def route(pod: Pod, host_name: str, device: str, address: str) -> None:
    """The pod and the host reach each other over this interface."""
    gateway, bits = gateway_of(address), 64 if ":" in address else 30
    nodad = " nodad" if ":" in address else ""
    ip(f"addr add {gateway}/{bits} dev {host_name}{nodad}")
    if device == "eth0":
        ip(f"route add default via {gateway} dev {device}", inside=pod)


@pytest.mark.parametrize(
    "kind", [kind for kind in ("veth", "netkit") if kernel_has(kind)]
)
def test_pods_of_one_family_only_are_captured(node: Node, kind: str) -> None:
    server = node.routed(f"{SERVER_6}/64", kind=kind)
    client = node.routed(f"{CLIENT_6}/64", kind=kind)
    route(server, server.host_name, "eth0", SERVER_6)
    route(client, client.host_name, "eth0", CLIENT_6)
    with (
        forwarding(),
        serving(server, PORT),
        EmbeddedBroker() as broker,
        capturing(settings(broker.bootstrap, ""), [SERVER_6, CLIENT_6]) as interceptor,
    ):
        assert ask(client, SERVER_6, PORT, 50) == 50
        assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 50
        read = records(broker.bootstrap, 50)
    assert {(r.client, r.server) for r in read} == {
        (packed(CLIENT_6), packed(SERVER_6))
    }


def test_each_interface_of_a_pod_is_captured(node: Node) -> None:
    server, client = node.routed(f"{SERVER}/30"), node.routed(f"{CLIENT}/30")
    second = node.name()
    node.join(server, second, "net1", f"{SECOND}/30")
    route(server, server.host_name, "eth0", SERVER)
    route(server, second, "net1", SECOND)
    route(client, client.host_name, "eth0", CLIENT)
    ip(
        f"route add default via {gateway_of(SECOND)} dev net1 table 7",
        f"rule add from {SECOND} table 7",
        inside=server,
    )
    with (
        forwarding(),
        serving(server, PORT),
        EmbeddedBroker() as broker,
        capturing(
            settings(broker.bootstrap, ""), [SERVER, SECOND, CLIENT]
        ) as interceptor,
    ):
        assert ask(client, SERVER, PORT, 30) == ask(client, SECOND, PORT, 30) == 30
        assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 60
        read = records(broker.bootstrap, 60)
    assert sorted(r.server for r in read) == sorted(
        [packed(SERVER), packed(SECOND)] * 30
    )
