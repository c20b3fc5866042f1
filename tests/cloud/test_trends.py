"""Counts in steps of time, from facts of every level."""

from collections.abc import Iterator

import pytest

from cloud.pages.endpoints import key
from cloud.store import trends
from cloud.store.schema import DAY, HOUR, identity
from cloud.store.store import Store
from cloud.store.trends import LENGTHS, MOST_FACTS, MOST_STEPS, Steps
from proto.v1 import collector_pb2 as c
from tests.cloud.packages import (
    GATEWAY,
    SECOND,
    SHOP,
    START,
    coverage,
    endpoint,
    offsets,
    package,
    place,
)

NOW = START // SECOND + 60
SERVER = identity("workload", "local", SHOP.namespace, SHOP.kind, SHOP.name)
ENDPOINT = identity("endpoint", SERVER, 8000, "GET", "/orders")


@pytest.fixture
def aged(database_url: str) -> Iterator[Store]:
    """An hour's traffic now, 4 hours ago, 10 days ago and 100 days ago."""
    store = Store(database_url, clock=lambda: NOW)
    rows = [(0, 5), (4 * HOUR, 7), (10 * DAY, 11), (30 * DAY, 13)]
    for number, (ago, pairs) in enumerate(rows):
        at = START - ago * SECOND
        failed = endpoint("/orders", [], pairs=2, statuses={5: 2}, at=at)
        found = endpoint(
            "/orders", [place(count=3)], pairs=pairs, client=c.Workload(), at=at
        )
        reported = coverage({"paired": 5}, at=at)
        covered = offsets(number, number + 1)
        store.add(package(covered, endpoints=[found, failed], coverage=[reported]))
    yield store
    store.close()


@pytest.mark.parametrize("seconds", [4 * HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY])
@pytest.mark.parametrize("is_rolled_up", [False, True])
def test_steps_cover_the_window_and_lose_nothing(
    aged: Store, seconds: int, is_rolled_up: bool
) -> None:
    if is_rolled_up:
        aged.keeper.run_once()
    with aged.reading() as connection:
        steps = trends.steps(connection, NOW, seconds)
        counts = trends.counted(connection, [ENDPOINT], steps)
        told = trends.told(connection, ENDPOINT, steps)
    assert steps.total <= MOST_STEPS
    assert steps.seconds in LENGTHS
    assert steps.start <= NOW - seconds
    assert steps.position(NOW) == steps.total - 1, "now is in the last step"
    least = 7 if seconds < 4 * HOUR else 16
    assert sum(counts.pairs) >= least
    assert counts.pairs == [one.counters[0] for one in told]
    assert counts.failed == [trends.failed(one.counters) for one in told]
    if seconds >= 30 * DAY:
        assert sum(counts.pairs) == 5 + 7 + 11 + 13 + 4 * 2
        assert sum(counts.failed) == 4 * 2
        places = (one.seen.places.values() for one in told)
        assert sum(sum(found) for found in places) == 4 * 3


def test_steps_are_never_shorter_than_the_facts_of_the_window(aged: Store) -> None:
    with aged.reading() as connection:
        assert trends.steps(connection, NOW, 4 * HOUR).seconds == 300
        aged_steps = trends.steps(connection, NOW, 10 * DAY)
    aged.keeper.run_once()
    with aged.reading() as connection:
        rolled = trends.steps(connection, NOW, 10 * DAY)
        assert rolled.seconds >= HOUR
        assert rolled == aged_steps
        assert trends.steps(connection, NOW, 4 * HOUR).seconds == 300


def test_a_window_of_too_many_facts_is_made_shorter(aged: Store) -> None:
    with aged.reading() as connection:
        steps = trends.steps(connection, NOW, 7 * DAY, series=MOST_FACTS // 12)
        assert steps.seconds * steps.total <= 2 * HOUR
        assert trends.steps(connection, NOW, DAY, series=10 * MOST_FACTS).total >= 1


def test_steps_are_heard_where_coverage_was_told(aged: Store) -> None:
    with aged.reading() as connection:
        steps = trends.steps(connection, NOW, DAY)
        heard = trends.heard(connection, {"local": [SERVER]}, steps)
        assert heard == {
            steps.position(NOW - 60),
            steps.position(NOW - 60 - 4 * HOUR),
        }
        assert trends.heard(connection, {"other": [1]}, steps) == set()


def test_nodes_as_a_whole_are_heard_too(aged: Store) -> None:
    at = START - 8 * HOUR * SECOND
    told = coverage({"paired": 1}, workload=c.Workload(), node="n", at=at)
    aged.add(package(offsets(4, 5), coverage=[told]))
    with aged.reading() as connection:
        steps = trends.steps(connection, NOW, DAY)
        heard = trends.heard(connection, {"local": []}, steps)
    assert heard == {steps.position(at // SECOND)}


def test_what_began_before_counts_to_the_first_step() -> None:
    steps = Steps(1_000, 300, 4)
    assert [steps.position(at) for at in (0, 1_000, 1_299, 1_300, 9_999)] == [
        *(0, 0, 0, 1),
        3,
    ]


def test_the_key_of_the_test_is_that_of_the_store(aged: Store) -> None:
    with aged.reading() as connection:
        found = connection.exec_driver_sql("SELECT id FROM endpoints").scalars().all()
    assert found == [ENDPOINT]
    assert key(f"{ENDPOINT:016x}") == ENDPOINT
    assert GATEWAY.name != SHOP.name
