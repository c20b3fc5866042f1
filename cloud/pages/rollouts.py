"""Which roll-out came shortly before a change, and so may have brought it.

In: who takes part in changes, and when each was captured. Out: for a change the last
roll-out of either end before it; none where none is known. A first sight may be told as
the start of its interval, so a roll-out may come a little later.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from cloud.pages import reports
from cloud.pages.reports import Shape, Workload
from cloud.store import workload_facts
from cloud.store.news import Kind
from cloud.store.schema import HOUR
from cloud.store.workload_facts import Rollout

BROUGHT_KINDS = (
    *(Kind.ENDPOINT, Kind.ENDPOINT_TYPE, Kind.PLACE, Kind.IN_URL),
    *(Kind.EDGE, Kind.EDGE_TYPE, Kind.PARTY, Kind.COUNTRY),
)
"""What a new revision of a workload may bring."""
BROUGHT_NS = 6 * HOUR * 10**9
"""A roll-out is named if the change was first seen so soon after it."""
EARLY_NS = 300 * 10**9
"""Or so long before it."""
MOST_ROLLOUTS = 2_000
"""Read for a page, the latest."""


class Brought(Shape):
    """A roll-out shortly before a change, which may have brought it."""

    workload: Workload
    revision: str
    image: str
    since: datetime


def begun(
    connection: Connection, ends: Collection[int], times_ns: Collection[int]
) -> Sequence[Rollout]:
    """Those of the ends that may have brought what was captured then, the latest
    first."""
    if not ends or not times_ns:
        return []
    window = (min(times_ns) - BROUGHT_NS, max(times_ns) + EARLY_NS)
    return workload_facts.rollouts(connection, MOST_ROLLOUTS, sorted(ends), *window)


def brought(
    rollouts: Sequence[Rollout], ends: Mapping[int, Workload], at_ns: int
) -> Brought | None:
    """The last one before a change at `at_ns` between these."""
    first_ns, last_ns = at_ns - BROUGHT_NS, at_ns + EARLY_NS
    for one in rollouts:
        if one.workload_id in ends and first_ns <= one.since_ns < last_ns:
            since = reports.time(one.since_ns)
            return Brought(ends[one.workload_id], one.revision, one.image, since)
    return None
