"""Two nodes with an interceptor each: an exchange is counted by one of them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

from agent.cluster.addresses import DOOR, NODE, POD, SERVICE
from tests.netns.capturing import ask, serving
from tests.netns.nat import nat
from tests.netns.pods import NET, Node, Pod, ip

PORT, NODE_PORT, HOST_PORT = 8000, 30080, 8080
COUNT = 20
ONE, TWO = f"{NET}.1", f"{NET}.2"
"""The nodes."""
CLIENT, NEAR, FAR = f"{NET}.34", f"{NET}.38", f"{NET}.42"
"""Pods: two on the first node, one on the second."""
SERVICE_IP = f"{NET}.200"
LISTED: dict[str, int] = {
    ONE: NODE,
    TWO: NODE,
    CLIENT: POD,
    NEAR: POD,
    FAR: POD,
    SERVICE_IP: SERVICE,
}
LISTED |= {f"{TWO}#{HOST_PORT}": DOOR}

Counted = list[tuple[str, str, int]]
"""Client, server and port of each exchange."""


class Nodes(NamedTuple):
    one: Pod
    two: Pod
    client: Pod
    near: Pod
    far: Pod


@pytest.fixture
def nodes(node: Node) -> Nodes:
    one, two = node.empty(), node.empty()
    for here, at, there, pods in (
        (one, ONE, TWO, f"{NET}.40/30"),
        (two, TWO, ONE, f"{NET}.32/29"),
    ):
        if here is one:
            ip(
                f"link add eth0 type veth peer name eth0 netns {two.name}",
                inside=one,
            )
        ip(
            "link set lo up",
            f"addr add {at}/30 dev eth0",
            "link set eth0 up",
            f"route add {pods} via {there}",
            inside=here,
        )
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        subprocess.run(
            ["ip", "netns", "exec", here.name, "sh", "-c", forward], check=True
        )
    made = [
        node.inner(host, f"{NET}.{last - 1}/30", f"{NET}.{last}/30")
        for host, last in ((one, 34), (one, 38), (two, 42))
    ]
    return Nodes(one, two, *made)


@contextmanager
def counting(nodes: Nodes) -> Iterator[list[Counted]]:
    """When the block ends the list has what each node counted."""
    counted: list[Counted] = []
    listed = [f"{address}={kind}" for address, kind in LISTED.items()]
    with ExitStack() as ended:
        running = []
        for host, pods in ((nodes.one, [CLIENT, NEAR]), (nodes.two, [FAR])):
            words = ["ip", "netns", "exec", host.name, sys.executable]
            process = subprocess.Popen(
                [*words, "-m", "tests.netns.apart", *pods, *listed],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            ended.callback(process.kill)
            running.append(process)
        for process in running:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        yield counted
        for process in running:
            told, _ = process.communicate(timeout=40)
            assert process.returncode == 0
            counted.append([_counted(line) for line in told.splitlines()])


def _counted(line: str) -> tuple[str, str, int]:
    client, server, port = line.split()
    return client, server, int(port)


def _led(host: str, port: int, pod: str) -> str:
    to = f"DNAT --to-destination {pod}:{PORT}"
    return f"PREROUTING -d {host} -p tcp --dport {port} -j {to}"


HIDDEN = f"POSTROUTING -p tcp --dport {PORT} -j MASQUERADE"
OUTGOING = f"POSTROUTING -s {CLIENT} -d {TWO} -j MASQUERADE"


@pytest.mark.parametrize(
    ("asked", "port", "rules", "pod", "seen"),
    [
        pytest.param(
            *(TWO, NODE_PORT, [(1, _led(TWO, NODE_PORT, FAR))], FAR, CLIENT),
            id="port of the pod's node",
        ),
        pytest.param(
            *(TWO, NODE_PORT, [(1, _led(TWO, NODE_PORT, FAR)), (1, HIDDEN)]),
            *(FAR, CLIENT),
            id="port of the pod's node, which hides the client",
        ),
        pytest.param(
            *(TWO, NODE_PORT, [(1, _led(TWO, NODE_PORT, FAR)), (0, OUTGOING)]),
            *(FAR, ONE),
            id="port of the pod's node, the client's hides it",
        ),
        pytest.param(
            *(ONE, NODE_PORT, [(0, _led(ONE, NODE_PORT, FAR)), (0, HIDDEN)]),
            *(FAR, ONE),
            id="port of the client's node",
        ),
        pytest.param(
            *(TWO, NODE_PORT, [(1, _led(TWO, NODE_PORT, NEAR)), (1, HIDDEN)]),
            *(NEAR, TWO),
            id="port of another node, which leads back",
        ),
        pytest.param(
            *(SERVICE_IP, 80, [(0, _led(SERVICE_IP, 80, FAR)), (0, HIDDEN)]),
            *(FAR, ONE),
            id="service whose node hides the client",
        ),
        pytest.param(
            *(TWO, HOST_PORT, [(1, _led(TWO, HOST_PORT, FAR))], FAR, CLIENT),
            id="port of the host",
        ),
    ],
)
def test_an_exchange_is_counted_by_one_node(
    nodes: Nodes,
    asked: str,
    port: int,
    rules: list[tuple[int, str]],
    pod: str,
    seen: str,
) -> None:
    server = nodes.far if pod == FAR else nodes.near
    with ExitStack() as ruled:
        for host in (nodes.one, nodes.two):
            mine = [rule for number, rule in rules if nodes[number] is host]
            ruled.enter_context(nat(*mine, inside=host))
        ruled.enter_context(serving(server, PORT))
        with counting(nodes) as counted:
            assert ask(nodes.client, asked, port, COUNT) == COUNT
    one, two = counted
    assert one + two == [(seen, pod, PORT)] * COUNT
