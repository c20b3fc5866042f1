"""Reads corrections: their list, and the form for a field with what it would change.

In: filters, or a field of an endpoint. Out: corrections that a visitor's part is
reached by, with how many stored places each holds for and since when the agents of each
cluster know it; or for each scope how many places a correction would reach. What holds
everywhere is shown to all; counts are of what the visitor may see.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.pages import endpoints as shown_endpoints
from cloud.pages import reports
from cloud.pages.page import Asked, missing
from cloud.pages.reports import Agents, CorrectionRow, Shape, Workload
from cloud.store import catalogs
from cloud.store.correcting import MOST_TRIED, tried
from cloud.store.corrections import Correction, Kept, Scope, known_since, listed
from cloud.store.rows import printable
from cloud.store.schema import (
    corrected_places,
    corrections,
    endpoints,
    workloads,
)
from cloud.visitor import Scope as Part
from cloud.visitor import Visitor
from proto.v1 import collector_pb2, detector_pb2

_Text = Annotated[str, msgspec.Meta(max_length=200)]
MOST_SHOWN = 200
"""On one page, the latest."""
MOST_AGENTS = 20
"""Clusters named beside a correction."""
WORDS = {
    "place": "this field, for all clients",
    "endpoint": "this endpoint, all its fields",
    "workload": "this workload, all its endpoints",
    "cluster": "this cluster",
    "everywhere": "everywhere, in all clusters",
}


class CorrectionsQuery(Shape, frozen=True):
    """The query parameters of the list."""

    text: _Text = msgspec.field(name="q", default="")
    """Part of the workload, the endpoint, the field or the author."""
    data_type: _Text = msgspec.field(name="type", default="")
    scope: Literal["", "place", "endpoint", "workload", "everywhere"] = ""
    state: Literal["holding", "undone", "all"] = "holding"


class CorrectionList(Shape):
    """The latest corrections that match."""

    corrections: list[CorrectionRow]
    is_whole: bool
    """There are no more that match."""
    applying: int
    """Corrections that not all that is stored agrees with yet."""


class CorrectQuery(Shape, frozen=True):
    """Which field of the endpoint."""

    direction: Literal["", "request", "response"] = ""
    location: Literal["", "path", "query", "header", "body"] = ""
    field: Annotated[str, msgspec.Meta(max_length=2_600)] = ""
    data_type: _Text = msgspec.field(name="type", default="")


class Reach(Shape):
    """A scope that may be chosen, and the stored places that it would reach."""

    scope: str
    words: str
    places: int
    is_more: bool
    """There are more than were counted."""


class CorrectForm(Shape):
    """A field, and how far a correction of it may reach."""

    endpoint_id: str
    server: Workload
    port: int
    method: str
    path: str
    direction: str
    location: str
    field: str
    data_type: str
    scopes: list[Reach]
    data_types: list[str]
    """Those that it may be instead."""
    corrections: list[CorrectionRow] = msgspec.field(default_factory=list)
    """Those that reach it, the latest."""


def read(asked: Asked) -> CorrectionList:
    connection, query = asked.connection, asked.query
    found = listed(
        connection, *conditions(query), seen(asked.scope), most=MOST_SHOWN + 1
    )
    waits = corrections.c.applied < corrections.c.revision
    waiting = sa.select(sa.func.count()).select_from(corrections)
    return CorrectionList(
        corrections=rows(asked, found[:MOST_SHOWN]),
        is_whole=len(found) <= MOST_SHOWN,
        applying=connection.scalar(waiting.where(waits, seen(asked.scope))) or 0,
    )


def rows(asked: Asked, found: list[Kept]) -> list[CorrectionRow]:
    """As they are shown to the visitor."""
    counts = _counts(asked.connection, [kept.id for kept in found], asked.scope)
    agents = known_since(asked.connection)
    return [_row(kept, counts, agents, asked.visitor) for kept in found]


def read_form(asked: Asked) -> CorrectForm:
    words = "There is no such endpoint."
    connection, query = asked.connection, asked.query
    try:
        key = shown_endpoints.key(asked.id)
    except ValueError:
        raise missing(words) from None
    row = connection.execute(
        sa.select(endpoints, *(workloads.c[n] for n in Workload.__struct_fields__))
        .join(workloads, workloads.c.id == endpoints.c.server_id)
        .where(endpoints.c.id == key, asked.scope.workloads(workloads))
    ).one_or_none()
    if row is None:
        raise missing(words)
    server = shown_endpoints.workload(row)
    form = CorrectForm(
        endpoint_id=asked.id,
        server=server,
        port=row.port,
        method=row.method,
        path=row.path,
        direction=query.direction,
        location=query.location,
        field=query.field,
        data_type=query.data_type,
        scopes=[],
        data_types=[],
    )
    if query.direction and query.location and query.field and query.data_type:
        known = {*catalogs.data_types(connection)}
        known |= {*shown_endpoints.data_types_of(connection, asked.scope)}
        form.data_types = sorted(known - {query.data_type})
        for scope in WORDS:
            if may_correct(asked.scope, scope, server):
                one = correction(scope, server, (row.port, row.method, row.path), query)
                places = tried(connection, one)
                is_more = places >= MOST_TRIED
                form.scopes.append(Reach(scope, WORDS[scope], places, is_more))
    return form


def may_correct(part: Part, scope: str, server: Workload) -> bool:
    """Whether a visitor of a part may correct so far."""
    if part.is_everything:
        return True
    is_in_cluster = server.cluster in part.clusters
    if scope == "everywhere":
        return False
    is_in_namespace = (server.cluster, server.namespace) in part.namespaces
    return is_in_cluster or (scope != "cluster" and is_in_namespace)


def correction(
    scope: str, server: Workload, endpoint: tuple[int, str, str], field: CorrectQuery
) -> Correction:
    """Of a field, as far as `scope` (one of WORDS) says."""
    named: dict[str, object] = {}
    if scope != "everywhere":
        named["cluster"] = server.cluster
    if scope in ("place", "endpoint", "workload"):
        named |= {n: getattr(server, n) for n in ("namespace", "kind", "name")}
    if scope in ("place", "endpoint"):
        named |= dict(zip(("port", "method", "endpoint"), endpoint, strict=True))
    if scope == "place":
        named["direction"] = collector_pb2.Direction.Value(field.direction.upper())
        named["location"] = detector_pb2.Location.Value(field.location.upper())
        named["path"] = field.field
    kind = Scope("everywhere" if scope == "cluster" else scope)
    return Correction(scope=kind, data_type=field.data_type, **named)  # type: ignore[arg-type]


def conditions(query: CorrectionsQuery) -> list[sa.ColumnElement[bool]]:
    """What the filters ask for."""
    of = corrections.c
    found: list[sa.ColumnElement[bool]] = []
    if query.state != "all":
        holds = of.undone_ns == 0
        found.append(holds if query.state == "holding" else sa.not_(holds))
    if query.scope:
        found.append(of.scope == query.scope)
    if query.data_type:
        named = printable(query.data_type)
        found.append(sa.or_(of.data_type == named, of.becomes == named))
    if query.text:
        text = printable(query.text)
        columns = (of.cluster, of.namespace, of.name, of.endpoint, of.path, of.author)
        says = (column.icontains(text, autoescape=True) for column in columns)
        found.append(sa.or_(*says))
    return found


def seen(part: Part) -> sa.ColumnElement[bool]:
    """What names a part of the visitor's, or nothing at all."""
    if part.is_everything:
        return sa.true()
    of = corrections.c
    clusters = {*part.clusters, *(cluster for cluster, _ in part.namespaces)}
    names_none = sa.and_(of.name == "", of.cluster.in_(["", *sorted(clusters)]))
    return sa.or_(names_none, part.workloads(corrections))


def _counts(connection: Connection, keys: list[int], part: Part) -> Mapping[int, int]:
    held = corrected_places.c.correction_id
    counted = sa.select(held, sa.func.count()).where(held.in_(keys)).group_by(held)
    if not part.is_everything:
        counted = (
            counted.join(endpoints, endpoints.c.id == corrected_places.c.endpoint_id)
            .join(workloads, workloads.c.id == endpoints.c.server_id)
            .where(part.workloads(workloads))
        )
    return {row[0]: row[1] for row in connection.execute(counted)}


def may_undo(part: Part, one: Correction) -> bool:
    """Whether it reaches no further than the visitor may correct."""
    scope = "workload" if one.name else ("cluster" if one.cluster else "everywhere")
    return may_correct(part, scope, Workload(one.cluster, one.namespace, "", ""))


def _row(
    kept: Kept,
    counts: Mapping[int, int],
    known: Mapping[str, list[tuple[int, int]]],
    visitor: Visitor,
) -> CorrectionRow:
    one, part = kept.correction, visitor.scope
    return CorrectionRow(
        id=shown_endpoints.shown_id(kept.id),
        scope=one.scope.value,
        data_type=one.data_type,
        becomes=one.becomes,
        where=where(one),
        cluster=one.cluster,
        reason=kept.reason,
        author=kept.author,
        created=reports.time(kept.created_ns),
        state="holding" if kept.holds else "undone",
        is_applied=kept.is_applied,
        places=counts.get(kept.id, 0),
        undone=reports.time(kept.undone_ns) if kept.undone_ns else None,
        undone_by=kept.undone_by,
        undone_reason=kept.undone_reason,
        agents=_agents(kept, known, part),
        may_undo=kept.holds and may_undo(part, one),
    )


def where(one: Correction) -> str:
    """What it names, in words."""
    workload = " / ".join(filter(None, (one.cluster, one.namespace, one.name)))
    asked = " ".join(filter(None, (one.method, one.endpoint)))
    return " ".join(filter(None, (workload, asked, one.path))) or "everywhere"


def _agents(
    kept: Kept, known: Mapping[str, list[tuple[int, int]]], part: Part
) -> list[Agents]:
    found = []
    seen = {*part.clusters, *(cluster for cluster, _ in part.namespaces)}
    for cluster, revisions in known.items():
        is_its = kept.correction.cluster in ("", cluster)
        if not is_its or not (part.is_everything or cluster in seen):
            continue
        since = min((at for r, at in revisions if r >= kept.revision), default=None)
        found.append(Agents(cluster, None if since is None else reports.time(since)))
    return found[:MOST_AGENTS]
