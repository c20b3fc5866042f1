"""Pods whose packets pass the host's end by: eBPF leads them on at once."""

import socket

from agent.kafka.embedded import EmbeddedBroker
from tests.netns.bpf import redirect_to_peer
from tests.netns.capturing import (
    WAIT_SECONDS,
    ask,
    capturing,
    forwarding,
    packed,
    records,
    serving,
    settings,
    wait_for,
)
from tests.netns.pods import NET, Node, Pod, ip

PORT = 8000
SERVER, CLIENT = f"{NET}.54", f"{NET}.58"


def test_a_pod_that_the_host_sees_only_one_direction_of_is_captured_inside(
    node: Node,
) -> None:
    server, client = pod(node, SERVER, f"{NET}.53"), pod(node, CLIENT, f"{NET}.57")
    index = {name: number for number, name in socket.if_nameindex()}
    redirect_to_peer(index[client.host_name], index[server.host_name])
    with (
        forwarding(),
        serving(server, PORT),
        EmbeddedBroker() as broker,
        capturing(settings(broker.bootstrap, ""), [SERVER, CLIENT]) as interceptor,
    ):
        assert ask(client, SERVER, PORT, 100) == 100
        wait_for(lambda: interceptor.coverage.places()[packed(SERVER)] == {"inside"})
        wait_for(lambda: packed(SERVER) in interceptor.monitored)
        assert interceptor.flush(WAIT_SECONDS)
        before = interceptor.coverage.total().counts.get("pairs", 0)
        assert before == 0
        assert ask(client, SERVER, PORT, 100) == 100
        assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 100
        read = records(broker.bootstrap, 100)
    assert {(r.client, r.server) for r in read} == {(packed(CLIENT), packed(SERVER))}


def pod(node: Node, address: str, gateway: str) -> Pod:
    """Routed; it and the host know each other: questions would be led astray."""
    made, own_mac = node.routed(f"{address}/30"), "02:00:00:00:00:01"
    ip(f"link set eth0 address {own_mac}", inside=made)
    ip(
        f"addr add {gateway}/30 dev {made.host_name}",
        f"neigh add {address} lladdr {own_mac} dev {made.host_name}",
    )
    ip(f"route add default via {gateway}", inside=made)
    ip(f"neigh add {gateway} lladdr {mac(made.host_name)} dev eth0", inside=made)
    return made


def mac(interface: str) -> str:
    """Its hardware address."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as opened:
        opened.bind((interface, 0))
        return ":".join(f"{octet:02x}" for octet in opened.getsockname()[4])
