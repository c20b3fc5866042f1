"""What people decide about violations, one or many at a time.

In: keys of violations, a state, and who says so. Out: stored decisions. That a place is
seen no more closes nothing by itself: people say that it is fixed.
"""

import time
from collections.abc import Callable, Collection

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.errors import CloudError
from cloud.policies.book import WRITE_SECONDS
from cloud.policies.tables import State, violations
from cloud.store.store import Store

MOST_AT_ONCE = 1_000
MOST_REASON = 1_000
MOST_ASSIGNEE = 100


class DecisionError(CloudError):
    """A decision is not complete; one line, and the field that is meant."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class Decision(msgspec.Struct, frozen=True):
    """What is said of some violations; None leaves it as it is."""

    state: State | None = None
    reason: str = ""
    until_ns: int = 0
    """An acceptance ends then; 0: never."""
    assignee: str | None = None


class Decisions:
    """Stores decisions; safe to use from several threads."""

    def __init__(
        self, store: Store, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._store = store
        self._clock_ns = clock_ns

    def decide(self, keys: Collection[int], decision: Decision, by: str) -> int:
        """How many violations it was stored for.

        Raises DecisionError if it is not complete, and UnavailableError.
        """
        now_ns = self._clock_ns()
        _check(keys, decision, now_ns)
        values: dict[str, object] = {"changed_ns": now_ns, "changed_by": by}
        if decision.state is not None:
            values["state"] = decision.state
            values["reason"] = decision.reason
            values["state_before"] = 0
            is_accepted = decision.state is State.ACCEPTED
            values["until_ns"] = decision.until_ns if is_accepted else 0
        if decision.assignee is not None:
            values["assignee"] = decision.assignee
        statement = (
            sa.update(violations).where(violations.c.id.in_(list(keys))).values(values)
        )
        changed: list[int] = []

        def job(connection: Connection) -> bool:
            changed.append(connection.execute(statement).rowcount)
            return False

        self._store.run(job).result(WRITE_SECONDS)
        return changed[0]


def _check(keys: Collection[int], decision: Decision, now_ns: int) -> None:
    if not 0 < len(keys) <= MOST_AT_ONCE:
        raise DecisionError("id", f"choose 1 to {MOST_AT_ONCE:,} violations")
    needs_reason = decision.state in (State.ACCEPTED, State.WRONG)
    if needs_reason and not decision.reason.strip():
        raise DecisionError("reason", "say why: a reason is needed")
    if len(decision.reason) > MOST_REASON:
        raise DecisionError("reason", f"it may have {MOST_REASON:,} characters")
    if len(decision.assignee or "") > MOST_ASSIGNEE:
        raise DecisionError("assignee", f"a name may have {MOST_ASSIGNEE} characters")
    if decision.state is State.ACCEPTED and 0 < decision.until_ns <= now_ns:
        raise DecisionError("until", "this day is over: choose one to come")
