"""Where news come from: the log of changes, violations, and problems, as lines.

In: a transaction that writes, and the time. Out: what was not read before, marked as
read in the same transaction. A cursor alone could miss what another cloud stores with
an earlier clock, or the same second; so the time shortly before it is read again, and
what was read of that is kept in `alert_seen`. Who has no channel reads nothing: what
happened before the first one was set up is told to nobody.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.alerts.message import WORDS, Line, Topic, clipped
from cloud.alerts.rule import LEVELS, Found
from cloud.alerts.tables import Source, cursors, problems, seen
from cloud.policies.book import kept
from cloud.policies.rule import Policy
from cloud.policies.tables import OPEN, violations
from cloud.store import changes as log
from cloud.store.changes import Change, Workload
from cloud.store.news import Kind
from cloud.store.problems import Problem
from cloud.store.schema import changes, endpoints, identity, places, workloads
from proto.v1 import collector_pb2

OVERLAP_NS = 300 * 10**9
"""Before the cursor: clocks of clouds differ by less, and none is set back further."""
AT_ONCE = 500
"""News read in one transaction: some 30 ms, which packages wait for."""
OVER_NS = 300 * 10**9
"""A problem that was not there for so long is over; told again, it is a new one."""
TOPICS = {
    Kind.ENDPOINT_TYPE: Topic.ENDPOINT_TYPE,
    Kind.EDGE_TYPE: Topic.EDGE,
    Kind.PARTY: Topic.PARTY,
    Kind.COUNTRY: Topic.COUNTRY,
    Kind.IN_URL: Topic.IN_URL,
    Kind.COVERAGE_FELL: Topic.COVERAGE,
}
"""An edge is told with the data type that it carries: without one it is no alert."""
_ADVICE = {
    Topic.IN_URL: "Move it into the body, and replace it if it is a secret.",
    Topic.ENDPOINT_TYPE: "Ask the endpoint's owner whether that is meant.",
    Topic.EDGE: "Check that the receiver may have it, or write a policy.",
    Topic.PARTY: "Find out who it is, and whether data may go there.",
    Topic.COUNTRY: "Check whether data may go there.",
    Topic.COVERAGE: "Look at the reasons under Coverage.",
}
_GRAVE_PROBLEM, _PROBLEM = 3, 2
_SERVERS, _CLIENTS = workloads.alias("servers"), workloads.alias("clients")
_SIDES = ("cluster", "namespace", "name")
_IS_PLACE = sa.and_(
    places.c.endpoint_id == violations.c.endpoint_id,
    places.c.id == violations.c.place_id,
)
_BROKEN = (
    sa.select(
        *(violations.c[name] for name in ("id", "policy_id", "opened_ns", "returned")),
        *(places.c[name] for name in ("direction", "data_type", "sensitivity")),
        places.c.path.label("field"),
        endpoints.c.server_id,
        endpoints.c.method,
        endpoints.c.path,
        *(_SERVERS.c[name].label(f"server_{name}") for name in _SIDES),
        *(_CLIENTS.c[name].label(f"client_{name}") for name in _SIDES),
    )
    .select_from(violations)
    .join(places, _IS_PLACE)
    .join(endpoints, endpoints.c.id == places.c.endpoint_id)
    .join(_SERVERS, _SERVERS.c.id == endpoints.c.server_id)
    .join(_CLIENTS, _CLIENTS.c.id == places.c.client_id)
)


def has_news(connection: Connection) -> bool:
    """Whether `read` would find some, or has not begun."""
    for source, reader in _READERS.items():
        start = _start(connection, source)
        if start is None or reader.is_there(connection, start):
            return True
    return False


def has_begun(connection: Connection) -> bool:
    """Whether there is a cursor."""
    return connection.scalar(sa.select(sa.literal(1)).select_from(cursors)) is not None


def read(connection: Connection, now_ns: int) -> tuple[list[Found], bool]:
    """Some of what was not read yet, marked as read; and whether there is more."""
    found: list[Found] = []
    is_more = False
    for source, reader in _READERS.items():
        start = _start(connection, source)
        if start is None:
            row = {"source": source, "begin_ns": now_ns, "at_ns": now_ns}
            connection.execute(sa.insert(cursors).values(row))
            continue
        rows = reader.rows(connection, start)
        is_more |= len(rows) == AT_ONCE
        if rows:
            marks = [mark for mark, _ in rows]
            connection.execute(sa.insert(seen), marks)
            found += [told for _, one in rows for told in one]
            if len(rows) < AT_ONCE:
                _advance(connection, source, max(m["at_ns"] for m in marks), now_ns)
    return found, is_more


def forget(connection: Connection) -> None:
    """Begins anew: nobody is told."""
    connection.execute(sa.delete(cursors))
    connection.execute(sa.delete(seen))


def appeared(
    connection: Connection, there: list[Problem], now_ns: int
) -> Iterator[Found]:
    """Those of the problems that are new; what is over is forgotten after a while."""
    known = {(row.kind, row.cluster) for row in connection.execute(_PROBLEMS)}
    for problem in there:
        key = (problem.kind.value, problem.cluster)
        same = [problems.c.kind == key[0], problems.c.cluster == key[1]]
        if key in known:
            changed = sa.update(problems).where(*same).values(seen_ns=now_ns)
            connection.execute(changed)
            continue
        row = {"kind": key[0], "cluster": key[1]}
        moments = {"since_ns": now_ns, "seen_ns": now_ns}
        connection.execute(sa.insert(problems).values(row | moments))
        known.add(key)
        yield _of_problem(problem, now_ns)
    over = problems.c.seen_ns < now_ns - OVER_NS
    connection.execute(sa.delete(problems).where(over))


def is_told(connection: Connection, there: list[Problem], now_ns: int) -> bool:
    """Whether `appeared` would change nothing that matters."""
    known = {
        (row.kind, row.cluster): row.seen_ns for row in connection.execute(_PROBLEMS)
    }
    found = {(problem.kind.value, problem.cluster) for problem in there}
    late = now_ns - OVER_NS // 3
    return found <= known.keys() and all(seen_ns > late for seen_ns in known.values())


_PROBLEMS = sa.select(problems)


class Start(NamedTuple):
    """From when on a source is read."""

    begin_ns: int
    """What happened long before is told to nobody."""
    at_ns: int
    """What was stored before is read."""


class _Changes:
    """The log of changes."""

    def is_there(self, connection: Connection, start: Start) -> bool:
        chosen = sa.select(sa.literal(1)).where(*self._unread(start)).limit(1)
        return connection.scalar(chosen) is not None

    def rows(
        self, connection: Connection, start: Start
    ) -> list[tuple[dict[str, int], list[Found]]]:
        found = log.oldest(connection, self._unread(start), AT_ONCE)
        return [
            (_mark(Source.CHANGES, one.key, 0, one.stored_ns), [_of_change(one)])
            for one in found
        ]

    def _unread(self, start: Start) -> list[sa.ColumnElement[bool]]:
        return [
            changes.c.stored_ns >= start.at_ns,
            # What was stored anew after a copy was put back happened before.
            changes.c.at_ns >= start.begin_ns - OVERLAP_NS,
            changes.c.kind.in_(TOPICS),
            _is_unread(Source.CHANGES, changes.c.id, sa.literal(0)),
        ]


class _Violations:
    """Those that are open, by when they were opened last."""

    def is_there(self, connection: Connection, start: Start) -> bool:
        chosen = sa.select(sa.literal(1)).where(*self._unread(start)).limit(1)
        return connection.scalar(chosen) is not None

    def rows(
        self, connection: Connection, start: Start
    ) -> list[tuple[dict[str, int], list[Found]]]:
        of = violations.c
        chosen = sa.select(of.id, of.returned, of.opened_ns).where(*self._unread(start))
        chosen = chosen.order_by(of.opened_ns, of.id).limit(AT_ONCE)
        marked = list(connection.execute(chosen))
        if not marked:
            return []
        known = {one.policy.id: one.policy for one in kept(connection)}
        keys = [row.id for row in marked]
        broken = connection.execute(_BROKEN.where(of.id.in_(keys)))
        told = {row.id: _of_violation(row, known) for row in broken}
        return [
            (
                _mark(Source.VIOLATIONS, row.id, row.returned, row.opened_ns),
                [told[row.id]] if row.id in told else [],
            )
            for row in marked
        ]

    def _unread(self, start: Start) -> list[sa.ColumnElement[bool]]:
        return [
            violations.c.state.in_(OPEN),
            violations.c.opened_ns >= start.at_ns,
            _is_unread(Source.VIOLATIONS, violations.c.id, violations.c.returned),
        ]


_READERS: Mapping[Source, "_Changes | _Violations"] = {
    Source.CHANGES: _Changes(),
    Source.VIOLATIONS: _Violations(),
}


def _start(connection: Connection, source: Source) -> Start | None:
    """None: it has not begun."""
    row = connection.execute(
        sa.select(cursors).where(cursors.c.source == source)
    ).first()
    if row is None:
        return None
    return Start(row.begin_ns, max(row.begin_ns, row.at_ns - OVERLAP_NS))


def _advance(connection: Connection, source: Source, at_ns: int, now_ns: int) -> None:
    """A clock that is ahead does not take the cursor along."""
    at_ns = min(at_ns, now_ns)
    of = cursors.c
    moved = sa.update(cursors).where(of.source == source, of.at_ns < at_ns)
    connection.execute(moved.values(at_ns=at_ns))
    at = sa.select(of.at_ns).where(of.source == source).scalar_subquery()
    old = sa.and_(seen.c.source == source, seen.c.at_ns < at - OVERLAP_NS)
    connection.execute(sa.delete(seen).where(old))


def _is_unread(source: Source, key: Any, number: Any) -> sa.ColumnElement[bool]:
    return sa.not_(
        sa.exists(
            sa.select(sa.literal(1)).where(
                seen.c.source == int(source),
                seen.c.id == key,
                seen.c.number == number,
            )
        )
    )


def _mark(source: Source, key: int, number: int, at_ns: int) -> dict[str, int]:
    return {"source": int(source), "id": key, "number": number, "at_ns": at_ns}


def _of_change(one: Change) -> Found:
    topic = TOPICS[one.kind]
    words = WORDS[topic]
    if one.kind is Kind.COUNTRY:
        words = f"{words}: {one.after}"
    if one.kind is Kind.COVERAGE_FELL:
        words = f"{words} from {one.before} % to {one.after} %"
    ends = (one.client, one.server)
    is_request = one.place is None or one.place.direction == collector_pb2.REQUEST
    sender, receiver = ends if is_request else ends[::-1]
    line = Line(
        id=f"change-{one.key:016x}",
        topic=topic,
        gravity=one.gravity,
        at_ns=one.at_ns,
        words=clipped(words),
        sensitivity=LEVELS[one.sensitivity],
        data_type=clipped(one.data_type),
        cluster=clipped(one.cluster),
        sender=_named(sender),
        receiver=_named(receiver),
        endpoint=clipped(f"{one.method} {one.path}") if one.method else "",
        field=clipped(one.place.path) if one.place else one.node,
        advice=_ADVICE[topic],
        path=_page(one, topic),
    )
    named = frozenset(end.namespace for end in ends if end)
    subject = identity("group", topic, one.cluster, one.server.key if one.server else 0)
    return Found(line, one.sensitivity, named, f"{topic}-{subject:016x}")


def _page(one: Change, topic: Topic) -> str:
    if one.method:
        return f"/endpoints/{one.endpoint_id:016x}"
    pages = {Topic.PARTY: "/outside", Topic.COUNTRY: "/outside"}
    return pages.get(topic, "/coverage" if topic is Topic.COVERAGE else "/changes")


def _of_violation(row: Any, known: Mapping[str, Policy]) -> Found:
    policy = known.get(row.policy_id)
    level = LEVELS.index(policy.severity) if policy else 1
    topic = Topic.RETURNED if row.returned else Topic.VIOLATION
    told = row._mapping
    server, client = (
        clipped(f"{told[f'{end}_namespace']}/{told[f'{end}_name']}".lstrip("/"))
        for end in ("server", "client")
    )
    is_request = row.direction == collector_pb2.REQUEST
    line = Line(
        id=f"violation-{row.id:016x}-{row.returned}",
        topic=topic,
        gravity=level + (row.sensitivity == len(LEVELS) - 1 and level == 3),
        at_ns=row.opened_ns,
        words=WORDS[topic],
        sensitivity=LEVELS[row.sensitivity],
        data_type=clipped(row.data_type),
        cluster=clipped(row.server_cluster),
        sender=client if is_request else server,
        receiver=server if is_request else client,
        endpoint=clipped(f"{row.method} {row.path}"),
        field=clipped(row.field),
        policy=clipped(policy.title if policy else row.policy_id),
        advice=clipped(policy.advice) if policy else "",
        path=f"/violations?policy={row.policy_id}",
    )
    group = identity("group", row.policy_id, row.server_id)
    named = frozenset((row.server_namespace, row.client_namespace))
    return Found(line, level, named, f"policy-{group:016x}")


def _of_problem(problem: Problem, now_ns: int) -> Found:
    line = Line(
        id=f"problem-{problem.kind.value}-{problem.cluster}-{now_ns // 10**9}",
        topic=Topic.PROBLEM,
        gravity=_GRAVE_PROBLEM if problem.is_stopped else _PROBLEM,
        at_ns=now_ns,
        words=clipped(problem.words),
        cluster=clipped(problem.cluster),
        advice=clipped(problem.advice),
        path="/status",
    )
    return Found(line, 0, group=f"problem-{problem.kind.value}-{problem.cluster}")


def _named(workload: Workload | None) -> str:
    if workload is None:
        return ""
    return clipped(f"{workload.namespace}/{workload.name}".lstrip("/"))
