"""The policies of a company: kept, changed, switched on and off, each version kept.

In: policies and who changes them. Out: what is stored. All changes go through the
store's one writer. Policies are few, so they are read whole.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.policies.rule import MOST_POLICIES, Policy, PolicyError, read, write
from cloud.policies.tables import policies, policy_versions, violations
from cloud.store.store import Store

MOST_VERSIONS = 100
"""Kept of a policy; the oldest go."""
WRITE_SECONDS = 30.0
"""For a change: it waits for the packages before it."""


class Kept(NamedTuple):
    """A policy as it is stored."""

    policy: Policy
    version: int
    is_on: bool
    since_ns: int
    """When it was last switched on; 0: never."""
    changed_ns: int
    changed_by: str


class Version(NamedTuple):
    policy: Policy
    version: int
    changed_ns: int
    changed_by: str


class Book:
    """The policies in a store; safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        on_change: Callable[[], None] = lambda: None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`on_change` is called after each change that may break more or less."""
        self._store = store
        self._on_change = on_change
        self._clock_ns = clock_ns

    def all(self) -> list[Kept]:
        """In the order of their ids. Raises UnavailableError."""
        with self._store.reading() as connection:
            return kept(connection)

    def get(self, name: str) -> Kept | None:
        with self._store.reading() as connection:
            return next(
                (one for one in kept(connection) if one.policy.id == name), None
            )

    def save(self, changed: Iterable[Policy], by: str) -> None:
        """Adds policies, switched off, or makes a new version of those there are.

        Raises PolicyError if they become too many, and UnavailableError.
        """
        wanted = list(changed)

        def job(connection: Connection) -> bool:
            known = {one.policy.id: one for one in kept(connection)}
            if len(known.keys() | {policy.id for policy in wanted}) > MOST_POLICIES:
                raise PolicyError(f"there may be {MOST_POLICIES} policies at most")
            for policy in wanted:
                before = known.get(policy.id)
                if before is None or before.policy != policy:
                    self._save(connection, policy, before, by)
            return False

        self._do(job)

    def switch(self, name: str, is_on: bool, by: str) -> None:
        """On or off. Raises PolicyError if there is no such policy."""
        now = self._clock_ns()
        values: dict[str, object] = {"changed_ns": now, "changed_by": by}
        values["is_on"] = int(is_on)
        if is_on:
            values["since_ns"] = now
        changed = (
            sa.update(policies)
            .where(policies.c.id == name, policies.c.is_on != int(is_on))
            .values(values)
        )

        def job(connection: Connection) -> bool:
            _require(connection, name)
            connection.execute(changed)
            return False

        self._do(job)

    def remove(self, name: str) -> None:
        """With its versions, its violations and what was decided about them."""

        def job(connection: Connection) -> bool:
            _require(connection, name)
            for table, column in (
                (violations, violations.c.policy_id),
                (policy_versions, policy_versions.c.id),
                (policies, policies.c.id),
            ):
                connection.execute(sa.delete(table).where(column == name))
            return False

        self._do(job)

    def _save(
        self, connection: Connection, policy: Policy, before: Kept | None, by: str
    ) -> None:
        version = before.version + 1 if before else 1
        told = {
            "version": version,
            "body": write([policy]),
            "changed_ns": self._clock_ns(),
            "changed_by": by,
        }
        if before:
            connection.execute(
                sa.update(policies).where(policies.c.id == policy.id).values(told)
            )
        else:
            fresh = {"id": policy.id, "is_on": 0, "since_ns": 0}
            connection.execute(sa.insert(policies).values(told | fresh))
        connection.execute(sa.insert(policy_versions).values(told | {"id": policy.id}))
        connection.execute(
            sa.delete(policy_versions).where(
                policy_versions.c.id == policy.id,
                policy_versions.c.version <= version - MOST_VERSIONS,
            )
        )

    def _do(self, job: Callable[[Connection], bool]) -> None:
        self._store.run(job).result(WRITE_SECONDS)
        self._on_change()


def kept(connection: Connection) -> list[Kept]:
    """All policies, in the order of their ids."""
    chosen = sa.select(policies).order_by(policies.c.id)
    return [
        Kept(
            _policy(row),
            row.version,
            bool(row.is_on),
            row.since_ns,
            row.changed_ns,
            row.changed_by,
        )
        for row in connection.execute(chosen)
    ]


def versions(connection: Connection, name: str) -> list[Version]:
    """All that are kept of a policy, the newest first."""
    chosen = (
        sa.select(policy_versions)
        .where(policy_versions.c.id == name)
        .order_by(policy_versions.c.version.desc())
    )
    return [
        Version(_policy(row), row.version, row.changed_ns, row.changed_by)
        for row in connection.execute(chosen)
    ]


def _policy(row: Row[Any]) -> Policy:
    return read(row.body)[0]


def _require(connection: Connection, name: str) -> None:
    found = sa.select(sa.literal(1)).where(policies.c.id == name)
    if connection.execute(found).first() is None:
        raise PolicyError("there is no such policy")
