"""Addresses and their owners in time."""

import threading

import pytest

from agent.cluster import addresses
from agent.cluster.addresses import (
    GRACE_NS,
    INTERNET,
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
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 100 * SECOND, "a")
    index.add(IP, USERS, POD, 200 * SECOND, "b")
    index.remove(IP, "a", 201 * SECOND)
    assert index.find(IP, 199 * SECOND) == ORDERS
    assert index.find(IP, 200 * SECOND) == USERS


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


def test_packets_before_the_first_known_owner_are_the_owners() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 100 * SECOND, "a")
    assert index.find(IP, 1) == ORDERS


def test_an_unknown_address_has_no_owner() -> None:
    assert AddressIndex().find(IP, 1) is None


def test_the_end_of_one_pod_does_not_end_its_replacement() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 100, "a")
    index.add(IP, ORDERS, POD, 200, "b")
    index.remove(IP, "a", 300)
    assert index.find(IP, 400) == ORDERS
    assert index.snapshot()[1] == {IP: POD}


def test_changes_are_told_once_each() -> None:
    index = AddressIndex()
    index.add(IP, ORDERS, POD, 0, "a")
    index.add(IP, ORDERS, POD, 0, "a")
    index.add(b"\x0a\x60\0\1", ORDERS, SERVICE, 0, "s")
    seen, _ = index.snapshot()
    index.remove(IP, "a", 1)
    changes = index.changes_since(seen)
    assert changes is not None
    assert [(change.ip, change.kind) for change in changes] == [(IP, None)]
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
