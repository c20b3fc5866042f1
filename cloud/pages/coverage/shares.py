"""Reads what share of the bytes was captured, of all that is stored.

Every byte that an interceptor saw stands under one reason, for one workload on one node
or for the node as a whole, so the sums here are sums of disjoint parts.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud import reasons
from cloud.pages import reports
from cloud.pages.coverage.filters import PARTS, Sought
from cloud.pages.reports import Count, Coverage, Losses, Reason
from cloud.reasons import COUNTED
from cloud.store import schema
from cloud.store.schema import coverage, coverage_totals, parts

Amounts = Mapping[str, int]
MOST_OF_ONE = 1_000
"""Parts of one workload that are read."""
ALL = Sought()


def summary(connection: Connection, sought: Sought = ALL) -> Coverage:
    """The coverage of all that is sought, its share that of the worst cluster."""
    whole = of_amounts(totals(connection, 1, sought))
    whole.captured_share = min(shares(connection, sought).values(), default=None)
    return whole


def shares(connection: Connection, sought: Sought = ALL) -> dict[str, float]:
    """Cluster → the share that was captured, where anything was seen."""
    amounts: dict[str, dict[str, int]] = defaultdict(dict)
    for cluster, reason, amount in connection.execute(_by_cluster(1, sought)):
        if amount:
            amounts[cluster][reason] = int(amount)
    found = {name: reasons.captured_share(of) for name, of in amounts.items()}
    return {name: share for name, share in found.items() if share is not None}


def of_workload(connection: Connection, key: int) -> tuple[Coverage | None, list[str]]:
    """The coverage of a workload's pods, None if nothing was told; and their nodes."""
    chosen = sa.select(parts.c.id, parts.c.node).where(parts.c.workload_id == key)
    read = connection.execute(chosen.limit(MOST_OF_ONE))
    nodes = {row.id: row.node for row in read}
    summed = (
        sa.select(coverage.c.reason, reports.total(coverage.c.amount))
        .where(coverage.c.part_id.in_(nodes), coverage.c.is_bytes == 1)
        .group_by(coverage.c.reason)
    )
    amounts = connection.execute(summed)
    found = of_amounts({reason: int(amount) for reason, amount in amounts if amount})
    return found if found.bytes else None, sorted(set(nodes.values()) - {""})


def losses(connection: Connection, sought: Sought = ALL) -> Losses:
    """What the shares do not tell."""
    offsets = schema.offsets.c
    skipped = sa.select(reports.total(offsets.skipped))
    skipped = skipped.where(sought.of_cluster(offsets.cluster))
    counts = totals(connection, 0, sought)
    return Losses(
        records=int(connection.execute(skipped).scalar_one())
        + sum(counts.get(reason, 0) for reason in reasons.LOST_RECORDS),
        frames=sum(counts.get(reason, 0) for reason in reasons.LOST_FRAMES),
    )


def totals(connection: Connection, is_bytes: int, sought: Sought) -> Amounts:
    """Reason → amount of all that is sought."""
    amounts: Counter[str] = Counter()
    for _, reason, amount in connection.execute(_by_cluster(is_bytes, sought)):
        if amount:
            amounts[reason] += int(amount)
    return amounts


def _by_cluster(is_bytes: int, sought: Sought) -> sa.Select[Any]:
    """Cluster, reason and amount; of less than clusters they are added up here."""
    if sought.is_of_clusters:
        of = coverage_totals.c
        chosen = sa.select(of.cluster, of.reason, of.amount)
        return chosen.where(of.is_bytes == is_bytes, sought.of_cluster(of.cluster))
    return (
        sa.select(parts.c.cluster, coverage.c.reason, reports.total(coverage.c.amount))
        .select_from(PARTS.join(coverage, coverage.c.part_id == parts.c.id))
        .where(coverage.c.is_bytes == is_bytes, *sought.of_part())
        .group_by(parts.c.cluster, coverage.c.reason)
    )


def of_amounts(amounts: Amounts) -> Coverage:
    """The coverage of bytes by reason."""
    groups = reasons.grouped(amounts)
    whole = sum(groups[group.value] for group in COUNTED)
    gravest = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    return Coverage(
        bytes=whole,
        captured_share=reasons.captured_share(amounts),
        groups=groups,
        reasons=[_reason(reason, amount, whole) for reason, amount in gravest],
    )


def _reason(reason: str, amount: int, whole: int) -> Reason:
    group = reasons.group(reason)
    return Reason(
        reason=reason,
        words=reasons.bytes_words(reason),
        group=group.value,
        bytes=amount,
        share=amount / whole if group in COUNTED else None,
    )


def counts(amounts: Amounts) -> list[Count]:
    """Pieces by reason, with words."""
    return [
        Count(reason=reason, words=reasons.counts_words(reason), count=amount)
        for reason, amount in sorted(amounts.items())
    ]
