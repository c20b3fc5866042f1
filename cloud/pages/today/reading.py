"""Reads Today: what is new in a span of time, as lines that say why and what to do.

In: a visitor and a span, or their last visit. Out: the report. The gravest MOST_READ
changes are read by their keys and gathered; names are looked up for the lines of one
page only, so that the cost has a bound, however much is new.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.pages import reports, rollouts
from cloud.pages.coverage.filters import Sought
from cloud.pages.coverage.shares import losses, shares
from cloud.pages.page import Asked
from cloud.pages.reports import Paging, Workload
from cloud.pages.rollouts import Brought
from cloud.pages.spans import SPANS, covering
from cloud.pages.status import problems
from cloud.pages.today import breaches, visits
from cloud.pages.today.grouping import Group, Key, Topic, grouped, subjects
from cloud.pages.today.reports import Line, Since, TodayQuery, TodayReport, Trust
from cloud.pages.today.visits import SECOND_NS, mark_of, remember
from cloud.pages.today.words import MOST_NAMED, Names, Reader, line, most_places
from cloud.store import changes, moment
from cloud.store.changes import Place
from cloud.store.keys import among
from cloud.store.outlook import Outlook
from cloud.store.problems import GONE_SECONDS, SILENT_SECONDS
from cloud.store.rows import SURE
from cloud.store.schema import endpoints, places, workloads
from cloud.store.statements import chunks
from cloud.store.windows import EXTERNAL, Window
from cloud.store.workload_facts import Rollout
from cloud.visitor import Role, Scope, Visitor

MOST_READ = 1_500
"""Changes: some twenty-five roll-outs; all are in the log of changes."""
_AT_ONCE = 500
"""Keys named in one statement."""
_PLACES = 12
"""Of a line, whose direction is looked at."""


class Span(NamedTuple):
    """What is told: stored after `after_ns`, until now."""

    what: Since
    after_ns: int
    now_ns: int


def read(asked: Asked) -> TodayReport:
    """The report; notes that the visitor looked, if this was a look by their visits."""
    query: TodayQuery = asked.query
    now_ns = (asked.watch.clock() + 1) * SECOND_NS
    span = _span(asked, query, now_ns)
    paging = Paging(page=query.page, size=query.size, total=0)
    report = told(asked.connection, asked.watch, asked.visitor, span, paging)
    if not query.window and asked.visitor.proof:
        remember(asked, now_ns, int(report.mark))
    return report


def told(
    connection: Connection, watch: Outlook, who: Visitor, span: Span, paging: Paging
) -> TodayReport:
    """What is new in a span, for somebody; `paging` says which page of it."""
    scope = who.scope
    window = Window(span.after_ns // SECOND_NS, span.now_ns // SECOND_NS + 1)
    asked = changes.Asked(window, after_ns=span.after_ns, until_ns=span.now_ns)
    found = changes.briefs(connection, asked, MOST_READ, scope)
    outside = _workloads(connection, subjects(found))
    groups = grouped(
        found, {key for key, one in outside.items() if one.kind == EXTERNAL}
    )
    ended = (span.after_ns, span.now_ns)
    broken, are_all = breaches.lines(connection, ended, scope)
    ranked: list[Group | Line] = sorted([*broken, *groups], key=_order)
    start = (paging.page - 1) * paging.size
    page = ranked[start : start + paging.size]
    shown = [one for one in page if isinstance(one, Group)]
    names = _names(connection, shown, outside)
    may_write = who.role >= Role.EDITOR and scope.is_everything
    length = (span.now_ns - span.after_ns) / SECOND_NS
    reader = Reader(covering(length), may_write, scope)
    settled_ns = span.now_ns - SECOND_NS - visits.SETTLED_NS
    mark_ns = max(moment.newest(connection), settled_ns)
    return TodayReport(
        since=reports.time(span.after_ns),
        since_what=span.what,
        until=reports.time(mark_ns),
        mark=str(mark_ns),
        trust=trust(connection, watch, scope),
        problems=problems(watch, who),
        paging=Paging(page=paging.page, size=paging.size, total=len(ranked)),
        lines=_lines(connection, page, names, reader),
        is_whole=are_all and len(found) < MOST_READ,
        kinds=dict(Counter(_kind(one) for one in ranked)),
    )


def trust(connection: Connection, watch: Outlook, scope: Scope) -> Trust:
    """How much is read, and how fresh it is."""
    seen = scope.clusters | {cluster for cluster, _ in scope.namespaces}
    now = watch.clock()
    ages = [
        max(0, now - sender.heard_ns // SECOND_NS)
        for sender in watch.sight.senders
        if sender.heard_ns and (scope.is_everything or sender.cluster in seen)
    ]
    there = [age for age in ages if age <= GONE_SECONDS]
    heard = [age for age in there if age <= SILENT_SECONDS]
    lost = losses(connection, Sought(scope))
    return Trust(
        captured_share=min(shares(connection, Sought(scope)).values(), default=None),
        clusters=len(there),
        silent=len(there) - len(heard),
        age_seconds=max(heard, default=None),
        records_lost=lost.records,
        frames_lost=lost.frames,
    )


def _span(asked: Asked, query: TodayQuery, now_ns: int) -> Span:
    if query.window and query.window != "before":
        return Span("window", now_ns - SPANS[query.window] * SECOND_NS, now_ns)
    known = mark_of(asked.connection, asked.visitor.name)
    if known is None:
        return Span("first", now_ns - visits.FIRST_NS, now_ns)
    if query.window:
        return Span("before", known.before_ns, now_ns)
    # A program only reads: the visits of its owner stay as they are.
    moved = visits.looked(known, now_ns) if asked.visitor.proof else known
    is_first = moved.mark_ns == moved.before_ns
    return Span("first" if is_first else "visit", moved.mark_ns, now_ns)


def _lines(
    connection: Connection,
    page: Iterable[Group | Line],
    names: Names,
    reader: Reader,
) -> list[Line]:
    """Those of groups with the roll-out that came before."""
    seen = {
        key: one
        for key, one in names.workloads.items()
        if reader.scope.holds(one.cluster, one.namespace)
    }
    groups = [one for one in page if isinstance(one, Group)]
    changed = [change for group in groups for change in group.brought]
    ends = {key for change in changed for key in change[:2]} & seen.keys()
    begun = rollouts.begun(connection, ends, [at_ns for _, _, at_ns in changed])
    lines = []
    for one in page:
        if isinstance(one, Line):
            lines.append(one)
            continue
        lines.append(line(one, names, reader))
        lines[-1].rollout = _brought(one, begun, seen)
    return lines


def _brought(
    group: Group, begun: Sequence[Rollout], seen: dict[int, Workload]
) -> Brought | None:
    for *ends, at_ns in group.brought if begun else ():
        named = {key: seen[key] for key in ends if key in seen}
        found = rollouts.brought(begun, named, at_ns)
        if found:
            return found
    return None


def _order(one: Group | Line) -> tuple[float, ...]:
    if isinstance(one, Group):
        return one.order
    level = (
        reports.sensitivity_number(one.sensitivity) if one.sensitivity != "none" else 0
    )
    # Before all that is as grave: somebody said that it must not be.
    return -one.gravity - 0.5, -level, -len(one.data_types), -one.at.timestamp() * 1e9


def _kind(one: Group | Line) -> str:
    return one.key.topic.value if isinstance(one, Group) else one.kind


def _names(
    connection: Connection, groups: Iterable[Group], known: dict[int, Workload]
) -> Names:
    groups = list(groups)
    wanted: set[int] = set()
    asked: set[int] = set()
    for group in groups:
        for keys in (group.clients, group.servers):
            wanted |= set(list(keys)[: MOST_NAMED + 1])
        if group.key.topic is Topic.COVERAGE:
            wanted |= set(group.servers)
        if len(group.endpoints) == 1:
            asked |= group.endpoints.keys()
    named = known | _workloads(connection, wanted - known.keys())
    found: dict[int, tuple[str, str]] = {}
    of = endpoints.c
    for chunk in chunks(list(asked), _AT_ONCE):
        chosen = sa.select(of.id, of.method, of.path).where(of.id.in_(chunk))
        found |= {row.id: (row.method, row.path) for row in connection.execute(chosen)}
    return Names(named, found, _places(connection, groups), _fields(connection, groups))


def _places(
    connection: Connection, groups: Iterable[Group]
) -> dict[tuple[int, int], Place]:
    found: dict[tuple[int, int], Place] = {}
    of = places.c
    columns = (of.endpoint_id, of.id, of.direction, of.location, of.path)
    for chunk in chunks(list(most_places(groups, _PLACES)), _AT_ONCE):
        keys = among(connection, columns[:2], chunk)
        for row in connection.execute(sa.select(*columns).where(keys)):
            found[row[0], row[1]] = Place(*row[2:])
    return found


def _fields(connection: Connection, groups: Iterable[Group]) -> dict[Key, int]:
    """How many places of each group's types came with it, at its endpoints."""
    asked = [one for one in groups if one.places and one.key.topic is not Topic.URL]
    keys = {key for one in asked for key in list(one.endpoints)[:_AT_ONCE]}
    since_ns = min((one.earliest_ns for one in asked), default=0)
    of = places.c
    came: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for chunk in chunks(sorted(keys), _AT_ONCE):
        chosen = sa.select(of.endpoint_id, of.data_type, of.first_seen_ns).where(
            of.endpoint_id.in_(chunk),
            of.first_seen_ns >= since_ns,
            of.likelihood >= SURE,
        )
        for endpoint, data_type, first_ns in connection.execute(chosen).all():
            came[endpoint].append((data_type, first_ns))
    return {
        one.key: sum(
            first_ns >= one.earliest_ns and data_type in one.types
            for endpoint in list(one.endpoints)[:_AT_ONCE]
            for data_type, first_ns in came[endpoint]
        )
        for one in asked
    }


def _workloads(connection: Connection, keys: Collection[int]) -> dict[int, Workload]:
    of = workloads.c
    columns = (of.id, of.cluster, of.namespace, of.kind, of.name)
    return {
        row[0]: Workload(*row[1:])
        for chunk in chunks(list(keys), _AT_ONCE)
        for row in connection.execute(sa.select(*columns).where(of.id.in_(chunk)))
    }
