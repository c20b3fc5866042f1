"""Reads what operators look at: who sends, what was refused, and how the store does.

In: a connection, and the store's watch. Out: the report of the status page, and the
problems that the banner of every page tells. Ages are counted from our own clock's
times of arrival: a sender's clock may be wrong.
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Row

from cloud.pages import reports
from cloud.pages.page import Asked
from cloud.pages.reports import Paging, Shape
from cloud.refusals import WORDS
from cloud.store.outlook import Outlook
from cloud.store.problems import (
    GONE_SECONDS,
    NODE_SILENT_SECONDS,
    OF_STORE,
    SILENT_SECONDS,
)
from cloud.store.schema import clusters, nodes, senders
from cloud.store.sight import Facts, Sender
from cloud.visitor import Visitor

MOST_REFUSED = 100
"""Rows shown: seven reasons of a dozen clusters."""


class StatusQuery(Shape, frozen=True):
    """The query parameters of the status page."""

    cluster: Annotated[str, msgspec.Meta(max_length=253)] = ""
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class Problem(Shape):
    """What keeps the cloud from working."""

    kind: str
    cluster: str
    stopped: bool
    """Nothing is stored, of this cluster or at all."""
    words: str
    advice: str
    since: datetime | None


class ClusterStatus(Shape):
    name: str
    state: str
    """heard, silent, gone."""
    heard: datetime
    age_seconds: int
    behind_seconds: int
    """How old its last package was when it came."""
    ahead_seconds: int
    """How far in the future it claimed to be; more than two minutes is wrong."""
    agent_version: str
    catalog_digest: str
    packages: int
    clamped: int
    folded: int
    nodes: int
    nodes_silent: int


class NodeStatus(Shape):
    cluster: str
    node: str
    state: str
    heard: datetime
    age_seconds: int
    ahead_seconds: int
    agent_version: str
    """Of its interceptor; empty: not told yet."""
    agent_state: str
    """As it told last: ready, starting, stopped, workers_down, kafka_away …"""
    kernel: str
    workers: int
    started: datetime | None
    reported: datetime | None
    first_seen: datetime


class RefusedStatus(Shape):
    cluster: str
    """Whose token it was; empty: none that is known."""
    reason: str
    meaning: str
    packages: int
    last: datetime
    words: str


class FactsStatus(Shape):
    """One level of facts, and what happens to its oldest next."""

    level: str
    kept_days: float
    oldest: datetime | None
    due: datetime | None


class StoreStatus(Shape):
    ready: bool
    looked: datetime
    failure: str
    stored_bytes: int
    most_bytes: int
    wal_bytes: int
    free_bytes: int | None
    packages_waiting: int
    rollup: datetime | None
    rollup_late_seconds: int
    facts: list[FactsStatus]


class StatusReport(Shape):
    """How the line is: clusters, nodes, the store, and what was refused."""

    problems: list[Problem]
    store: StoreStatus
    clusters: list[ClusterStatus]
    nodes: list[NodeStatus]
    paging: Paging
    refused: list[RefusedStatus]
    cluster: str


def read(asked: Asked) -> StatusReport:
    """All of it, and one page of the nodes, those first that were heard longest ago."""
    connection, query, scope = asked.connection, asked.query, asked.scope
    now_ns = asked.watch.clock() * 10**9
    chosen = scope.of_cluster(nodes.c.cluster)
    if query.cluster:
        chosen = sa.and_(chosen, nodes.c.cluster == query.cluster)
    total = sa.select(sa.func.count()).select_from(nodes).where(chosen)
    paging = Paging(
        page=query.page,
        size=query.size,
        total=connection.execute(total).scalar_one(),
    )
    return StatusReport(
        problems=problems(asked.watch, asked.visitor),
        store=_store(asked.watch),
        clusters=_clusters(asked, now_ns),
        nodes=_nodes(connection, chosen, paging, now_ns),
        paging=paging,
        refused=_refused(asked),
        cluster=query.cluster,
    )


def problems(watch: Outlook, who: Visitor) -> list[Problem]:
    """Those there are now, the gravest first; asks no database.

    Who sees some clusters only is told of these, and of the store.
    """
    scope = who.scope
    seen = scope.clusters | {cluster for cluster, _ in scope.namespaces}
    return [
        Problem(
            kind=found.kind.value,
            cluster=found.cluster,
            stopped=found.is_stopped,
            words=found.words,
            advice=found.advice,
            since=reports.time(found.since_ns) if found.since_ns else None,
        )
        for found in watch.problems()
        if scope.is_everything or found.cluster in seen or found.kind in OF_STORE
    ]


def _store(watch: Outlook) -> StoreStatus:
    sight, now = watch.sight, watch.clock()
    return StoreStatus(
        ready=watch.is_ready,
        looked=_moment(sight.at_seconds),
        failure=watch.failure.words if watch.failure else "",
        stored_bytes=sight.stored_bytes,
        most_bytes=watch.keeping.most_bytes,
        wal_bytes=sight.wal_bytes,
        free_bytes=sight.free_bytes,
        packages_waiting=watch.waiting,
        rollup=_moment(sight.run_seconds) if sight.run_seconds else None,
        rollup_late_seconds=max(0, sight.lag_seconds(now)),
        facts=[_facts(level) for level in sight.facts],
    )


def _facts(facts: Facts) -> FactsStatus:
    oldest, due = facts.oldest_seconds, facts.due_seconds
    return FactsStatus(
        level=facts.level,
        kept_days=facts.kept_seconds / 86_400,
        oldest=None if oldest is None else _moment(oldest),
        due=None if due is None else _moment(due),
    )


def _clusters(asked: Asked, now_ns: int) -> list[ClusterStatus]:
    """Their nodes are those that the watch counted a moment ago."""
    counted = {sender.cluster: sender for sender in asked.watch.sight.senders}
    both = (
        sa.select(clusters, senders.c.heard_ns, senders.c.claimed_ns)
        .join(senders, senders.c.cluster == clusters.c.name)
        .where(asked.scope.of_cluster(clusters.c.name))
        .order_by(senders.c.heard_ns, clusters.c.name)
    )
    found = asked.connection.execute(both)
    return [_cluster(row, counted.get(row.name), now_ns) for row in found]


def _cluster(row: Row[Any], sender: Sender | None, now_ns: int) -> ClusterStatus:
    age = _seconds(now_ns - row.heard_ns)
    is_gone = age > GONE_SECONDS
    silent = "silent" if age > SILENT_SECONDS else "heard"
    return ClusterStatus(
        name=row.name,
        state="gone" if is_gone else silent,
        heard=reports.time(row.heard_ns),
        age_seconds=age,
        behind_seconds=_seconds(row.heard_ns - row.claimed_ns),
        ahead_seconds=_seconds(row.claimed_ns - row.heard_ns),
        agent_version=row.agent_version,
        catalog_digest=row.catalog_digest,
        packages=row.packages,
        clamped=row.clamped,
        folded=row.folded,
        nodes=sender.nodes if sender else 0,
        nodes_silent=sender.nodes_silent if sender else 0,
    )


def _nodes(
    connection: Connection, chosen: ColumnElement[bool], paging: Paging, now_ns: int
) -> list[NodeStatus]:
    page = (
        sa.select(nodes)
        .where(chosen)
        .order_by(nodes.c.heard_ns, nodes.c.cluster, nodes.c.node)
        .limit(paging.size)
        .offset((paging.page - 1) * paging.size)
    )
    return [_node(row, now_ns) for row in connection.execute(page)]


def _node(row: Row[Any], now_ns: int) -> NodeStatus:
    age = _seconds(now_ns - row.heard_ns)
    return NodeStatus(
        cluster=row.cluster,
        node=row.node,
        state="silent" if age > NODE_SILENT_SECONDS else "heard",
        heard=reports.time(row.heard_ns),
        age_seconds=age,
        ahead_seconds=_seconds(row.claimed_ns - row.heard_ns),
        agent_version=row.version,
        agent_state=row.state,
        kernel=row.kernel,
        workers=row.workers,
        started=reports.time(row.started_ns) if row.started_ns else None,
        reported=reports.time(row.reported_ns) if row.reported_ns else None,
        first_seen=reports.time(row.first_seen_ns),
    )


def _refused(asked: Asked) -> list[RefusedStatus]:
    """The latest first."""
    scope = asked.scope
    latest = sorted(asked.watch.sight.refusals, key=lambda one: -one.last_ns)
    known = {refusal.value: words for refusal, words in WORDS.items()}
    return [
        RefusedStatus(
            cluster=one.cluster,
            reason=one.reason,
            meaning=known.get(one.reason, one.reason),
            packages=one.packages,
            last=reports.time(one.last_ns),
            words=one.words,
        )
        for one in latest
        if scope.is_everything or one.cluster in scope.clusters
    ][:MOST_REFUSED]


def _seconds(span_ns: int) -> int:
    return max(0, span_ns // 10**9)


def _moment(seconds: int) -> datetime:
    return reports.time(seconds * 10**9)
