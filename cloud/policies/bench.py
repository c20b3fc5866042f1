"""Makes the violations of places what they must be, with the policies of one moment.

In: a transaction, and flows with their places. Out: violations opened where a policy is
broken, deleted where it is no more and nobody has decided anything, and new again where
a decision's time is over and the flow was seen since.
"""

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.policies.book import Kept
from cloud.policies.flows import Placed
from cloud.policies.matching import Judge
from cloud.policies.rule import Policy
from cloud.policies.tables import OPEN, State, violations
from cloud.store.amending import Rewritten
from cloud.store.keys import among
from cloud.store.schema import identity

MOST_VIOLATIONS = 100_000
"""Kept in all; more are not made, and that is told."""
RETURN_NS = 600 * 10**9
"""What was called fixed may be seen so much later by what was under way."""

Tags = Mapping[str, frozenset[str]]


class Bench:
    """Judges places with the policies of one moment."""

    def __init__(self, on: list[Kept], tags: Tags, now_ns: int) -> None:
        self._judge = Judge([(one.policy, one.since_ns) for one in on], tags)
        self._on = [one.policy.id for one in on]
        self._now_ns = now_ns
        self.is_full = False

    def judge(self, connection: Connection, placed: list[Placed]) -> None:
        """Makes the violations of some places what they must be."""
        wanted = {
            identity("violation", policy.id, one.endpoint_id, one.place_id): (
                policy,
                one,
            )
            for one in placed
            for policy in self._judge.broken(one.flow)
        }
        stored = self._stored(connection, placed)
        gone = [
            key
            for key, row in stored.items()
            if key not in wanted and row.state in OPEN
        ]
        _delete(connection, gone)
        self._open(connection, {k: v for k, v in wanted.items() if k not in stored})
        again = [
            key
            for key, (_, one) in wanted.items()
            if key in stored and self._is_back(stored[key], one)
        ]
        self._reopen(connection, again)

    def follow(
        self, connection: Connection, rewritten: list[Rewritten], placed: list[Placed]
    ) -> None:
        """After places were corrected, or are again what was found: a violation that
        rests on what was not true is wrong, and returns as it was with what it rests
        on. `placed`: those of them that are findings now."""
        wanted = {
            identity("violation", policy.id, one.endpoint_id, one.place_id)
            for one in placed
            for policy in self._judge.broken(one.flow)
        }
        is_corrected = {one[:2]: one.is_corrected for one in rewritten}
        of = violations.c
        columns = (of.id, of.endpoint_id, of.place_id, of.state_before)
        wanted_keys = among(connection, (of.endpoint_id, of.place_id), is_corrected)
        chosen = sa.select(*columns).where(wanted_keys)
        wrong, right = [], []
        for row in connection.execute(chosen):
            is_wrong = is_corrected[row[1], row[2]] and row.id not in wanted
            if is_wrong and not row.state_before:
                wrong.append(row.id)
            if row.state_before and not is_wrong:
                right.append(row.id)
        changed = sa.update(violations)
        if wrong:
            values = {"state_before": of.state, "state": State.WRONG}
            connection.execute(changed.where(of.id.in_(wrong)).values(values))
        if right:
            values = {"state": of.state_before, "state_before": 0}
            connection.execute(changed.where(of.id.in_(right)).values(values))
        self.judge(connection, placed)

    def keep_only(self, connection: Connection) -> None:
        """Deletes open violations of policies that are off."""
        is_open = violations.c.state.in_(OPEN)
        is_on = violations.c.policy_id.in_(self._on)
        connection.execute(sa.delete(violations).where(is_open, sa.not_(is_on)))

    def _stored(
        self, connection: Connection, placed: list[Placed]
    ) -> dict[int, "_Stored"]:
        of = violations.c
        keys = [(one.endpoint_id, one.place_id) for one in placed]
        at = among(connection, (of.endpoint_id, of.place_id), keys)
        chosen = sa.select(of.id, of.state, of.until_ns, of.changed_ns).where(at)
        return {
            row.id: _Stored(row.state, row.until_ns, row.changed_ns)
            for row in connection.execute(chosen)
        }

    def _is_back(self, stored: "_Stored", one: Placed) -> bool:
        """Its time is over, and it was seen since."""
        if stored.state == State.ACCEPTED:
            return 0 < stored.until_ns < min(self._now_ns, one.last_seen_ns)
        return (
            stored.state == State.FIXED
            and one.last_seen_ns > stored.changed_ns + RETURN_NS
        )

    def _open(
        self, connection: Connection, fresh: Mapping[int, tuple[Policy, Placed]]
    ) -> None:
        if not fresh:
            return
        total = connection.scalar(sa.select(sa.func.count()).select_from(violations))
        room = MOST_VIOLATIONS - int(total or 0)
        self.is_full |= len(fresh) > room
        rows = [
            {
                "id": key,
                "policy_id": policy.id,
                "endpoint_id": one.endpoint_id,
                "place_id": one.place_id,
                "state": State.NEW,
                "opened_ns": self._now_ns,
                "changed_ns": self._now_ns,
                **_UNDECIDED,
            }
            for key, (policy, one) in fresh.items()
        ]
        if rows[: max(room, 0)]:
            connection.execute(sa.insert(violations), rows[: max(room, 0)])

    def _reopen(self, connection: Connection, keys: list[int]) -> None:
        if keys:
            connection.execute(
                sa.update(violations)
                .where(violations.c.id.in_(keys))
                .values(
                    state=State.NEW,
                    returned=violations.c.returned + 1,
                    opened_ns=self._now_ns,
                    changed_ns=self._now_ns,
                    changed_by="",
                    until_ns=0,
                )
            )


_UNDECIDED = {
    "assignee": "",
    "reason": "",
    "until_ns": 0,
    "returned": 0,
    "changed_by": "",
    "state_before": 0,
}


class _Stored(NamedTuple):
    state: int
    until_ns: int
    changed_ns: int


def _delete(connection: Connection, keys: list[int]) -> None:
    if keys:
        connection.execute(sa.delete(violations).where(violations.c.id.in_(keys)))
