"""Capture inside pods' namespaces, where the host does not see all of their traffic."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from agent.interceptor.reading.inside import RING_BYTES
from agent.kafka.embedded import EmbeddedBroker
from tests.netns.capturing import (
    WAIT_SECONDS,
    accounts_for_all,
    address_list,
    ask,
    capturing,
    coverage_windows,
    packed,
    records,
    serving,
    settings,
    start,
    wait_for,
)
from tests.netns.pods import NET, NET_6, Node, Pod, ip, kernel_has

PORT = 8000
SERVER, CLIENT = f"{NET}.20", f"{NET}.21"
SERVER_6, CLIENT_6 = f"{NET_6}:9::20", f"{NET_6}:9::21"
BOTH = (SERVER, CLIENT)
BOTH_6 = (SERVER_6, CLIENT_6)


class Shop:
    """Two pods on devices of their own over one parent; the first serves."""

    def __init__(self, node: Node, kind: str) -> None:
        self.parent = node.bridge()
        self.server = node.hostless(self.parent, kind, f"{SERVER}/24", f"{SERVER_6}/64")
        self.client = node.hostless(self.parent, kind, f"{CLIENT}/24", f"{CLIENT_6}/64")


@pytest.fixture(params=[kind for kind in ("macvlan", "ipvlan") if kernel_has(kind)])
def shop(node: Node, request: pytest.FixtureRequest) -> Iterator[Shop]:
    made = Shop(node, request.param)
    with serving(made.server, PORT):
        yield made


def living() -> dict[int, str]:
    """Numbers of namespaces that the kernel still knows, and names if mounted."""
    listed = subprocess.check_output(["ip", "-json", "netns", "list-id"])
    return {one["nsid"]: one.get("name", "") for one in json.loads(listed)}


def test_exchanges_of_pods_without_host_end_are_paired_once(shop: Shop) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list([*BOTH, *BOTH_6]) as listed,
        capturing(settings(broker.bootstrap, listed), [*BOTH, *BOTH_6]) as interceptor,
    ):
        sent = ask(shop.client, SERVER, PORT, 200)
        sent += ask(shop.client, SERVER_6, PORT, 200)
        assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
        read = records(broker.bootstrap, sent)
    assert sent == 400
    assert total.counts["pairs"] == len(read) == sent
    assert accounts_for_all(interceptor)
    assert {(ip_address(r.client), ip_address(r.server)) for r in read} == {
        (ip_address(CLIENT), ip_address(SERVER)),
        (ip_address(CLIENT_6), ip_address(SERVER_6)),
    }


def test_the_report_says_that_it_was_captured_inside(shop: Shop) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list(BOTH) as listed,
        capturing(settings(broker.bootstrap, listed), BOTH) as interceptor,
    ):
        ask(shop.client, SERVER, PORT, 20)
        assert interceptor.flush(WAIT_SECONDS)
        told = coverage_windows(broker.bootstrap, packed(SERVER), 20)
    assert all(window.counts["captured_inside"] == 1 for window in told)


def test_an_exchange_with_a_server_outside_is_reported_at_the_client(
    shop: Shop,
) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list([CLIENT]) as listed,
        capturing(settings(broker.bootstrap, listed), [CLIENT]) as interceptor,
    ):
        assert packed(SERVER) not in interceptor.monitored
        ask(shop.client, SERVER, PORT, 30)
        assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 30


def test_a_deleted_namespace_is_let_go_under_load(shop: Shop, node: Node) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list(BOTH) as listed,
        capturing(settings(broker.bootstrap, listed), BOTH) as interceptor,
    ):
        assert ask(shop.client, SERVER, PORT, 50) == 50
        (number,) = (n for n, name in living().items() if name == shop.client.name)
        node.remove(shop.client)
        wait_for(lambda: packed(CLIENT) not in interceptor.monitored)
        wait_for(lambda: number not in living())
        assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 50


def test_an_interface_that_was_down_is_captured_again(shop: Shop) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list(BOTH) as listed,
        capturing(settings(broker.bootstrap, listed), BOTH) as interceptor,
    ):
        assert ask(shop.client, SERVER, PORT, 50) == 50
        ip("link set net1 down", "link set net1 up", inside=shop.server)
        assert ask(shop.client, SERVER, PORT, 50) == 50
        assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 100


def test_who_finds_the_budget_used_up_is_named_with_the_reason(shop: Shop) -> None:
    flags = {"capture-inside-bytes": str(RING_BYTES)}
    with (
        EmbeddedBroker() as broker,
        address_list(BOTH) as listed,
        capturing(settings(broker.bootstrap, listed, **flags), []) as interceptor,
    ):
        wait_for(lambda: len(interceptor.monitored & set(map(packed, BOTH))) == 1)
        (missed,) = set(map(packed, BOTH)) - interceptor.monitored
        assert interceptor.coverage.missed() == {missed: "no_budget"}


@contextlib.contextmanager
def limited(bootstrap: str, capabilities: str, awaited: str) -> Iterator[None]:
    """An interceptor of its own process that has these capabilities only, once it has
    logged what is awaited."""
    process = subprocess.Popen(
        [
            *("setpriv", f"--bounding-set=-all,{capabilities}", sys.executable),
            *("-m", "agent.cli", "interceptor"),
            *("--kafka-bootstrap", bootstrap, "--addresses-server", ""),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        for line in process.stderr:
            if awaited in line:
                break
        yield
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_SECONDS)


def test_four_capabilities_are_enough(shop: Shop) -> None:
    four = "+net_raw,+net_admin,+sys_admin,+sys_ptrace"
    with EmbeddedBroker() as broker, limited(broker.bootstrap, four, "2 inside"):
        asking = start(shop.client, "ask", SERVER, str(PORT), "5000")
        read = records(broker.bootstrap, 10)
        asking.communicate(timeout=60)
    assert {(r.client, r.server) for r in read} == {(packed(CLIENT), packed(SERVER))}
    assert len(read) == 10


def test_without_the_right_to_enter_pods_are_named_as_missed(shop: Shop) -> None:
    without = "+net_raw,+net_admin,+sys_ptrace"
    with EmbeddedBroker() as broker, limited(broker.bootstrap, without, "0 inside"):
        told = coverage_windows(broker.bootstrap, packed(SERVER), 0)
    assert [window.counts for window in told] == [{"missed_no_right": 1}]
    assert shop.parent


def test_without_a_list_all_pods_are_captured(node: Node) -> None:
    parent = node.bridge()
    pod: Pod = node.hostless(parent, "macvlan", f"{SERVER}/24")
    assert pod.inode
    with (
        EmbeddedBroker() as broker,
        capturing(settings(broker.bootstrap, ""), [SERVER]),
    ):
        pass
