"""Since when news are new to somebody, on both databases."""

from collections.abc import Callable

from sqlalchemy import Connection

from cloud.pages.today import visits
from cloud.pages.today.visits import (
    FIRST_NS,
    KEPT_NS,
    PAUSE_NS,
    SECOND_NS,
    SETTLED_NS,
    Mark,
    looked,
    mark_of,
    read_until,
)
from cloud.store.store import Store

NOW = 1_800_000_000 * SECOND_NS


def test_first_visit_tells_a_week() -> None:
    mark = looked(None, NOW)
    assert mark == Mark(NOW - FIRST_NS, NOW - FIRST_NS, NOW - SETTLED_NS)


def test_page_that_is_loaded_again_loses_nothing() -> None:
    mark = looked(None, NOW)
    for minute in range(1, 200):
        mark = looked(mark, NOW + minute * 60 * SECOND_NS)
        assert mark.mark_ns == NOW - FIRST_NS
    assert mark.seen_ns == NOW + 199 * 60 * SECOND_NS - SETTLED_NS


def test_visit_is_over_after_the_pause_and_what_it_saw_is_read() -> None:
    newest = NOW - SECOND_NS
    first = looked(None, NOW, newest)
    assert first.seen_ns == newest
    same = looked(first, newest + PAUSE_NS - 1)
    assert same.mark_ns == first.mark_ns
    following = looked(first, newest + PAUSE_NS)
    assert following.mark_ns == newest
    assert following.before_ns == first.mark_ns


def test_what_shows_late_is_told_again_rather_than_never() -> None:
    """Stored before the look, but with a commit after it."""
    mark = looked(looked(None, NOW), NOW + PAUSE_NS)
    assert mark.mark_ns == NOW - SETTLED_NS


def do(store: Store, job: Callable[[Connection], bool]) -> None:
    store.run(job).result(30)


def stored(store: Store, person: str) -> Mark | None:
    with store.reading() as connection:
        return mark_of(connection, person)


def test_mark_as_read_holds_for_one_person_and_goes_only_forward(store: Store) -> None:
    do(store, read_until("ann", NOW - 5 * SECOND_NS, NOW))
    do(store, read_until("ben", NOW, NOW))
    assert stored(store, "ann") == Mark(
        NOW - 5 * SECOND_NS, NOW - FIRST_NS, NOW - 5 * SECOND_NS
    )
    do(store, read_until("ann", NOW - PAUSE_NS, NOW))
    known = stored(store, "ann")
    assert known
    assert known.mark_ns == NOW - 5 * SECOND_NS
    do(store, read_until("ann", NOW + PAUSE_NS, NOW))
    assert stored(store, "ann") == Mark(NOW, NOW - 5 * SECOND_NS, NOW)
    assert stored(store, "nobody") is None


def test_who_comes_no_more_is_forgotten(store: Store) -> None:
    do(store, read_until("ann", NOW, NOW))
    do(store, read_until("ben", NOW + KEPT_NS, NOW + KEPT_NS))

    def forget(connection: Connection) -> bool:
        visits.forget_old(connection, NOW + KEPT_NS + 1)
        return False

    do(store, forget)
    assert stored(store, "ann") is None
    assert stored(store, "ben")
