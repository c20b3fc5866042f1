"""What a policy would have found in the past, before it is switched on.

In: a policy and a window. Out: how many places break it, how many of them are of each
pair of parties, and some examples. Only places of data types that the policy may mean
are read.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.policies import flows
from cloud.policies.flows import Placed
from cloud.policies.matching import Judge, Side
from cloud.policies.rule import Policy
from cloud.store.schema import DAY, places

PAST_SECONDS = 30 * DAY
MOST_READ = 200_000
"""Places; a policy that means more of them was tried on these only."""
MOST_EXAMPLES = 50


class Trial(msgspec.Struct):
    """What was found."""

    read: int
    """Places that were looked at."""
    is_whole: bool
    """All that the policy may mean were looked at."""
    broken: int
    between: list[tuple[Side, Side, int]]
    """Sender, receiver and places, most places first; MOST_EXAMPLES at most."""
    examples: list[Placed]


def run(
    connection: Connection,
    policy: Policy,
    tags: Mapping[str, frozenset[str]],
    now_ns: int,
) -> Trial:
    """Tries a policy on the last 30 days; what was first seen in them counts as new."""
    begin_ns = now_ns - PAST_SECONDS * 10**9
    judge = Judge([(policy, begin_ns)], tags)
    statement = (
        flows.chosen(places.c.last_seen_ns >= begin_ns, _may_mean(policy, tags))
        .order_by(places.c.sensitivity.desc())
        .limit(MOST_READ + 1)
    )
    read = broken = 0
    between: Counter[tuple[Side, Side]] = Counter()
    examples: list[Placed] = []
    for placed in flows.read(connection, statement):
        read += 1
        if read > MOST_READ:
            break
        if judge.broken(placed.flow):
            broken += 1
            between[placed.flow.sender, placed.flow.receiver] += 1
            if len(examples) < MOST_EXAMPLES:
                examples.append(placed)
    pairs = [(*sides, count) for sides, count in between.most_common(MOST_EXAMPLES)]
    return Trial(min(read, MOST_READ), read <= MOST_READ, broken, pairs, examples)


def _may_mean(
    policy: Policy, tags: Mapping[str, frozenset[str]]
) -> sa.ColumnElement[bool]:
    """Of data types, as far as the database can tell them apart."""
    named: set[str] = set()
    for matcher in policy.deny:
        data = matcher.data
        if data is None or (data.types is None and data.tags is None):
            return sa.true()
        if data.types is not None and any("*" in name for name in data.types):
            return sa.true()
        named.update(data.types or ())
        wanted = frozenset(data.tags or ())
        named.update(name for name, own in tags.items() if not wanted.isdisjoint(own))
    return places.c.data_type.in_(named)
