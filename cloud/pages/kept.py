"""What pages keep between requests, so that the same is not made twice.

In: keys and how to make what is under them. Out: what was made, now or before. Each
shelf has its own bound; what was asked for longest ago goes first. What is kept follows
from its key alone, or from the key and a state: then it is made once for each state,
however many ask. What was slow to make is shown for a while longer than its state
lasts, and is made anew in a thread of its own while readers are shown what there was:
nobody waits for it, and pages of a large store that always changes do not take all of a
processor.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from cloud.errors import UnavailableError

log = logging.getLogger("vethscope")

SLOW_SECONDS = 0.1
"""What is made faster is made anew for each state."""
SHOWN_TIMES = 20
"""What was slower is shown for so many times as long: a twentieth of a processor at
most makes it."""
MOST_SHOWN_SECONDS = 60.0
MOST_OLD_SECONDS = 300.0
"""What nobody asked for so long is not shown; who asks waits for a new one."""
AGAIN_SECONDS = 10.0
"""After it could not be made anew."""

Thing = TypeVar("Thing")
Reading = Callable[[], AbstractContextManager[Connection]]


class _Made(NamedTuple):
    thing: Any
    state: Hashable
    made: float
    until: float


class Kept:
    """Safe to use from several threads."""

    def __init__(
        self,
        reading: Reading | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`reading`: connections to make things anew with; none: readers wait."""
        self._reading = reading
        self._clock = clock
        self._lock = threading.Lock()
        self._shelves: dict[str, OrderedDict[Hashable, Any]] = {}
        self._making: dict[tuple[str, Hashable], Future[Any]] = {}
        self._is_renewing = False

    def get(
        self, shelf: str, most: int, key: Hashable, make: Callable[[], Thing]
    ) -> Thing:
        """The thing under `key` of a shelf that holds at most `most`."""
        with self._lock:
            things = self._shelves.setdefault(shelf, OrderedDict())
            if key in things:
                things.move_to_end(key)
                known: Thing = things[key]
                return known
        made = make()
        self._put(shelf, most, key, made)
        return made

    def current(
        self,
        shelf: str,
        most: int,
        key: Hashable,
        connection: Connection,
        state: Callable[[Connection], Hashable],
        make: Callable[[Connection], Thing],
    ) -> Thing:
        """The thing of this state; one that was slow to make may be of one before.

        `state` and `make` may be called with another connection, later.
        """
        wanted = state(connection)
        with self._lock:
            things = self._shelves.setdefault(shelf, OrderedDict())
            known: _Made | None = things.get(key)
            if known and self._may_be_shown(known, wanted):
                things.move_to_end(key)
                if known.state != wanted and self._clock() >= known.until:
                    self._renew(shelf, most, key, state, make)
                found: Thing = known.thing
                return found
            under_way = self._making.get((shelf, key))
            if not under_way:
                ours = self._making[shelf, key] = Future()
        if under_way:
            # Longer than any statement may take: its maker is sure to be over.
            shared: Thing = under_way.result()
            return shared
        try:
            made = self._make(shelf, most, key, wanted, lambda: make(connection))
        except BaseException as error:
            ours.set_exception(error)
            raise
        else:
            ours.set_result(made)
        finally:
            with self._lock:
                del self._making[shelf, key]
        return made

    def size(self, shelf: str) -> int:
        """How much is on a shelf."""
        return len(self._shelves.get(shelf, ()))

    def _may_be_shown(self, known: _Made, wanted: Hashable) -> bool:
        now = self._clock()
        if known.state == wanted or now < known.until:
            return True
        is_slow = known.until > known.made
        return bool(self._reading) and is_slow and now < known.made + MOST_OLD_SECONDS

    def _make(
        self,
        shelf: str,
        most: int,
        key: Hashable,
        state: Hashable,
        make: Callable[[], Thing],
    ) -> Thing:
        began = self._clock()
        made = make()
        now = self._clock()
        shown = min((now - began) * SHOWN_TIMES, MOST_SHOWN_SECONDS)
        until = now + shown if now - began >= SLOW_SECONDS else now
        self._put(shelf, most, key, _Made(made, state, now, until))
        return made

    def _put(self, shelf: str, most: int, key: Hashable, thing: object) -> None:
        with self._lock:
            things = self._shelves.setdefault(shelf, OrderedDict())
            things[key] = thing
            things.move_to_end(key)
            while len(things) > most:
                things.popitem(last=False)

    def _renew(
        self,
        shelf: str,
        most: int,
        key: Hashable,
        state: Callable[[Connection], Hashable],
        make: Callable[[Connection], object],
    ) -> None:
        """One thing at a time; whoever asks next begins the next. Under the lock."""
        if self._is_renewing:
            return
        self._is_renewing = True

        def work() -> None:
            assert self._reading
            try:
                with self._reading() as connection:
                    wanted = state(connection)
                    self._make(shelf, most, key, wanted, lambda: make(connection))
            except UnavailableError:
                self._put_off(shelf, key)
            except Exception:
                log.exception("what a page shows could not be made anew")
                self._put_off(shelf, key)
            finally:
                self._is_renewing = False

        threading.Thread(target=work, name="renewing", daemon=True).start()

    def _put_off(self, shelf: str, key: Hashable) -> None:
        with self._lock:
            known = self._shelves[shelf].get(key)
            if known:
                until = self._clock() + AGAIN_SECONDS
                self._shelves[shelf][key] = known._replace(until=until)
