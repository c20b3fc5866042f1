"""What was there, what is new and what is gone, at every level of facts."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from cloud.store import schema, windows
from cloud.store.facts import Seen, quantile_us
from cloud.store.keeper import Keeping
from cloud.store.schema import DAY, HOUR, LEVELS
from cloud.store.store import Store
from cloud.store.windows import Kind, Page, Window
from proto.v1 import collector_pb2 as c
from tests.cloud.packages import (
    OUTSIDE,
    SECOND,
    START,
    coverage,
    endpoint,
    offsets,
    package,
    place,
)

NOW = START // SECOND
KINDS = (windows.ENDPOINTS, windows.PLACES, windows.EDGES, windows.PARTS)
Ask = Callable[..., list[tuple[int, ...]]]


@pytest.fixture
def aged(database_url: str) -> Iterator[Store]:
    """Something is old, something new, something came twice with a pause between."""
    store = Store(database_url, clock=lambda: NOW)
    for number, (path, ago) in enumerate(
        [("/old", 20), ("/twice", 20), ("/twice", 1), ("/new", 1)]
    ):
        at = (NOW - ago * DAY) * SECOND
        found = endpoint(
            path,
            [place(path=f"$.{path[1:]}")],
            client=OUTSIDE if path == "/new" else endpoint().client,
            server=endpoint().server if path == "/new" else _server(path),
            at=at,
        )
        reported = coverage({"paired": 5}, node=path, at=at)
        store.add(
            package(offsets(number, number + 1), endpoints=[found], coverage=[reported])
        )
    yield store
    store.close()


def _server(path: str) -> c.Workload:
    return c.Workload(namespace="shop", kind="Deployment", name=path)


def ask(store: Store, question: Ask, kind: Kind, first: float, end: float) -> int:
    window = Window(NOW - int(first * DAY), NOW - int(end * DAY))
    with store.reading() as connection:
        return len(question(connection, kind, window, Page()))


@pytest.mark.parametrize("is_rolled_up", [False, True])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table.name)
def test_windows_tell_there_new_and_gone(
    aged: Store, kind: Kind, is_rolled_up: bool
) -> None:
    if is_rolled_up:
        aged.keeper.run_once()
    assert ask(aged, windows.new, kind, 21, 19) == 2
    assert ask(aged, windows.new, kind, 2, 0) == 1
    assert ask(aged, windows.gone, kind, 21, 19) == 1
    assert ask(aged, windows.there, kind, 21, 19) == 2
    assert ask(aged, windows.there, kind, 15, 5) == 0, "/twice made a pause"
    assert ask(aged, windows.there, kind, 2, 0) == 2


def test_external_parties_are_edges_with_an_end_outside(aged: Store) -> None:
    assert ask(aged, windows.new, windows.PARTIES, 30, 0) == 1
    assert ask(aged, windows.there, windows.PARTIES, 2, 0) == 1


def test_pages_follow_each_other_and_keep_to_their_clusters(aged: Store) -> None:
    window = Window(NOW - 30 * DAY, NOW)
    with aged.reading() as connection:
        first = windows.new(connection, windows.ENDPOINTS, window, Page(size=2))
        rest = windows.new(
            connection, windows.ENDPOINTS, window, Page(size=2, after=first[-1])
        )
        other = Page(clusters=("other",))
        assert windows.new(connection, windows.ENDPOINTS, window, other) == []
    assert len({*first, *rest}) == 3


def totals(store: Store) -> tuple[int, int, int]:
    """Pairs, values found and bytes in the facts of all levels."""
    pairs = values = amount = 0
    window = Window(NOW - 40 * DAY, NOW + HOUR)
    with store.reading() as connection:
        for key in connection.scalars(sa.select(schema.endpoints.c.id)).all():
            for counters, seen in windows.traffic(connection, key, window).values():
                assert counters[0] == sum(seen.latency.values())
                pairs += counters[0]
                values += sum(seen.places.values())
        for part in connection.scalars(sa.select(schema.parts.c.id)).all():
            for told in windows.coverage(connection, part, window).values():
                amount += told.bytes["paired"]
    return pairs, values, amount


def test_roll_up_loses_and_doubles_nothing(aged: Store) -> None:
    before = totals(aged)
    assert before == (4, 4, 20)
    for _ in range(2):
        aged.keeper.run_once()
        assert totals(aged) == before
    with aged.reading() as connection:
        counts = [
            connection.scalar(sa.select(sa.func.count()).select_from(level.traffic))
            for level in LEVELS
        ]
    assert counts == [2, 2, 0]


def test_late_facts_are_added_to_what_was_rolled_up(aged: Store) -> None:
    aged.keeper.run_once()
    at = (NOW - 20 * DAY) * SECOND
    late = endpoint("/old", server=_server("/old"), at=at)
    aged.add(package(offsets(4, 5), endpoints=[late]))
    aged.keeper.run_once()
    assert totals(aged)[0] == 5
    with aged.reading() as connection:
        hours = schema.HOURS.traffic
        assert sorted(connection.scalars(sa.select(hours.c.pairs))) == [1, 2]


def test_what_is_not_seen_any_more_is_forgotten(database_url: str) -> None:
    now = [NOW]
    store = Store(database_url, Keeping(), lambda: now[0])
    found = endpoint(places=[place()])
    store.add(package(endpoints=[found], coverage=[coverage({"paired": 1})]))
    now[0] += 401 * DAY
    store.keeper.run_once()
    with store.reading() as connection:
        for table in schema.metadata.sorted_tables:
            if table not in (schema.job, schema.moments):
                count = sa.select(sa.func.count()).select_from(table)
                assert connection.scalar(count) == 0, table.name
    again = endpoint(places=[place()], at=now[0] * SECOND)
    assert store.add(package(endpoints=[again], at=now[0] * SECOND))
    with store.reading() as connection:
        assert connection.scalar(sa.select(schema.clusters.c.endpoints)) == 1
        assert connection.scalar(sa.select(schema.data_types.c.endpoints)) == 1
    store.close()


def test_over_its_size_the_finest_facts_go_first(database_url: str) -> None:
    store = Store(database_url, Keeping(most_bytes=1), clock=lambda: NOW)
    at = (NOW - 5 * HOUR) * SECOND
    store.add(package(endpoints=[endpoint(at=at)]))
    store.keeper.run_once()
    with store.reading() as connection:
        counts = [
            connection.scalar(sa.select(sa.func.count()).select_from(level.traffic))
            for level in LEVELS
        ]
        assert counts[0] == 0
        assert sum(count or 0 for count in counts) == 1
        assert connection.scalar(sa.select(schema.endpoints.c.pairs)) == 1
    store.close()


def test_sketches_add_up_exactly() -> None:
    one = Seen(5, {3: 1, 20: 2}, {7: 1})
    other = Seen(6, {20: 1}, {7: 2, 8: 1}, {8: 1})
    one.add(other)
    assert one == Seen(11, {3: 1, 20: 3}, {7: 3, 8: 1}, {8: 1})
    assert quantile_us(one.latency, 0.25) == 3
    assert quantile_us(one.latency, 0.5) == 24
    assert quantile_us({}, 0.5) is None
