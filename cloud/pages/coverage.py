"""Reads the coverage: what share of the bytes was captured, and what became of others.

Every byte that an interceptor saw stands under one reason, for one workload on one node
or for the node as a whole, so the sums here are sums of disjoint parts.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import reasons, reports
from cloud.pages.endpoints import workload
from cloud.pages.reasons import COUNTED, Group
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
from cloud.store import schema
from cloud.store.schema import coverage, workloads

Amounts = Mapping[str, int]
_KEY = (coverage.c.cluster, coverage.c.node, coverage.c.workload_id)
_AMOUNT = reports.total(coverage.c.amount)


def report(connection: Connection, query: PageQuery) -> CoverageReport:
    """The whole, and one page of its parts."""
    parts = sa.select(*_KEY).distinct().subquery()
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
    summed = (
        sa.select(coverage.c.cluster, coverage.c.reason, _AMOUNT)
        .where(coverage.c.is_bytes == 1)
        .group_by(coverage.c.cluster, coverage.c.reason)
    )
    amounts: dict[str, dict[str, int]] = defaultdict(dict)
    for cluster, reason, amount in connection.execute(summed):
        if amount:
            amounts[cluster][reason] = int(amount)
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
        sa.select(coverage.c.reason, _AMOUNT)
        .where(coverage.c.is_bytes == is_bytes)
        .group_by(coverage.c.reason)
    )
    return {
        reason: int(amount) for reason, amount in connection.execute(summed) if amount
    }


def _parts(connection: Connection, query: PageQuery) -> list[Part]:
    """Where most was not captured first."""
    is_lost = sa.and_(coverage.c.is_bytes == 1, coverage.c.reason.not_in(_harmless()))
    lost = reports.total(sa.case((is_lost, coverage.c.amount), else_=0))
    page = (
        sa.select(
            *_KEY,
            sa.func.min(coverage.c.first_seen_ns).label("first_seen_ns"),
            sa.func.max(coverage.c.last_seen_ns).label("last_seen_ns"),
            lost.label("lost"),
        )
        .group_by(*_KEY)
        .order_by(lost.desc(), *_KEY)
        .limit(query.size)
        .offset((query.page - 1) * query.size)
        .subquery()
    )
    named = (
        sa.select(page, workloads.c.namespace, workloads.c.kind, workloads.c.name)
        .join(workloads, workloads.c.id == page.c.workload_id)
        .order_by(page.c.lost.desc(), page.c.cluster, page.c.node, page.c.workload_id)
    )
    found = connection.execute(named).all()
    amounts = _amounts(connection, found)
    return [_part(row, amounts) for row in found]


_Keyed = dict[tuple[str, str, int, int], dict[str, int]]


def _amounts(connection: Connection, found: Sequence[Row[Any]]) -> _Keyed:
    """Cluster, node, workload and kind of amount → the amounts."""
    selected = sa.select(
        *_KEY, coverage.c.is_bytes, coverage.c.reason, coverage.c.amount
    ).where(
        coverage.c.workload_id.in_({row.workload_id for row in found}),
        coverage.c.node.in_({row.node for row in found}),
    )
    amounts: _Keyed = defaultdict(dict)
    for *key, reason, amount in connection.execute(selected):
        if amount:
            amounts[tuple(key)][reason] = amount
    return amounts


def _part(row: Row[Any], amounts: _Keyed) -> Part:
    key = (row.cluster, row.node, row.workload_id)
    return Part(
        node=row.node,
        workload=workload(row),
        coverage=_coverage(amounts.get((*key, 1), {})),
        counts=_counts(amounts.get((*key, 0), {})),
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


def _harmless() -> list[str]:
    return reasons.of(Group.CAPTURED) + reasons.of(Group.ASIDE)
