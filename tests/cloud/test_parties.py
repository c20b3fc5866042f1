"""Parties outside: stored with what is known of them, bounded, forgotten."""

from functools import partial

import pytest

from cloud.doors.clusters.limits import check
from cloud.errors import RefusedError
from cloud.store import bounds, forgetting, parties
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from tests.cloud.packages import START, offsets, package

SHOP = c.Workload(kind="External", name="api.example.com")


def party(country: str = "DE", at: int = START, **more: object) -> c.Party:
    told = c.Party(workload=SHOP, country=country, network="Example", is_robot=False)
    told.first_seen_ns = told.last_seen_ns = at
    for name, value in more.items():
        setattr(told, name, value)
    return told


def sent(*told: c.Party, first: int = 0) -> c.Package:
    made = package(offsets(first, first + 1))
    made.parties.extend(told)
    return made


def listed(store: Store) -> list[parties.Party]:
    with store.reading() as connection:
        return parties.listed(connection, 100)


def test_rows_widen_their_times(store: Store) -> None:
    later = START + 10**9
    store.add(sent(party(), party(is_robot=True)))
    store.add(sent(party(at=later), first=1))
    person, robot = sorted(listed(store), key=lambda row: row.is_robot)
    assert (person.name, person.country, person.network) == (
        *("api.example.com", "DE", "Example"),
    )
    assert (person.first_seen_ns, person.last_seen_ns) == (START, later)
    assert (robot.is_robot, robot.last_seen_ns) == (True, START)


def test_they_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bounds.MOST_OF_TABLE, "parties", 2)
    codes = ("DE", "FR", "PL", "CZ")
    store.add(sent(*map(party, codes)))
    store.add(sent(*map(party, codes), first=1))
    assert len(listed(store)) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"country": "Germany"},
        {"network": "n" * 401},
        {"first_seen_ns": -1},
        {"last_seen_ns": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_no_party_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(RefusedError, match=r"parties\[0\]"):
        check(sent(party(**changes)))  # type: ignore[arg-type]


def test_they_are_forgotten(store: Store) -> None:
    store.add(sent(party()))
    for step in forgetting.NAMES:
        store._writer.run(partial(step, before_ns=1 << 62)).result(10)
    assert listed(store) == []
