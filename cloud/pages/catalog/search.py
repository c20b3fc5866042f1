"""Searches all names: clusters, namespaces, workloads, endpoints, fields, types.

In: a text and a visitor. Out: the first few of each kind, with the address of the page
of each. Of fields a bounded number is read; whether that were all is told.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.pages import reports
from cloud.pages.catalog.reports import Hit, SearchQuery, SearchReport
from cloud.pages.endpoints import data_types_of, shown_id
from cloud.pages.formats import data_type as words_of
from cloud.pages.page import Asked
from cloud.pages.sights import field_id
from cloud.store.rows import SURE, printable
from cloud.store.schema import (
    clusters,
    data_types,
    edges,
    endpoints,
    places,
    workloads,
)
from cloud.visitor import EVERYTHING, Scope

MOST_HITS = 10
"""Of a kind, on the page of all kinds."""
MOST_OF_ONE = 100
"""If one kind is asked for."""
MOST_SEARCHED = 250_000
"""Fields that are read: 0.1 s."""


class _Search(NamedTuple):
    connection: Connection
    text: str
    scope: Scope
    cluster: str
    most: int

    def has(self, *columns: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        return sa.or_(*(one.icontains(self.text, autoescape=True) for one in columns))

    @property
    def within(self) -> sa.ColumnElement[bool]:
        seen = self.scope.workloads(workloads)
        return (
            sa.and_(seen, workloads.c.cluster == self.cluster) if self.cluster else seen
        )


def read(asked: Asked) -> SearchReport:
    return found(asked.connection, asked.query, asked.scope)


def found(
    connection: Connection, query: SearchQuery, scope: Scope = EVERYTHING
) -> SearchReport:
    """What matches; nothing without a text."""
    text, cluster = printable(query.text.strip()), printable(query.cluster)
    if not text:
        return SearchReport(hits=[], more=[], is_whole=True)
    most = MOST_OF_ONE if query.kind else MOST_HITS
    search = _Search(connection, text, scope, cluster, most)
    hits: list[Hit] = []
    more: list[str] = []
    for kind, finds in _KINDS.items():
        if query.kind in ("", kind):
            some = list(islice(finds(search), most + 1))
            hits += some[:most]
            more += [kind] if len(some) > most else []
    is_whole = query.kind not in ("", "field") or _are_few(connection)
    return SearchReport(hits=hits, more=more, is_whole=is_whole)


def _clusters(search: _Search) -> Iterator[Hit]:
    name = workloads.c.cluster
    chosen = sa.select(name).where(search.within, search.has(name)).distinct()
    for cluster in search.connection.scalars(_first(chosen, search, name)):
        path = f"/catalog?{urlencode({'cluster': cluster})}"
        hit = _hit("cluster", cluster, cluster, path)
        hit.sensitivity = _gravest(search, workloads.c.cluster == cluster)
        yield hit


def _namespaces(search: _Search) -> Iterator[Hit]:
    name, cluster = workloads.c.namespace, workloads.c.cluster
    chosen = sa.select(cluster, name).where(search.within, search.has(name)).distinct()
    for where, namespace in search.connection.execute(
        _first(chosen, search, name, cluster)
    ):
        asked = urlencode({"cluster": where, "namespace": namespace})
        hit = _hit("namespace", namespace, where, f"/workloads?{asked}")
        hit.namespace = namespace
        is_it = (workloads.c.cluster == where, workloads.c.namespace == namespace)
        hit.sensitivity = _gravest(search, *is_it)
        yield hit


def _workloads(search: _Search) -> Iterator[Hit]:
    of = workloads.c
    chosen = sa.select(workloads).where(
        search.within, of.talks == 1, search.has(of.name)
    )
    ordered = _first(chosen, search, of.name, of.cluster, of.namespace)
    for row in search.connection.execute(ordered):
        hit = _hit("workload", row.name, row.cluster, f"/workloads/{shown_id(row.id)}")
        hit.namespace, hit.workload = row.namespace, row.name
        hit.sensitivity = _exchanged(search.connection, row.id)
        yield hit


def _endpoints(search: _Search) -> Iterator[Hit]:
    asked = endpoints.c.method + " " + endpoints.c.path
    chosen = (
        sa.select(endpoints, *_OF_WORKLOAD)
        .join(workloads, workloads.c.id == endpoints.c.server_id)
        .where(search.within, search.has(asked))
    )
    ordered = _first(
        chosen, search, endpoints.c.sensitivity.desc(), endpoints.c.pairs.desc()
    )
    for row in search.connection.execute(ordered):
        name = f"{row.method} {row.path}"
        yield _of_endpoint("endpoint", name, row, f"/endpoints/{shown_id(row.id)}")


def _fields(search: _Search) -> Iterator[Hit]:
    """Sure findings, each field and data type once."""
    columns = ("endpoint_id", "direction", "location", "path", "data_type")
    read = (
        sa.select(*(places.c[name] for name in (*columns, "sensitivity", "likelihood")))
        .limit(MOST_SEARCHED)
        .subquery()
    )
    key = [read.c[name] for name in columns]
    matching = (
        sa.select(*key, sa.func.max(read.c.sensitivity).label("sensitivity"))
        .where(read.c.likelihood >= SURE, search.has(read.c.path))
        .group_by(*key)
        .subquery()
    )
    chosen = (
        sa.select(
            matching,
            endpoints.c.method,
            endpoints.c.path.label("endpoint_path"),
            *_OF_WORKLOAD,
        )
        .join(endpoints, endpoints.c.id == matching.c.endpoint_id)
        .join(workloads, workloads.c.id == endpoints.c.server_id)
        .where(search.within)
    )
    ordered = _first(
        chosen,
        search,
        matching.c.sensitivity.desc(),
        matching.c.path,
        matching.c.endpoint_id,
    )
    for row in search.connection.execute(ordered):
        field = field_id(row.direction, row.location, row.path, row.data_type)
        path = f"/endpoints/{shown_id(row.endpoint_id)}#{field}"
        name = f"{row.path} ({words_of(row.data_type)})"
        hit = _of_endpoint("field", name, row, path)
        hit.endpoint = f"{row.method} {row.endpoint_path}"
        yield hit


def _types(search: _Search) -> Iterator[Hit]:
    wanted = search.text.lower()
    for name in data_types_of(search.connection, search.scope):
        if wanted in name or wanted in words_of(name).lower():
            hit = _hit("type", name, "", f"/types/{quote(name)}")
            hit.sensitivity = _of_type(search, name)
            yield hit


_OF_WORKLOAD = (
    workloads.c.cluster,
    workloads.c.namespace,
    workloads.c.name.label("server"),
)
_KINDS: dict[str, Callable[[_Search], Iterator[Hit]]] = {
    "type": _types,
    "cluster": _clusters,
    "namespace": _namespaces,
    "workload": _workloads,
    "endpoint": _endpoints,
    "field": _fields,
}


def _gravest(search: _Search, *conditions: sa.ColumnElement[bool]) -> str:
    """Of what some workloads serve."""
    served = endpoints.join(workloads, workloads.c.id == endpoints.c.server_id)
    chosen = sa.select(sa.func.max(endpoints.c.sensitivity)).select_from(served)
    return _level(search.connection, chosen.where(search.within, *conditions))


def _exchanged(connection: Connection, workload: int) -> str:
    """Of what a workload serves and asks for."""
    ends = (edges.c.client_id == workload, edges.c.server_id == workload)
    gravest = sa.func.max(edges.c.sensitivity)
    return _level(connection, sa.select(gravest).where(sa.or_(*ends)))


def _of_type(search: _Search, name: str) -> str:
    """Where it is gravest."""
    of = data_types.c
    is_seen = search.scope.of_cluster(of.cluster)
    if search.scope.namespaces:
        # Of a namespace nothing is kept by type: a catalog's word for all clusters.
        seen = {*search.scope.clusters, *(c for c, _ in search.scope.namespaces)}
        is_seen = of.cluster.in_(sorted(seen))
    chosen = sa.select(sa.func.max(of.sensitivity)).where(of.data_type == name, is_seen)
    return _level(search.connection, chosen)


def _level(connection: Connection, chosen: sa.Select[Any]) -> str:
    found: Any = connection.scalar(chosen) or 0
    return reports.sensitivity(found)


def _first(chosen: sa.Select[Any], search: _Search, *order: Any) -> sa.Select[Any]:
    return chosen.order_by(*order).limit(search.most + 1)


def _hit(kind: str, name: str, cluster: str, path: str) -> Hit:
    return Hit(kind, name, cluster, "", "", "", "none", path)


def _of_endpoint(kind: str, name: str, row: Any, path: str) -> Hit:
    hit = _hit(kind, name, row.cluster, path)
    hit.namespace, hit.workload = row.namespace, row.server
    hit.sensitivity = reports.sensitivity(row.sensitivity)
    return hit


def _are_few(connection: Connection) -> bool:
    """Whether all fields are read."""
    fields = connection.scalar(sa.select(sa.func.sum(clusters.c.places)))
    return (fields or 0) <= MOST_SEARCHED
