"""Addresses and their owners in time."""

import threading

import pytest

from agent.cluster import addresses
from agent.cluster.addresses import (
    DOUBT_NS,
    GRACE_NS,
    INTERNET,
    NODE,
    POD,
    SERVICE,
    AddressIndex,
    Workload,
    place,
    unresolved,
)

SECOND = 10**9
IP = b"\x0a\x00\x00\x01"
ORDERS = Workload("shop", "Deployment", "orders")
USERS = Workload("shop", "Deployment", "users")


def test_an_address_belongs_to_its_owner_while_that_lasts() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 100 * SECOND, "a")
    index.remove(IP, "a", 200 * SECOND)
    index.add(IP, USERS, POD, 300 * SECOND, "b")
    assert index.find(IP, 150 * SECOND) == ORDERS
    assert index.find(IP, 350 * SECOND) == USERS


def test_an_address_used_again_does_not_relabel_older_traffic() -> None:
    """Around the change nobody is named, the same workload is."""
    for order in (0, 1):
        index = AddressIndex()
        for step in (0, 1) if order else (1, 0):
            if step:
                index.add(IP, USERS, POD, 200 * SECOND, "b")
            else:
                index.add(IP, ORDERS, POD, 100 * SECOND, "a")
        index.remove(IP, "a", 215 * SECOND)
        assert index.find(IP, 200 * SECOND - DOUBT_NS - 1) == ORDERS
        assert index.find(IP, 200 * SECOND) is None
        assert index.find(IP, 200 * SECOND + DOUBT_NS) == USERS
        index.remove(IP, "b", 300 * SECOND)
        assert index.find(IP, 320 * SECOND) is None
    index.add(IP, ORDERS, POD, 299 * SECOND, "c")
    index.add(IP, ORDERS, POD, 320 * SECOND, "d")
    assert index.find(IP, 320 * SECOND) == ORDERS


def test_a_pod_that_was_only_seen_takes_over_nothing_that_surely_was_another_s() -> (
    None
):
    """It was scheduled long before, and seen while the other's end was not told."""
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 50 * SECOND, "a")
    index.add(IP, USERS, POD, 131 * SECOND, "b", 100 * SECOND)
    index.remove(IP, "a", 132 * SECOND)
    found = [index.find(IP, second * SECOND) for second in range(100, 140)]
    assert found == [ORDERS] * 19 + [None] * 14 + [USERS] * 7


def test_what_is_told_better_later_corrects() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 50 * SECOND, "a")
    index.add(IP, USERS, POD, 131 * SECOND, "b", 100 * SECOND)
    index.add(IP, USERS, POD, 126 * SECOND, "b")
    index.remove(IP, "a", 126 * SECOND, is_exact=True)
    assert index.find(IP, 123 * SECOND) == ORDERS
    assert index.find(IP, 129 * SECOND) == USERS


def test_a_node_keeps_its_name_when_one_of_its_pods_ends() -> None:
    index, node = AddressIndex(), Workload("", "Node", "n1")
    index.add(IP, node, NODE, 10 * SECOND, "a")
    index.add(IP, node, NODE, 20 * SECOND, "b")
    for holder in "ba":
        assert index.find(IP, 90 * SECOND) == node
        index.remove(IP, holder, 30 * SECOND)
    assert index.find(IP, 90 * SECOND) is None
    assert index.snapshot()[1] == {}


def test_a_port_may_be_of_another() -> None:
    index, node = AddressIndex(), Workload("", "Node", "n1")
    index.add(IP, node, NODE, 0, "n")
    index.add(IP + b"\x23\x8c", ORDERS, addresses.NAMED, 10 * SECOND, "a")
    assert index.find(IP, 50 * SECOND, 9100) == ORDERS
    assert index.find(IP, 50 * SECOND, 9101) == node
    assert index.find(IP, 50 * SECOND) == node
    index.remove(IP + b"\x23\x8c", "a", 60 * SECOND)
    assert index.find(IP, 90 * SECOND, 9100) == node


def test_a_port_that_leads_to_a_captured_pod_is_told_with_the_nodes() -> None:
    index, door = AddressIndex(), IP + b"\x1f\x90"
    index.add(IP, Workload("", "Node", "n1"), NODE, 0, "n")
    index.add(door, ORDERS, addresses.DOOR, 0, "a")
    index.add(IP + b"\x23\x8c", USERS, addresses.NAMED, 0, "b")
    assert index.nodes() == {IP, door}
    assert index.find(IP, 50 * SECOND, 8080) == ORDERS
    index.remove(door, "a", 60 * SECOND)
    assert index.nodes() == {IP}
    assert index.snapshot()[1] == {}


def test_between_two_owners_the_address_is_nobodys() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 100 * SECOND, "a")
    index.remove(IP, "a", 200 * SECOND)
    index.add(IP, USERS, POD, 900 * SECOND, "b")
    assert index.find(IP, 500 * SECOND) is None


def test_the_last_packets_of_a_pod_are_still_its_own() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 0, "a")
    index.remove(IP, "a", 200 * SECOND)
    assert index.find(IP, 200 * SECOND + GRACE_NS - 1) == ORDERS
    assert index.find(IP, 200 * SECOND + GRACE_NS) is None


def test_packets_before_the_first_known_owner_are_its_if_that_may_be() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 100 * SECOND, "a", 50 * SECOND)
    assert index.find(IP, 51 * SECOND) == ORDERS
    assert index.find(IP, 40 * SECOND) is None


def test_an_unknown_address_has_no_owner() -> None:
    assert AddressIndex().find(IP, 1) is None


def test_the_end_of_one_pod_does_not_end_its_replacement() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 100, "a")
    index.add(IP, ORDERS, POD, 200, "b")
    index.remove(IP, "a", 300)
    assert index.find(IP, 400) == ORDERS
    assert index.snapshot()[1] == {IP: ""}


def test_changes_are_told_once_each() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 0, "a")
    index.add(IP, ORDERS, POD, 0, "a")
    index.add(b"\x0a\x60\0\1", ORDERS, SERVICE, 0, "s")
    seen, _ = index.snapshot()
    index.remove(IP, "a", 1)
    changes = index.changes_since(seen)
    assert changes is not None
    assert [(change.ip, change.is_in) for change in changes] == [(IP, False)]
    assert index.changes_since(index.revision) == []


def test_changes_too_old_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    index = AddressIndex()
    for number in range(addresses.MOST_CHANGES + 1):
        index.add(number.to_bytes(4, "big"), ORDERS, POD, 0, "a")
    assert index.changes_since(0) is None
    assert index.changes_since(index.revision + 1) is None
    assert len(index.changes_since(1) or ()) == addresses.MOST_CHANGES


def test_history_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "MOST_HISTORY", 2)
    index = AddressIndex()
    for number in range(4):
        ip = bytes((10, 0, 0, number))
        index.add(ip, ORDERS, POD, 0, "a")
        index.remove(ip, "a", 100)
    known = [index.find(bytes((10, 0, 0, n)), 50) for n in range(4)]
    assert known == [None, None, ORDERS, ORDERS]


def test_waiting_ends_when_the_list_is_complete() -> None:
    index = AddressIndex()
    thread = threading.Thread(target=index.wait, args=(-1, 60))
    thread.start()
    index.complete()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        (b"\x08\x08\x08\x08", INTERNET),
        (bytes.fromhex("20014860486000000000000000008888"), INTERNET),
        (bytes(10) + b"\xff\xff\x08\x08\x08\x08", INTERNET),
        (b"\x0a\x00\x00\x01", None),
        (b"\x7f\x00\x00\x01", None),
        (b"\x64\x40\x00\x01", None),
        (bytes.fromhex("fd000000000000000000000000000001"), None),
    ],
)
def test_public_addresses_are_the_internet(ip: bytes, expected: Workload) -> None:
    assert place(ip) == expected


def test_a_private_address_nobody_claims_keeps_its_number() -> None:
    assert unresolved(IP) == Workload("", "Unresolved", "10.0.0.1")
