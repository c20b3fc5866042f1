"""Finds what breaks a policy: at once in what is new, and in all that is stored.

In: the policies that are on, the places that ingestion has just stored, and the time.
Out: rows of `violations`. New places are judged within seconds. All places are judged
after a change of the policies, after a start, and every hour, a slice at a time: so
nothing stays unjudged that a crash, a second cloud or a full queue has hidden. Each
minute those are judged that were accepted until a day or called fixed, and seen since.

Each slice is one transaction that makes the violations of its places what they must be,
whatever they were before: repeating one changes nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.errors import CloudError
from cloud.policies import flows
from cloud.policies.bench import RETURN_NS, Bench, Tags
from cloud.policies.book import kept
from cloud.policies.tables import State, violations
from cloud.store import moment
from cloud.store.schema import places
from cloud.store.statements import chunks
from cloud.store.store import Store

log = logging.getLogger("vethscope")

SLICE_PLACES = 1_000
"""Judged in one transaction: some 20 ms, which packages wait for."""
PAUSE_SECONDS = 0.1
"""Between two slices, for the packages."""
PERIOD_SECONDS = 3_600.0
"""Between two rounds through all places."""
LOOK_SECONDS = 60.0
"""Between two looks for decisions whose time is over."""
DELAY_SECONDS = 1.0
"""New places are gathered for so long."""
MOST_FRESH = 20_000
"""New places that wait to be judged; with more of them all places are."""
STEP_SECONDS = 60.0
"""For one slice: it waits for the packages before it."""

Key = tuple[Any, ...]


class Judging:
    """A thread that keeps the violations true; `note` gives it what is new."""

    def __init__(
        self,
        store: Store,
        tags: Callable[[Connection], Tags],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._tags = tags
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._fresh: set[Key] = set()
        self._wake = threading.Event()
        self._is_closed = False
        self._round_due = 0.0
        self._thread = threading.Thread(target=self._run, name="judging", daemon=True)
        self.is_full = False
        """There are MOST_VIOLATIONS; what breaks a policy since is not told."""

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends after the slice under way."""
        self._is_closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def note(self, keys: Iterable[Key]) -> None:
        """Places that are new in the store; returns at once."""
        with self._lock:
            self._fresh.update(keys)
            if len(self._fresh) > MOST_FRESH:
                self._fresh.clear()
                self._round_due = 0.0
        self._wake.set()

    def begin_round(self) -> None:
        """Judges all places soon: the policies have changed."""
        self._round_due = 0.0
        self._wake.set()

    def judge_fresh(self) -> None:
        """Judges what was noted. Raises UnavailableError; then it is noted again."""
        with self._lock:
            fresh, self._fresh = sorted(self._fresh), set()
        left = len(fresh)
        for some in chunks(fresh, SLICE_PLACES):
            try:
                self._do(_Keys(list(some)))
            except CloudError:
                self.note(fresh[-left:])
                raise
            left -= len(some)

    def judge_all(self) -> None:
        """Judges every place. Raises UnavailableError."""
        self._do(_Gone())
        slices = _Slices()
        while not self._is_closed and self._do(slices):
            time.sleep(PAUSE_SECONDS)

    def judge_returned(self) -> None:
        """Judges what is seen after a decision has ended. Raises UnavailableError."""
        self._do(_Returned(self._clock_ns()))

    def _run(self) -> None:
        while not self._is_closed:
            try:
                if time.monotonic() >= self._round_due:
                    self._round_due = time.monotonic() + PERIOD_SECONDS
                    self.judge_all()
                self.judge_fresh()
                self.judge_returned()
            except Exception as error:
                # Whatever it was: the next round begins anew.
                log.warning("policies: %s; judged again later", type(error).__name__)
                self._round_due = time.monotonic() + LOOK_SECONDS
            if self._wake.wait(LOOK_SECONDS) and not self._is_closed:
                time.sleep(DELAY_SECONDS)
            self._wake.clear()

    def _do(self, work: Callable[[Connection, Bench], bool]) -> bool:
        def job(connection: Connection) -> bool:
            now_ns = moment.following(connection, self._clock_ns())
            on = [one for one in kept(connection) if one.is_on]
            bench = Bench(on, self._tags(connection), now_ns)
            is_more = work(connection, bench)
            self.is_full = bench.is_full
            return is_more

        return self._store.run(job).result(STEP_SECONDS)


class _Keys:
    """Places by their keys."""

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys

    def __call__(self, connection: Connection, bench: Bench) -> bool:
        bench.judge(connection, list(flows.of_keys(connection, self._keys)))
        return False


class _Returned:
    """Places seen after an acceptance has ended, or a while after they were fixed."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def __call__(self, connection: Connection, bench: Bench) -> bool:
        until, seen = violations.c.until_ns, places.c.last_seen_ns
        is_over = sa.and_(
            violations.c.state == State.ACCEPTED,
            until.between(1, self._now_ns),
            seen > until,
        )
        is_back = sa.and_(
            violations.c.state == State.FIXED,
            seen > violations.c.changed_ns + RETURN_NS,
        )
        is_same = sa.and_(
            places.c.endpoint_id == violations.c.endpoint_id,
            places.c.id == violations.c.place_id,
        )
        chosen = (
            sa.select(places.c.endpoint_id, places.c.id)
            .join(violations, is_same)
            .where(sa.or_(is_over, is_back))
            .limit(SLICE_PLACES)
        )
        keys = [(row[0], row[1]) for row in connection.execute(chosen)]
        return _Keys(keys)(connection, bench)


class _Slices:
    """All places, in the order of their keys, a slice at each call."""

    def __init__(self) -> None:
        self._after: Key = (-1, -1)

    def __call__(self, connection: Connection, bench: Bench) -> bool:
        key = list(places.primary_key)
        at = sa.tuple_(*key)
        bounds = (
            sa.select(*key).where(at > self._after).order_by(*key).limit(SLICE_PLACES)
        )
        keys = [(row[0], row[1]) for row in connection.execute(bounds)]
        if keys:
            within = flows.chosen(at > self._after, at <= keys[-1])
            bench.judge(connection, list(flows.read(connection, within)))
            self._after = keys[-1]
        return len(keys) == SLICE_PLACES


class _Gone:
    """Violations of what is not there any more."""

    def __call__(self, connection: Connection, bench: Bench) -> bool:
        bench.keep_only(connection)
        is_there = sa.exists(
            sa.select(sa.literal(1)).where(
                places.c.endpoint_id == violations.c.endpoint_id,
                places.c.id == violations.c.place_id,
            )
        )
        connection.execute(sa.delete(violations).where(sa.not_(is_there)))
        return False
