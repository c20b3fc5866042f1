"""What is kept between requests."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from cloud.errors import UnavailableError
from cloud.pages.kept import AGAIN_SECONDS, Kept


def test_same_key_is_made_once() -> None:
    kept, made = Kept(), []
    for _ in range(3):
        kept.get("shelf", 2, "key", lambda: made.append(1))
    assert len(made) == 1


def test_least_asked_for_goes_first() -> None:
    kept = Kept()
    for key in ("a", "b", "a", "c"):
        kept.get("shelf", 2, key, lambda key=key: key)  # type: ignore[misc]
    assert kept.size("shelf") == 2
    assert kept.get("shelf", 2, "a", lambda: "anew") == "a"
    assert kept.get("shelf", 2, "b", lambda: "anew") == "anew"


def test_shelves_are_apart() -> None:
    kept = Kept()
    assert kept.get("one", 1, "key", lambda: 1) == 1
    assert kept.get("other", 1, "key", lambda: 2) == 2
    assert (kept.size("one"), kept.size("none")) == (1, 0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Store:
    """Gives connections that know the state."""

    def __init__(self) -> None:
        self.state = "one"

    @contextmanager
    def reading(self) -> Iterator[Any]:
        yield self.state


def state_of(connection: Any) -> Any:
    return connection


@pytest.mark.parametrize(
    ("taken", "waits", "seen"),
    [
        (0.05, 0.0, 2),
        (0.2, 3.0, 1),
        (0.2, 5.0, 2),
        (1.0, 19.0, 1),
        (1.0, 21.0, 2),
        (30.0, 59.0, 1),
        (30.0, 61.0, 2),
    ],
)
def test_what_was_slow_is_shown_for_a_while_in_another_state(
    taken: float, waits: float, seen: int
) -> None:
    clock = Clock()
    kept = Kept(clock=clock)
    made: list[int] = []

    def make(_: Any) -> int:
        clock.now += taken
        made.append(len(made) + 1)
        return made[-1]

    def shown(key: str, state: Any) -> int:
        return kept.current("a", 1, key, state, state_of, make)

    assert shown("key", "one") == 1
    assert shown("key", "one") == 1
    clock.now += waits
    assert shown("key", "two") == seen
    assert shown("other", "two") == seen + 1
    assert kept.size("a") == 1


def test_what_was_slow_is_made_anew_while_readers_are_shown_what_there_was() -> None:
    clock, store = Clock(), Store()
    kept = Kept(store.reading, clock)
    may_end, made = threading.Event(), threading.Event()

    def slow(connection: Any) -> Any:
        clock.now += 1
        if connection == "two":
            assert may_end.wait(10)
            made.set()
        return connection

    def shown() -> Any:
        connection: Any = store.state
        return kept.current("a", 1, "key", connection, state_of, slow)

    assert shown() == "one"
    store.state, clock.now = "two", 30.0
    assert [shown(), shown()] == ["one", "one"]
    may_end.set()
    assert made.wait(10)
    assert awaited(lambda: shown() == "two")
    store.state, clock.now = "three", 1_000.0
    assert shown() == "three"


def test_what_cannot_be_made_anew_is_shown_and_tried_again() -> None:
    clock, store = Clock(), Store()
    kept, tries = Kept(store.reading, clock), []

    def make(connection: Any) -> Any:
        clock.now += 1
        tries.append(connection)
        if len(tries) == 2:
            raise UnavailableError("it took too long")
        return connection

    def shown() -> Any:
        connection: Any = store.state
        return kept.current("a", 1, "key", connection, state_of, make)

    assert shown() == "one"
    store.state, clock.now = "two", 30.0
    assert shown() == "one"
    assert awaited(lambda: len(tries) == 2)
    assert shown() == "one"

    def is_new() -> bool:
        clock.now += AGAIN_SECONDS
        return bool(shown() == "two")

    assert awaited(is_new)


def test_many_who_ask_at_once_make_it_once() -> None:
    kept, began, may_end = Kept(), threading.Event(), threading.Event()
    made: list[int] = []

    def slow(_: Any) -> int:
        began.set()
        assert may_end.wait(10)
        made.append(1)
        return len(made)

    def ask() -> int:
        connection: Any = "one"
        return kept.current("a", 1, "key", connection, state_of, slow)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask)
        assert began.wait(10)
        others = [pool.submit(ask) for _ in range(3)]
        may_end.set()
        assert [one.result(10) for one in (first, *others)] == [1, 1, 1, 1]


def test_what_fails_fails_for_all_who_waited_and_is_tried_again() -> None:
    kept, began, may_end = Kept(), threading.Event(), threading.Event()

    def fail(_: Any) -> int:
        began.set()
        assert may_end.wait(10)
        raise UnavailableError("away")

    connection: Any = "one"
    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(kept.current, "a", 1, "key", connection, state_of, fail)
            for _ in range(2)
        ]
        assert began.wait(10)
        may_end.set()
        for one in asked:
            with pytest.raises(UnavailableError):
                one.result(10)
    assert kept.current("a", 1, "key", connection, state_of, lambda _: 3) == 3


def awaited(is_so: Callable[[], bool]) -> bool:
    """Within ten seconds; another thread does it."""
    end = time.monotonic() + 10
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)
    return is_so()
