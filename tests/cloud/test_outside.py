"""Who is outside, and what goes there and comes from there."""

from typing import Any

import pytest
from sqlalchemy import Connection

from cloud.pages import outside
from cloud.pages.outside import OutsideList, OutsideQuery, Party
from cloud.pages.reports import DataType
from cloud.store.store import Store
from cloud.visitor import EVERYTHING, Scope, read_scope
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import (
    GATEWAY,
    SECOND,
    SHOP,
    START,
    endpoint,
    offsets,
    package,
    place,
)

BANK = c.Workload(kind="External", name="api.bank.example")
INTERNET = c.Workload(kind="External", name="internet")
IBAN = place("financial.iban", "$.iban", d.HIGH, direction=c.REQUEST, count=3)
NAME = place("personal.name", "$.name", d.MEDIUM, direction=c.RESPONSE, count=5)


@pytest.fixture
def filled(store: Store) -> Store:
    rows = [
        endpoint("/transfers", [IBAN, NAME], server=BANK, client=SHOP, pairs=7),
        endpoint("/transfers", [IBAN], server=BANK, client=GATEWAY, pairs=2),
        endpoint("/orders", [IBAN, NAME], server=GATEWAY, client=INTERNET, pairs=9),
        endpoint("/inside", [IBAN], server=SHOP, client=GATEWAY, pairs=1),
    ]
    assert store.add(package(endpoints=rows))
    return store


def listed(
    store: Store, query: OutsideQuery | None = None, scope: Scope = EVERYTHING
) -> OutsideList:
    def read(connection: Connection) -> OutsideList:
        return outside.listed(connection, query or OutsideQuery(), scope)

    with store.reading() as connection:
        return read(connection)


def party(found: OutsideList, name: str) -> Party:
    (one,) = [one for one in found.parties if one.party.name == name]
    return one


def types(found: list[DataType]) -> list[tuple[str, int]]:
    return [(one.data_type, one.count) for one in found]


def test_what_leaves_is_told_apart_from_what_comes_in(filled: Store) -> None:
    found = listed(filled)
    assert found.paging.total == 2
    bank = party(found, "api.bank.example")
    assert (bank.role, bank.pairs, bank.peers_total) == ("asked", 9, 2)
    assert types(bank.out) == [("financial.iban", 6)]
    assert types(bank.into) == [("personal.name", 5)]
    internet = party(found, "internet")
    assert internet.role == "asks"
    assert types(internet.out) == [("personal.name", 5)]
    assert types(internet.into) == [("financial.iban", 3)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (OutsideQuery(role="asks"), ["internet"]),
        (OutsideQuery(text="BANK"), ["api.bank.example"]),
        (OutsideQuery(text="shop-api"), []),
        (OutsideQuery(size=1, page=3), []),
    ],
)
def test_parties_are_filtered(
    filled: Store, query: OutsideQuery, names: list[str]
) -> None:
    assert [one.party.name for one in listed(filled, query).parties] == names


def test_limited_visitor_sees_own_parties_and_peers(filled: Store) -> None:
    found = listed(filled, scope=read_scope("local/shop"))
    assert [one.party.name for one in found.parties] == ["api.bank.example"]
    assert [one.name for one in found.parties[0].peers] == ["shop-api"]
    assert found.parties[0].pairs == 7


@pytest.mark.parametrize(
    ("sort", "position"),
    [("sensitivity", 2), ("pairs", 0), ("newest", 0), ("last_seen", 0), ("name", 2)],
)
def test_parties_are_in_the_order_that_is_asked_for(
    filled: Store, sort: Any, position: int
) -> None:
    late = c.Workload(kind="External", name="new.example")
    row = endpoint("/e", server=late, client=SHOP, pairs=99, at=START + 60 * SECOND)
    assert filled.add(package(offsets(1, 2), endpoints=[row]))
    found = listed(filled, OutsideQuery(sort=sort)).parties
    names = [one.party.name for one in found]
    assert len(names) == 3
    assert names.index("new.example") == position
    assert sort != "name" or names == sorted(names)
