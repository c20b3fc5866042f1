"""What is stored agrees with corrections as if they had held from the beginning.

The same packages are stored with corrections made before, between and after them, and
with corrections that were undone: all tables that pages read are the same in the end.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from msgspec import structs

from cloud.store import correcting, corrections, schema
from cloud.store.correcting import Corrections, tried
from cloud.store.corrections import Correction, Scope
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.dying import APPLY, KILLED, dying
from tests.cloud.packages import endpoint, offsets, package, place
from tests.cloud.running import KILLS, wait_until

SUMS = (
    *("places", "endpoints", "traffic", "edges", "edge_types", "endpoint_types"),
    *("data_types", "clusters", "traffic_minutes"),
)
"""Tables that must not tell when a correction was made."""
TYPES = ("contact.email", "financial.payment_card", "financial.iban")
NAMES = ("orders", "users", "ledger")
NO_CARD = Correction(scope=Scope.EVERYWHERE, data_type="financial.payment_card")
OF_ORDERS = Correction(
    scope=Scope.WORKLOAD,
    data_type="financial.payment_card",
    becomes="acme.order",
    sensitivity=d.LOW,
    cluster="local",
    namespace="shop",
    kind="Deployment",
    name="orders",
)
AT_ENDPOINT = structs.replace(
    OF_ORDERS,
    scope=Scope.ENDPOINT,
    becomes="financial.iban",
    sensitivity=0,
    port=8000,
    method="GET",
    endpoint="/a",
)
AT_PLACE = structs.replace(
    AT_ENDPOINT,
    scope=Scope.PLACE,
    becomes="",
    direction=c.RESPONSE,
    location=d.BODY,
    path="$.1",
)
ALL = (NO_CARD, OF_ORDERS, AT_ENDPOINT, AT_PLACE)


def sent(chance: random.Random, number: int) -> c.Package:
    """A package of any traffic between few, in one of two clusters."""
    return package(
        offsets(0, 1, partition=number),
        cluster=chance.choice(["local", "far"]),
        endpoints=[
            endpoint(
                path=chance.choice(["/a", "/b"]),
                server=workload(chance.choice(NAMES)),
                client=workload(chance.choice(NAMES)),
                places=[some_place(chance) for _ in range(chance.randrange(4))],
            )
            for _ in range(3)
        ],
    )


def some_place(chance: random.Random) -> c.Place:
    return place(
        chance.choice(TYPES),
        f"$.{chance.randrange(3)}",
        sensitivity=chance.choice([d.MEDIUM, d.HIGH]),
        likelihood=chance.choice([d.UNLIKELY, d.LIKELY, d.VERY_LIKELY]),
        direction=chance.choice([c.REQUEST, c.RESPONSE]),
        count=chance.randrange(1, 9),
    )


def workload(name: str) -> c.Workload:
    return c.Workload(namespace="shop", kind="Deployment", name=name)


def sums(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.reading() as connection:
        return {
            name: sorted(
                tuple(row)
                for row in connection.execute(sa.select(schema.metadata.tables[name]))
            )
            for name in SUMS
        }


def correct(store: Store, made: Corrections, one: Correction) -> int:
    key = made.add(one, "known better", "ada")
    made.apply_pending()
    return key


@contextmanager
def opened(url: str) -> Iterator[Store]:
    store = Store(url)
    try:
        yield store
    finally:
        store.close()


def emptied(url: str) -> None:
    """All rows away, so that one database holds one try after the other."""
    with opened(url) as store:

        def job(connection: sa.Connection) -> bool:
            for table in reversed(schema.metadata.sorted_tables):
                if table.name != "job":
                    connection.execute(sa.delete(table))
            return False

        store.run(job).result()


@pytest.mark.parametrize("seed", range(4))
def test_when_a_correction_is_made_makes_no_difference(
    database_url: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correcting, "SLICE_PLACES", 3)
    monkeypatch.setattr(correcting, "PAUSE_SECONDS", 0)
    chance = random.Random(seed)
    packages = [sent(chance, number) for number in range(12)]
    order = chance.sample(ALL, len(ALL))
    results = []
    for moments in ([0, 0, 0, 0], [3, 5, 5, 9], [12, 12, 12, 12]):
        with opened(database_url) as store:
            made = Corrections(store, iter(range(1, 99)).__next__)
            for number in range(len(packages) + 1):
                for one, moment in zip(order, moments, strict=True):
                    if moment == number:
                        correct(store, made, one)
                if number < len(packages):
                    assert store.add(packages[number])
            results.append(sums(store))
        emptied(database_url)
    assert results[0]["places"]
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("seed", range(4))
def test_undoing_restores_what_was_found(
    database_url: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correcting, "SLICE_PLACES", 3)
    monkeypatch.setattr(correcting, "PAUSE_SECONDS", 0)
    chance = random.Random(seed)
    packages = [sent(chance, number) for number in range(12)]
    with opened(database_url) as store:
        for one in packages:
            store.add(one)
        plain = sums(store)
    emptied(database_url)
    with opened(database_url) as store:
        made = Corrections(store, iter(range(1, 99)).__next__)
        for one in packages[:6]:
            store.add(one)
        keys = [correct(store, made, one) for one in ALL]
        assert sums(store)["places"] != plain["places"]
        for one in packages[6:]:
            store.add(one)
        for key in chance.sample(keys, len(keys)):
            assert made.undo(key, "bob", "was right after all")
            made.apply_pending()
        assert sums(store) == plain
        with store.reading() as connection:
            rest = sa.select(sa.func.count()).select_from(schema.corrected_places)
            assert connection.scalar(rest) == 0
            assert not corrections.pending(connection)


def test_what_names_most_wins_in_what_is_stored(store: Store) -> None:
    cards = [place("financial.payment_card", f"$.{n}", d.HIGH) for n in range(3)]
    orders = [endpoint("/a", cards, server=workload("orders"))]
    store.add(package(offsets(0, 1), endpoints=orders))
    made = Corrections(store)
    for one in ALL:
        correct(store, made, one)
    found = {row[5]: (row[6], row[8]) for row in sums(store)["places"]}
    assert found == {
        "$.0": ("financial.iban", d.VERY_LIKELY),
        "$.1": ("financial.payment_card", 0),
        "$.2": ("financial.iban", d.VERY_LIKELY),
    }
    with store.reading() as connection:
        assert tried(connection, NO_CARD) == 3
        assert tried(connection, AT_PLACE) == 1


def test_what_reaches_a_workload_is_applied_with_it(store: Store) -> None:
    cards = [place("financial.payment_card", "$.1", d.HIGH)]
    orders = [endpoint("/a", cards, server=workload("orders"))]
    store.add(package(offsets(0, 1), endpoints=orders))
    made = Corrections(store)
    made.add(AT_PLACE, "an order's number", "ada")
    with store.reading() as connection:
        assert not corrections.pending(connection)
    assert not sums(store)["endpoint_types"]


def test_a_thread_applies_what_reaches_further(store: Store) -> None:
    cards = [place("financial.payment_card", "$.1", d.HIGH)]
    orders = [endpoint("/a", cards, server=workload("orders"))]
    store.add(package(offsets(0, 1), endpoints=orders))
    with Corrections(store) as made:
        made.add(NO_CARD, "none here", "ada")
        wait_until(lambda: not sums(store)["endpoint_types"])
        wait_until(lambda: not waiting(store))


def waiting(store: Store) -> bool:
    with store.reading() as connection:
        return bool(corrections.pending(connection))


def test_killed_while_it_is_applied(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correcting, "PAUSE_SECONDS", 0)
    chance = random.Random(7)
    packages = [sent(chance, number) for number in range(8)]
    with opened(database_url) as store:
        made = Corrections(store)
        for one in packages:
            store.add(one)
        plain = sums(store)
        key = correct(store, made, NO_CARD)
        corrected = sums(store)
        made.undo(key, "bob")
        made.apply_pending()
        assert sums(store) == plain
    for is_undone, wanted in ((False, corrected), (True, plain)):
        with opened(database_url) as store:
            made = Corrections(store)
            if is_undone:
                made.undo(key, "bob")
            else:
                key = made.add(NO_CARD, "none here", "ada")
        for _ in range(KILLS):
            last, is_after = chance.randrange(1, 9), bool(chance.randrange(2))
            assert dying(APPLY, database_url, last, is_after) in (0, KILLED)
        with opened(database_url) as store:
            Corrections(store).apply_pending()
            assert sums(store) == wanted
