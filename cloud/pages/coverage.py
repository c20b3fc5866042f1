"""Reads the coverage: what share of the bytes was captured, and what became of others.

Every byte that an interceptor saw stands under one reason, for one workload on one node
or for the node as a whole, so the sums here are sums of disjoint parts.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud import reasons
from cloud.pages import reports
from cloud.pages.endpoints import workload
from cloud.pages.reports import (
    Count,
    Coverage,
    CoverageReport,
    Losses,
    PageQuery,
    Paging,
    Part,
    Reason,
)
from cloud.reasons import COUNTED, Group
from cloud.store import schema
from cloud.store.schema import coverage, coverage_totals, parts, workloads

Amounts = Mapping[str, int]


def report(connection: Connection, query: PageQuery) -> CoverageReport:
    """The whole, and one page of its parts."""
    total = sa.select(sa.func.count()).select_from(parts)
    return CoverageReport(
        total=summary(connection),
        counts=_counts(_totals(connection, is_bytes=0)),
        losses=losses(connection),
        paging=Paging(
            page=query.page,
            size=query.size,
            total=connection.execute(total).scalar_one(),
        ),
        parts=_parts(connection, query),
    )


def summary(connection: Connection) -> Coverage:
    """The coverage of everything, its share that of the worst cluster."""
    whole = _coverage(_totals(connection, is_bytes=1))
    whole.captured_share = min(shares(connection).values(), default=None)
    return whole


def shares(connection: Connection) -> dict[str, float]:
    """Cluster → the share that was captured, where anything was seen."""
    told = sa.select(
        coverage_totals.c.cluster, coverage_totals.c.reason, coverage_totals.c.amount
    ).where(coverage_totals.c.is_bytes == 1)
    amounts: dict[str, dict[str, int]] = defaultdict(dict)
    for cluster, reason, amount in connection.execute(told):
        if amount:
            amounts[cluster][reason] = amount
    found = {name: _coverage(of).captured_share for name, of in amounts.items()}
    return {name: share for name, share in found.items() if share is not None}


def losses(connection: Connection) -> Losses:
    """What the shares do not tell."""
    skipped = sa.select(reports.total(schema.offsets.c.skipped))
    counts = _totals(connection, is_bytes=0)
    return Losses(
        records=int(connection.execute(skipped).scalar_one())
        + sum(counts.get(reason, 0) for reason in reasons.LOST_RECORDS),
        frames=sum(counts.get(reason, 0) for reason in reasons.LOST_FRAMES),
    )


def _totals(connection: Connection, is_bytes: int) -> Amounts:
    summed = (
        sa.select(coverage_totals.c.reason, sa.func.sum(coverage_totals.c.amount))
        .where(coverage_totals.c.is_bytes == is_bytes)
        .group_by(coverage_totals.c.reason)
    )
    return {
        reason: int(amount) for reason, amount in connection.execute(summed) if amount
    }


def _parts(connection: Connection, query: PageQuery) -> list[Part]:
    """Where most was not captured first."""
    lost = (parts.c.lost.desc(), parts.c.cluster, parts.c.node, parts.c.id)
    page = (
        sa.select(parts)
        .order_by(*lost)
        .limit(query.size)
        .offset((query.page - 1) * query.size)
        .subquery()
    )
    named = (
        sa.select(page, workloads.c.namespace, workloads.c.kind, workloads.c.name)
        .join(workloads, workloads.c.id == page.c.workload_id)
        .order_by(page.c.lost.desc(), page.c.cluster, page.c.node, page.c.id)
    )
    found = connection.execute(named).all()
    amounts = _amounts(connection, found)
    return [_part(row, amounts) for row in found]


_Keyed = dict[tuple[int, int], dict[str, int]]


def _amounts(connection: Connection, found: Sequence[Row[Any]]) -> _Keyed:
    """Part and kind of amount → the amounts."""
    selected = sa.select(coverage).where(
        coverage.c.part_id.in_([row.id for row in found])
    )
    amounts: _Keyed = defaultdict(dict)
    for part, is_bytes, reason, amount in connection.execute(selected):
        if amount:
            amounts[part, is_bytes][reason] = amount
    return amounts


def _part(row: Row[Any], amounts: _Keyed) -> Part:
    return Part(
        node=row.node,
        workload=workload(row),
        coverage=_coverage(amounts.get((row.id, 1), {})),
        counts=_counts(amounts.get((row.id, 0), {})),
        first_seen=reports.time(row.first_seen_ns),
        last_seen=reports.time(row.last_seen_ns),
    )


def _coverage(amounts: Amounts) -> Coverage:
    groups = dict.fromkeys(Group, 0)
    for reason, amount in amounts.items():
        groups[reasons.group(reason)] += amount
    whole = sum(groups[group] for group in COUNTED)
    gravest = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    return Coverage(
        bytes=whole,
        captured_share=groups[Group.CAPTURED] / whole if whole else None,
        groups={group.value: amount for group, amount in groups.items()},
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


def _counts(amounts: Amounts) -> list[Count]:
    return [
        Count(reason=reason, words=reasons.counts_words(reason), count=amount)
        for reason, amount in sorted(amounts.items())
    ]
