"""Reads policies and violations for their pages.

A violation's flow stands in the store's own tables; here both are joined. Policies are
few, so their titles and severities are looked up in memory.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import reports as shown
from cloud.pages.endpoints import key, shown_id
from cloud.pages.page import Asked, missing
from cloud.pages.policies.forming import fields
from cloud.pages.policies.reports import (
    PolicyList,
    PolicyReport,
    PolicyRow,
    TrialReport,
    Tried,
    VersionRow,
    Violation,
    ViolationList,
    ViolationQuery,
)
from cloud.pages.reports import Paging, Workload
from cloud.policies import shipped
from cloud.policies.book import Kept, kept, versions
from cloud.policies.matching import Side
from cloud.policies.rule import Policy, write
from cloud.policies.tables import OPEN, State, violations
from cloud.policies.trial import Trial
from cloud.store.rows import printable
from cloud.store.schema import endpoints, places, workloads
from cloud.visitor import EVERYTHING, Scope
from proto.v1 import collector_pb2

_SEVERITIES = ("high", "medium", "low")
_SERVERS, _CLIENTS = workloads.alias("servers"), workloads.alias("clients")
_SIDES = ("cluster", "namespace", "kind", "name")
_IS_PLACE = sa.and_(
    places.c.endpoint_id == violations.c.endpoint_id,
    places.c.id == violations.c.place_id,
)
_FROM = (
    violations.join(places, _IS_PLACE)
    .join(endpoints, endpoints.c.id == places.c.endpoint_id)
    .join(_SERVERS, _SERVERS.c.id == endpoints.c.server_id)
    .join(_CLIENTS, _CLIENTS.c.id == places.c.client_id)
)
_LINE: tuple[Any, ...] = (
    violations,
    *(places.c[n] for n in ("direction", "location", "data_type", "sensitivity")),
    *(places.c[n] for n in ("count", "first_seen_ns", "last_seen_ns")),
    places.c.path.label("field"),
    endpoints.c.method,
    endpoints.c.path,
    *(_SERVERS.c[name].label(f"server_{name}") for name in _SIDES),
    *(_CLIENTS.c[name].label(f"client_{name}") for name in _SIDES),
)
MOST_COUNTED = 10_000
"""Violations that match are counted up to this; a reader asks for less."""


def read_violations(asked: Asked) -> ViolationList:
    return listed(asked.connection, asked.query, asked.scope)


def read_policies(asked: Asked) -> PolicyList:
    return policies(asked.connection, asked.scope)


def read_policy(asked: Asked) -> PolicyReport:
    connection = asked.connection
    for one in kept(connection):
        if one.policy.id == asked.id:
            return policy(connection, one, asked.scope)
    raise missing("There is no such policy.")


def listed(
    connection: Connection, query: ViolationQuery, scope: Scope = EVERYTHING
) -> ViolationList:
    """One page of the violations that match, the gravest first."""
    known = {one.policy.id: one.policy for one in kept(connection)}
    conditions = [*_conditions(query, known), _within(scope)]
    counted = sa.select(violations.c.id).select_from(_FROM).where(*conditions)
    total = sa.select(sa.func.count()).select_from(
        counted.limit(MOST_COUNTED).subquery()
    )
    rank = _rank(known)
    page = (
        sa.select(*_LINE)
        .select_from(_FROM)
        .where(*conditions)
        .order_by(rank, violations.c.opened_ns.desc(), violations.c.id)
        .limit(query.size)
        .offset((query.page - 1) * query.size)
    )
    return ViolationList(
        paging=Paging(
            page=query.page,
            size=query.size,
            total=connection.execute(total).scalar_one(),
        ),
        violations=[_violation(row, known) for row in connection.execute(page)],
        policies={name: policy.title for name, policy in sorted(known.items())},
        open_by_severity=_open(connection, known, scope),
    )


def opened(
    connection: Connection, window_ns: tuple[int, int], most: int, scope: Scope
) -> tuple[list[Violation], dict[str, Policy]]:
    """Those that are new or came back after a moment and until another, the latest
    first, and are open still; and the policies by their ids, if there are any."""
    after_ns, until_ns = window_ns
    source = violations if scope.is_everything else _FROM
    latest: list[tuple[int, int]] = []
    for state in OPEN:
        chosen = (
            sa.select(violations.c.opened_ns, violations.c.id)
            .select_from(source)
            .where(
                violations.c.state == state,
                violations.c.opened_ns > after_ns,
                violations.c.opened_ns <= until_ns,
                _within(scope),
            )
            .order_by(violations.c.opened_ns.desc())
            .limit(most)
        )
        latest += [(row[0], row[1]) for row in connection.execute(chosen)]
    keys = [key for _, key in sorted(latest, reverse=True)[:most]]
    if not keys:
        return [], {}
    known = {one.policy.id: one.policy for one in kept(connection)}
    named = sa.select(*_LINE).select_from(_FROM).where(violations.c.id.in_(keys))
    rows = connection.execute(named.order_by(violations.c.opened_ns.desc()))
    return [_violation(row, known) for row in rows], known


def policies(connection: Connection, scope: Scope = EVERYTHING) -> PolicyList:
    """All policies, the gravest first, and the sets that may be added."""
    states = _states(connection, scope)
    found = kept(connection)
    rows = [_row(one, states[one.policy.id]) for one in found]
    known = {one.policy.id for one in found}
    return PolicyList(
        policies=sorted(
            rows, key=lambda row: (_SEVERITIES.index(row.severity), row.id)
        ),
        sets={
            name: title
            for name, title in shipped.TITLES.items()
            if not known.issuperset(policy.id for policy in shipped.policies(name))
        },
    )


def policy(
    connection: Connection, one: Kept, scope: Scope = EVERYTHING
) -> PolicyReport:
    """All of one policy."""
    states = _states(connection, scope)[one.policy.id]
    return PolicyReport(
        id=one.policy.id,
        title=one.policy.title,
        severity=one.policy.severity,
        is_on=one.is_on,
        since=shown.time(one.since_ns) if one.is_on else None,
        version=one.version,
        why=one.policy.why,
        advice=one.policy.advice,
        document=write([one.policy]),
        form=fields(one.policy),
        states={state.name.lower(): states[state] for state in State if states[state]},
        versions=[
            VersionRow(
                version=version.version,
                title=version.policy.title,
                changed=shown.time(version.changed_ns),
                changed_by=version.changed_by,
            )
            for version in versions(connection, one.policy.id)
        ],
    )


def tried(policy: Policy, found: Trial) -> TrialReport:
    """What a trial found."""
    return TrialReport(
        title=policy.title,
        document=write([policy]),
        read=found.read,
        is_whole=found.is_whole,
        broken=found.broken,
        between=[
            Tried(sender=_side(sender), receiver=_side(receiver), places=count)
            for sender, receiver, count in found.between
        ],
    )


def _conditions(
    query: ViolationQuery, known: Mapping[str, Policy]
) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.state == "open":
        conditions.append(violations.c.state.in_(OPEN))
    elif query.state != "all":
        conditions.append(violations.c.state == State[query.state.upper()])
    if query.policy:
        conditions.append(violations.c.policy_id == query.policy)
    if query.severity:
        grave = _SEVERITIES[: _SEVERITIES.index(query.severity) + 1]
        names = [name for name, policy in known.items() if policy.severity in grave]
        conditions.append(violations.c.policy_id.in_(names))
    if query.data_type:
        conditions.append(places.c.data_type == printable(query.data_type))
    if query.assignee:
        conditions.append(violations.c.assignee == query.assignee)
    if query.workload:
        either = key(query.workload)
        conditions.append(
            sa.or_(endpoints.c.server_id == either, places.c.client_id == either)
        )
    if query.text:
        conditions.append(_says(printable(query.text)))
    return conditions


def _rank(known: Mapping[str, Policy]) -> sa.ColumnElement[int]:
    """0 for the gravest policies."""
    ranks = {name: _SEVERITIES.index(one.severity) for name, one in known.items()}
    if not ranks:
        return sa.literal(0)
    return sa.case(ranks, value=violations.c.policy_id, else_=len(_SEVERITIES))


def _says(text: str) -> sa.ColumnElement[bool]:
    named = (
        *(table.c[name] for table in (_SERVERS, _CLIENTS) for name in _SIDES[:2]),
        *(table.c.name for table in (_SERVERS, _CLIENTS)),
        endpoints.c.method + " " + endpoints.c.path,
    )
    return sa.or_(*(column.icontains(text, autoescape=True) for column in named))


def _open(
    connection: Connection,
    known: Mapping[str, Policy],
    scope: Scope,
) -> dict[str, int]:
    counted = (
        sa.select(violations.c.policy_id, sa.func.count())
        .select_from(violations if scope.is_everything else _FROM)
        .where(violations.c.state.in_(OPEN), _within(scope))
        .group_by(violations.c.policy_id)
    )
    found = Counter[str]()
    for name, count in connection.execute(counted):
        if name in known:
            found[known[name].severity] += count
    return {severity: found[severity] for severity in _SEVERITIES}


def _within(scope: Scope) -> sa.ColumnElement[bool]:
    """One end of the flow is within."""
    if scope.is_everything:
        return sa.true()
    return sa.or_(scope.workloads(_SERVERS), scope.workloads(_CLIENTS))


def may_all_be_seen(
    connection: Connection, keys: Collection[int], scope: Scope
) -> bool:
    """Whether all violations of these keys are there, for such a visitor."""
    seen = sa.select(sa.func.count()).select_from(_FROM)
    seen = seen.where(violations.c.id.in_(list(keys)), _within(scope))
    return connection.execute(seen).scalar_one() == len(set(keys))


def _states(connection: Connection, scope: Scope) -> defaultdict[str, Counter[int]]:
    """Policy → state → violations."""
    counted = (
        sa.select(violations.c.policy_id, violations.c.state, sa.func.count())
        .select_from(violations if scope.is_everything else _FROM)
        .where(_within(scope))
        .group_by(violations.c.policy_id, violations.c.state)
    )
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for policy_id, state, count in connection.execute(counted):
        found[policy_id][state] = count
    return found


def _row(one: Kept, states: Counter[int]) -> PolicyRow:
    is_open = sum(states[state] for state in OPEN)
    return PolicyRow(
        id=one.policy.id,
        title=one.policy.title,
        severity=one.policy.severity,
        is_on=one.is_on,
        version=one.version,
        open=is_open,
        decided=states.total() - is_open,
        changed=shown.time(one.changed_ns),
        changed_by=one.changed_by,
    )


def _violation(row: Row[Any], known: Mapping[str, Policy]) -> Violation:
    told = row._mapping
    server, client = (
        Workload(**{name: told[f"{end}_{name}"] for name in _SIDES})
        for end in ("server", "client")
    )
    is_request = row.direction == collector_pb2.REQUEST
    policy = known.get(row.policy_id)
    return Violation(
        id=shown_id(row.id),
        policy=row.policy_id,
        title=policy.title if policy else row.policy_id,
        severity=policy.severity if policy else "low",
        state=State(row.state).name.lower(),
        is_corrected=bool(row.state_before),
        sender=client if is_request else server,
        receiver=server if is_request else client,
        data_type=row.data_type,
        sensitivity=shown.sensitivity(row.sensitivity),
        endpoint_id=shown_id(row.endpoint_id),
        method=row.method,
        path=row.path,
        field=row.field,
        direction=shown.direction(row.direction),
        location=shown.location(row.location),
        count=int(told["count"]),
        first_seen=shown.time(row.first_seen_ns),
        last_seen=shown.time(row.last_seen_ns),
        opened=shown.time(row.opened_ns),
        returned=row.returned,
        assignee=row.assignee,
        reason=row.reason,
        until=shown.time(row.until_ns) if row.until_ns else None,
    )


def _side(side: Side) -> Workload:
    return Workload(
        cluster=side.cluster, namespace=side.namespace, kind=side.kind, name=side.name
    )
