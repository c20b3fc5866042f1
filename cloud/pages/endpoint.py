"""Reads one endpoint: its fields, why each holds its data type, and who asks for it.

In: an id, a query and a visitor. Out: the report of its page; lists are bounded, the
gravest first, and tell how many there are. A few indexed statements, however many.
"""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import endpoints as listing
from cloud.pages import reports, sights
from cloud.pages.endpoints import shown_id, statuses, workload
from cloud.pages.formats import is_path_unknown
from cloud.pages.page import Asked, missing
from cloud.pages.reports import (
    Client,
    CorrectedField,
    EndpointReport,
    Field,
    FieldsQuery,
)
from cloud.pages.trend import WINDOWS
from cloud.store import whys
from cloud.store.rows import SURE
from cloud.store.schema import (
    corrected_places,
    corrections,
    endpoints,
    places,
    traffic,
    workloads,
)
from cloud.visitor import EVERYTHING, Scope

_NUMBERED = re.compile(r"\$(\.[0-9]{1,3}(\[\*\])?)+")
GRPC = "grpc"
MOST_CLIENTS = 200
MOST_FIELDS = 1_000
"""On one endpoint's page."""
_POINTS = ("base", "validator", "context", "doubt", "cut")
_PLACE = (places.c.direction, places.c.location, places.c.path, places.c.data_type)


def read_one(asked: Asked) -> EndpointReport:
    words = "There is no such endpoint."
    try:
        found = one(asked.connection, listing.key(asked.id), asked.query, asked.scope)
    except ValueError:
        raise missing(words) from None
    if found is None:
        raise missing(words)
    return found


def one(
    connection: Connection,
    key: int,
    query: FieldsQuery,
    scope: Scope = EVERYTHING,
    clock: Callable[[], float] = time.time,
) -> EndpointReport | None:
    """All of one endpoint; None if there is none of this key."""
    is_it = (endpoints.c.id == key, scope.workloads(workloads))
    selected = sa.select(*listing.LINE).select_from(listing.FROM).where(*is_it)
    row = connection.execute(selected).one_or_none()
    if row is None:
        return None
    clients, clients_total = _clients(connection, key)
    fields, fields_total = _fields(connection, row, query.uncertain)
    seconds = WINDOWS[query.window]
    seen = sights.of(connection, row, clients_total, seconds, clock())
    sights.add_to(connection, key, fields, seen)
    return EndpointReport(
        id=shown_id(key),
        server=workload(row),
        port=row.port,
        method=row.method,
        path=row.path,
        is_path_unknown=is_path_unknown(row.path),
        protocols=listing.protocols_of(connection, [key])[key],
        names_unknown=row.names == listing.NAMES_UNKNOWN
        or (not row.names and _are_numbered(fields, clients)),
        sensitivity=reports.sensitivity(row.sensitivity),
        pairs=row.pairs,
        inspected=row.inspected,
        truncated=row.truncated,
        request_bytes=row.request_bytes,
        response_bytes=row.response_bytes,
        statuses=statuses(row),
        first_seen=reports.time(row.first_seen_ns),
        last_seen=reports.time(row.last_seen_ns),
        clients=clients,
        clients_total=clients_total,
        trend=seen.pairs,
        failures=seen.failures,
        rate=seen.rate,
        latency=seen.latency,
        fields=fields,
        fields_total=fields_total,
        uncertain_total=_uncertain(connection, key),
        corrected=_corrected(connection, key),
    )


def _clients(connection: Connection, key: int) -> tuple[list[Client], int]:
    selected = (
        sa.select(traffic, workloads, sa.func.count().over().label("total"))
        .join(workloads, workloads.c.id == traffic.c.client_id)
        .where(traffic.c.endpoint_id == key)
        .order_by(traffic.c.pairs.desc(), workloads.c.name)
        .limit(MOST_CLIENTS)
    )
    found = connection.execute(selected).all()
    clients = [
        Client(
            client=workload(row),
            protocol=row.protocol,
            pairs=row.pairs,
            sensitivity=reports.sensitivity(row.sensitivity),
            last_seen=reports.time(row.last_seen_ns),
        )
        for row in found
    ]
    return clients, found[0].total if found else 0


def _are_numbered(fields: Sequence[Field], clients: Sequence[Client]) -> bool:
    """Whether fields stand under numbers (`$.3.1[*].2`): all, as JSON may have some."""
    paths = [field.path for field in fields if field.location == "body"]
    numbered = [bool(_NUMBERED.fullmatch(path)) for path in paths]
    is_grpc = any(client.protocol == GRPC for client in clients)
    return any(numbered) and (is_grpc or all(numbered))


def _fields(
    connection: Connection, endpoint: Row[Any], is_uncertain_shown: bool
) -> tuple[list[Field], int]:
    sensitivity = sa.func.max(places.c.sensitivity)
    selected = (
        sa.select(
            *_PLACE,
            sensitivity.label("sensitivity"),
            sa.func.max(places.c.likelihood).label("likelihood"),
            reports.total(places.c.count).label("counted"),
            reports.total(places.c.errors).label("errors"),
            reports.total(places.c.messages).label("messages"),
            sa.func.min(places.c.first_seen_ns).label("first_seen_ns"),
            sa.func.max(places.c.last_seen_ns).label("last_seen_ns"),
            sa.func.count().over().label("total"),
        )
        .where(places.c.endpoint_id == endpoint.id)
        .where(places.c.likelihood >= (1 if is_uncertain_shown else SURE))
        .group_by(*_PLACE)
        .order_by(sensitivity.desc(), *_PLACE)
        .limit(MOST_FIELDS)
    )
    found = connection.execute(selected).all()
    told = whys.of_endpoint(connection, endpoint.id)
    fields = [_field(row, told, endpoint.inspected) for row in found]
    return fields, found[0].total if found else 0


def _field(row: Row[Any], told: dict[int, whys.Why], inspected: int) -> Field:
    field = (row.direction, row.location, row.path, row.data_type)
    why = told.get(whys.field_key(*field))
    return Field(
        direction=reports.direction(row.direction),
        location=reports.location(row.location),
        path=row.path,
        data_type=row.data_type,
        sensitivity=reports.sensitivity(row.sensitivity),
        likelihood=reports.likelihood(row.likelihood),
        count=int(row.counted),
        errors=int(row.errors),
        per_pair=row.counted / inspected if inspected else None,
        messages=int(row.messages),
        # A correction may make one of two types at a place: counted twice then.
        share=min(1.0, row.messages / inspected) if inspected else None,
        first_seen=reports.time(row.first_seen_ns),
        last_seen=reports.time(row.last_seen_ns),
        id=sights.field_id(*field),
        why=_why(why) if why else None,
    )


def _why(why: whys.Why) -> reports.Why:
    total = min(5, max(1, sum(why.points)))
    return reports.Why(
        rule=why.rule,
        validator=why.validator,
        verdict=why.verdict,
        context=list(why.context),
        phrase=why.phrase,
        points=dict(zip(_POINTS, why.points, strict=False)),
        likelihood=reports.likelihood(total),  # type: ignore[arg-type]
        usual_sensitivity=reports.sensitivity(why.usual),  # type: ignore[arg-type]
        combination=why.combination,
    )


def _corrected(connection: Connection, key: int) -> list[CorrectedField]:
    is_place = sa.and_(
        places.c.endpoint_id == corrected_places.c.endpoint_id,
        places.c.id == corrected_places.c.place_id,
    )
    named = (places.c.direction, places.c.location, places.c.path)
    told = (corrections.c.reason, corrections.c.author, corrections.c.created_ns)
    found = corrected_places.c.data_type.label("found")
    selected = (
        sa.select(*named, found, corrections.c.becomes, *told)
        .select_from(corrected_places)
        .join(places, is_place)
        .join(corrections, corrections.c.id == corrected_places.c.correction_id)
        .where(corrected_places.c.endpoint_id == key)
        .distinct()
        .order_by(*named, found)
        .limit(MOST_FIELDS)
    )
    return [
        CorrectedField(
            direction=reports.direction(row.direction),
            location=reports.location(row.location),
            path=row.path,
            found=row.found,
            becomes=row.becomes,
            reason=row.reason,
            author=row.author,
            created=reports.time(row.created_ns),
        )
        for row in connection.execute(selected)
    ]


def _uncertain(connection: Connection, key: int) -> int:
    unsure = (
        sa.select(*_PLACE)
        .where(places.c.endpoint_id == key, places.c.likelihood.between(1, SURE - 1))
        .distinct()
        .subquery()
    )
    counted = sa.select(sa.func.count()).select_from(unsure)
    return connection.execute(counted).scalar_one()
