"""All that keeps policies in one cloud: what they are, what breaks them, what was said.

In: a store. Out: the book of policies, decisions, a thread that judges what is new in
the store and all that is in it, and corrections, which violations follow.
"""

import time
from collections.abc import Callable

from sqlalchemy import Connection

from cloud.policies import flows, trial
from cloud.policies.bench import Bench
from cloud.policies.book import Book, Version, kept, versions
from cloud.policies.decisions import Decisions
from cloud.policies.judging import Judging
from cloud.policies.rule import Policy
from cloud.policies.trial import Trial
from cloud.store import catalogs
from cloud.store.amending import Rewritten
from cloud.store.correcting import Corrections
from cloud.store.store import Store


class Policing:
    """Use as a context: its thread judges meanwhile."""

    def __init__(
        self, store: Store, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.store = store
        self._clock_ns = clock_ns
        self.judging = Judging(store, catalogs.tags, clock_ns)
        self.book = Book(store, self.judging.begin_round, clock_ns)
        self.decisions = Decisions(store, clock_ns)
        store.tell_new_places(self.judging.note)
        self.corrections = Corrections(store, clock_ns)
        self.corrections.on_rewritten = self._follow

    def __enter__(self) -> "Policing":
        self.judging.start()
        self.corrections.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.corrections.__exit__()
        self.judging.close()

    def trial(self, policy: Policy) -> Trial:
        """What a policy would have found. Raises UnavailableError."""
        with self.store.reading() as connection:
            return trial.run(
                connection, policy, catalogs.tags(connection), self._clock_ns()
            )

    def _follow(self, connection: Connection, rewritten: list[Rewritten]) -> None:
        """In the transaction that corrects places."""
        on = [one for one in kept(connection) if one.is_on]
        bench = Bench(on, catalogs.tags(connection), self._clock_ns())
        placed = flows.of_keys(connection, [one[:2] for one in rewritten])
        bench.follow(connection, rewritten, list(placed))

    def versions(self, name: str) -> list[Version]:
        """Those that are kept of a policy. Raises UnavailableError."""
        with self.store.reading() as connection:
            return versions(connection, name)
