"""Reads one data type: the fields that hold it, who sends it to whom, who outside gets
it, which policies it breaks, and how much of it was found over time.

No index leads from a data type to its places: they are found by the endpoints that have
it, the gravest ones, and are few at each.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import reports
from cloud.pages.data_types import flows, listing
from cloud.pages.data_types.listing import PLACES, SERVERS
from cloud.pages.data_types.reports import TypePlace, TypeQuery, TypeReport, TypeRow
from cloud.pages.endpoints import shown_id, workload
from cloud.pages.page import Asked
from cloud.pages.policies import reading as policies
from cloud.pages.policies.reports import ViolationQuery
from cloud.pages.reports import Paging
from cloud.pages.trend import WINDOWS, Trend, trend
from cloud.store import trends
from cloud.store.news import URL
from cloud.store.rows import SURE, printable
from cloud.store.schema import (
    corrected_places,
    endpoint_types,
    endpoints,
    places,
    traffic,
    workloads,
)
from cloud.store.statements import chunks
from cloud.visitor import EVERYTHING, Scope

MOST_ENDPOINTS = 1_000
"""Whose places are read for a page, the gravest."""
AT_ONCE = 500
"""Endpoints named in one statement."""
MOST_FLOWS = 15
MOST_VIOLATIONS = 10
MOST_SERIES = 60
"""Endpoints and clients whose facts make the trend: for a day and more."""
MOST_CLUSTERS = 8
"""Asked whether their agents were heard."""
_KEY = (places.c.endpoint_id, places.c.direction, places.c.location, places.c.path)


def found(asked: Asked) -> TypeReport | None:
    return one(asked.connection, printable(asked.id), asked.query, asked.scope)


def one(
    connection: Connection,
    name: str,
    query: TypeQuery,
    scope: Scope = EVERYTHING,
    clock: Callable[[], float] = time.time,
) -> TypeReport | None:
    """All of one data type; None if it was not seen within. Where all its places are
    corrected, it has no endpoints, and its times are those of what was found."""
    between, ends = flows.flows(connection, name, scope)
    of_it = listing.totals(connection, scope, name, {name: ends} if ends else None)
    if not of_it:
        of_it = _corrected(connection, name, scope)
    if not of_it:
        return None
    known = _endpoints(connection, name, scope)
    fields = _fields(connection, name, list(known), scope)
    in_errors = [row for row in fields if row.errors]
    in_urls = [row for row in fields if row.location in URL]
    wanted = {"errors": in_errors, "url": in_urls}.get(query.only, fields)
    start = (query.page - 1) * query.size
    outside, outside_total = flows.receivers(connection, between)
    broken = ViolationQuery(data_type=name, size=MOST_VIOLATIONS)
    violations = policies.listed(connection, broken, scope)
    over_time, trend_endpoints = _trend(
        connection, name, fields, known, scope, WINDOWS[query.window], clock()
    )
    return TypeReport(
        type=of_it[0],
        paging=Paging(page=query.page, size=query.size, total=len(wanted)),
        places=[
            _place(row, known[row.endpoint_id])
            for row in wanted[start : start + query.size]
        ],
        places_total=len(fields),
        error_places=len(in_errors),
        url_places=len(in_urls),
        corrected_places=0 if of_it[0].endpoints else _gone(connection, name, scope),
        is_whole=len(known) < MOST_ENDPOINTS,
        flows=flows.told(connection, between[:MOST_FLOWS]),
        flows_total=len(between),
        receivers=outside,
        receivers_total=outside_total,
        is_flows_whole=ends is not None,
        violations=violations.violations,
        violations_total=violations.paging.total,
        trend=over_time,
        trend_endpoints=trend_endpoints,
    )


def _corrected(connection: Connection, name: str, scope: Scope) -> list[TypeRow]:
    """The type if it stands nowhere since it was corrected."""
    times = (sa.func.min(places.c.first_seen_ns), sa.func.max(places.c.last_seen_ns))
    first, last = connection.execute(_found_before(name, scope, *times)).one()
    if first is None:
        return []
    return [listing.row_of(connection, scope, name, first, last)]


def _gone(connection: Connection, name: str, scope: Scope) -> int:
    """In how many fields it was found before they were corrected."""
    fields = _found_before(name, scope, *_KEY).distinct().subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(fields)) or 0


def _found_before(name: str, scope: Scope, *columns: Any) -> sa.Select[Any]:
    at = sa.and_(
        corrected_places.c.endpoint_id == places.c.endpoint_id,
        corrected_places.c.place_id == places.c.id,
    )
    chosen = sa.select(*columns).select_from(PLACES.join(corrected_places, at))
    return chosen.where(corrected_places.c.data_type == name, listing.within(scope))


def _endpoints(connection: Connection, name: str, scope: Scope) -> dict[int, Row[Any]]:
    """Those that have it, by key, the gravest first."""
    of = endpoints.c
    chosen = (
        sa.select(
            *(of.id, of.method, of.path, of.port, of.server_id),
            *(SERVERS.c[n] for n in ("cluster", "namespace", "kind", "name")),
        )
        .join(endpoint_types, endpoint_types.c.endpoint_id == of.id)
        .join(SERVERS, SERVERS.c.id == of.server_id)
        .where(endpoint_types.c.data_type == name)
        .order_by(of.sensitivity.desc(), of.pairs.desc(), of.id)
        .limit(MOST_ENDPOINTS)
    )
    if not scope.is_everything:
        within = sa.select(workloads.c.id).where(scope.workloads(workloads))
        asked = sa.select(traffic.c.endpoint_id).where(traffic.c.client_id.in_(within))
        chosen = chosen.where(sa.or_(of.server_id.in_(within), of.id.in_(asked)))
    return {row.id: row for row in connection.execute(chosen)}


def _fields(
    connection: Connection, name: str, keys: list[int], scope: Scope
) -> list[Row[Any]]:
    """A row a field over its clients, the gravest first."""
    of = places.c
    found: list[Row[Any]] = []
    for some in chunks(keys, AT_ONCE):
        chosen = (
            sa.select(
                *_KEY,
                sa.func.max(of.sensitivity).label("sensitivity"),
                sa.func.max(of.likelihood).label("likelihood"),
                reports.total(of["count"]).label("counted"),
                reports.total(of.errors).label("errors"),
                sa.func.count(of.client_id.distinct()).label("clients"),
                sa.func.min(of.first_seen_ns).label("first_seen_ns"),
                sa.func.max(of.last_seen_ns).label("last_seen_ns"),
            )
            .select_from(places if scope.is_everything else PLACES)
            .where(*_is_it(name, some, scope))
            .group_by(*_KEY)
        )
        found += connection.execute(chosen).all()
    found.sort(key=lambda row: (-row.sensitivity, -row.counted, *row[:4]))
    return found


def _is_it(
    name: str, keys: Iterable[int], scope: Scope
) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether a row of PLACES is a sure finding at these endpoints."""
    of = places.c
    is_there = (of.endpoint_id.in_(keys), of.data_type == name, of.likelihood >= SURE)
    return (*is_there, listing.within(scope))


def _place(row: Row[Any], endpoint: Row[Any]) -> TypePlace:
    return TypePlace(
        endpoint_id=shown_id(endpoint.id),
        method=endpoint.method,
        path=endpoint.path,
        server=workload(endpoint),
        port=endpoint.port,
        direction=reports.direction(row.direction),
        location=reports.location(row.location),
        field=row.path,
        sensitivity=reports.sensitivity(row.sensitivity),
        likelihood=reports.likelihood(row.likelihood),
        count=int(row.counted),
        errors=int(row.errors),
        clients=row.clients,
        first_seen=reports.time(row.first_seen_ns),
        last_seen=reports.time(row.last_seen_ns),
    )


def _trend(
    connection: Connection,
    name: str,
    fields: list[Row[Any]],
    known: dict[int, Row[Any]],
    scope: Scope,
    seconds: int,
    now: float,
) -> tuple[Trend, int]:
    """Values at the endpoints with most of them, and how many endpoints these are."""
    keys, series = _largest(connection, fields)
    chosen = sa.select(places.c.endpoint_id, places.c.id)
    chosen = chosen.select_from(places if scope.is_everything else PLACES)
    ids: defaultdict[int, set[int]] = defaultdict(set)
    for endpoint, place in connection.execute(chosen.where(*_is_it(name, keys, scope))):
        ids[endpoint].add(place)
    steps = trends.steps(connection, int(now), seconds, series)
    counts = trends.values(connection, ids, steps)
    servers: defaultdict[str, set[int]] = defaultdict(set)
    for key in keys:
        servers[known[key].cluster].add(known[key].server_id)
    asked = {name: servers[name] for name in sorted(servers)[:MOST_CLUSTERS]}
    heard = trends.heard(connection, asked, steps)
    return trend(counts, steps, heard, now), len(keys)


def _largest(connection: Connection, fields: list[Row[Any]]) -> tuple[list[int], int]:
    """Endpoints with most values, and how many facts an interval may have of them."""
    counts: Counter[int] = Counter()
    for row in fields:
        counts[row.endpoint_id] += int(row.counted)
    largest = [key for key, _ in counts.most_common(MOST_SERIES)]
    of = traffic.c.endpoint_id
    counted = sa.select(of, sa.func.count()).where(of.in_(largest)).group_by(of)
    clients = {row[0]: row[1] for row in connection.execute(counted)}
    keys: list[int] = []
    series = 0
    for key in largest:
        if keys and series + clients.get(key, 1) > MOST_SERIES:
            break
        keys.append(key)
        series += clients.get(key, 1)
    return keys, series
