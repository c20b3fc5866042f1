"""Answers the map's page: from what is asked for to a report with a drawing.

In: query, visitor, store. Out: the report. Reading and adding up is done once for each
state of the store (`GRAPHS`), or now and then where it is slow, and the report tells
when; the drawing once for each graph (`PICTURES`), whatever its numbers of pairs are:
so a map whose arrows have not changed is the same picture.
"""

import time
from collections.abc import Callable, Collection
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.pages import reports as shown
from cloud.pages.endpoints import data_types_of, shown_id
from cloud.pages.formats import query as address
from cloud.pages.map import hiding
from cloud.pages.map.drawing import Canvas, draw
from cloud.pages.map.flows import Carried, Filter, Party, named, read
from cloud.pages.map.graph import (
    Drawn,
    Edge,
    Graph,
    Kind,
    Level,
    Node,
    Shape,
    build,
    drawn,
)
from cloud.pages.map.joins import joined
from cloud.pages.map.reports import FlowType, MapFlow, MapNode, MapQuery, MapReport
from cloud.pages.page import Asked, missing
from cloud.pages.reports import Paging
from cloud.pages.revision import revision
from cloud.pages.spans import SPANS
from cloud.store import outward
from cloud.store.rows import printable
from cloud.store.schema import workload_facts, workloads
from cloud.store.windows import EXTERNAL, Window
from cloud.store.workload_facts import labels
from cloud.visitor import Scope
from proto.v1 import detector_pb2

GRAPHS = 4
"""Kept: a large one has 20,000 flows with their data types, some 20 MB."""
PICTURES = 64
"""Kept: each below 150 kB."""
STEP_SECONDS = 60
"""A window's end: maps within a minute are the same."""
MOST_CHOICES = 1_000
"""Namespaces and clusters to choose from."""
MOST_LABELS = 200
"""To choose from; others may be typed."""


class Found(NamedTuple):
    """What was read for a map."""

    graph: Graph
    unread: int
    at_seconds: int


def read_map(asked: Asked) -> MapReport:
    """The report; 404 for a workload that is not there, or not for this visitor."""
    query: MapQuery = asked.query
    level = level_of(query)
    found = found_for(asked)
    center = center_of(found.graph, query)
    part = drawn(found.graph, [center.key] if center else [])
    edges = _sorted(found.graph, query)
    start = (query.page - 1) * query.size
    nodes = found.graph.nodes
    return MapReport(
        level=level.value,
        center=_told(center) if center else None,
        nodes=len(nodes),
        nodes_left_out=part.nodes_left_out,
        flows=[_flow(edge, nodes) for edge in edges[start : start + query.size]],
        flows_left_out=part.edges_left_out,
        unread=found.unread,
        age_seconds=max(0, int(time.time()) - found.at_seconds),
        paging=Paging(page=query.page, size=query.size, total=len(edges)),
        picture=picture(asked, part, center),
        clusters=_clusters(asked),
        namespaces=_namespaces(asked),
        groups=_groups(asked),
        labels=_labels(asked),
        data_types=data_types_of(asked.connection, asked.scope),
        hidden=hiding.names(asked.connection, asked.visitor.name),
    )


def all_flows(asked: Asked) -> list[MapFlow]:
    """Of the whole graph, sorted as the page is."""
    graph = found_for(asked).graph
    return [_flow(edge, graph.nodes) for edge in _sorted(graph, asked.query)]


def level_of(query: MapQuery) -> Level:
    """What a box stands for."""
    if query.workload:
        return Level.AROUND
    if query.level:
        return Level(query.level)
    return Level.DATA if query.data_type else Level.NAMESPACES


def found_for(asked: Asked, now: Callable[[], float] = time.time) -> Found:
    """The whole graph of what is asked for."""
    query: MapQuery = asked.query
    hidden = hiding.names(asked.connection, asked.visitor.name)
    wanted = filter_of(query, int(now()) // STEP_SECONDS * STEP_SECONDS)
    shape = Shape(
        level_of(query),
        _pair(query.open),
        frozenset(() if query.whole else hidden),
        wanted.around,
    )
    scope = asked.scope

    def make(connection: Connection) -> Found:
        return _found(connection, scope, wanted, shape, int(now()))

    key = (str(scope), wanted, shape)
    connection = asked.connection
    return asked.kept.current("graphs", GRAPHS, key, connection, revision, make)


def filter_of(query: MapQuery, now_seconds: int) -> Filter:
    """The query as a filter; names as the store writes them."""
    window = None
    if query.window:
        start = now_seconds - SPANS[query.window]
        window = Window(start, now_seconds)
    least = query.sensitivity
    return Filter(
        cluster=printable(query.cluster),
        namespace=printable(query.namespace),
        group=printable(query.group),
        label=printable(query.label.strip()),
        data_type=printable(query.data_type),
        sensitivity=shown.sensitivity_number(least) if least else 0,
        protocol=query.protocol,
        direction=query.direction,
        window=window,
        show=query.show,
        around=int(query.workload or "0", 16),
        hops=query.hops,
    )


def picture(asked: Asked, part: Drawn, center: Node | None) -> str:
    """The drawing, from what is kept if it was drawn before."""
    canvas = _canvas(asked.query, center)
    key = (
        tuple(part.graph.nodes.values()),
        tuple(edge.drawn for edge in part.graph.edges),
        address({}, **_kept(asked.query)),
        canvas.center,
        canvas.names_types,
    )
    return asked.kept.get("pictures", PICTURES, key, lambda: draw(part.graph, canvas))


def _found(
    connection: Connection, scope: Scope, wanted: Filter, shape: Shape, now_seconds: int
) -> Found:
    within = None if scope.is_everything else scope.workloads(workloads)
    flows = read(connection, wanted, within)
    ends = joined_ends(connection, flows.parties.values(), scope)
    unnamed = set(ends.values()) - flows.parties.keys()
    known = flows.parties | named(connection, unnamed)
    graph = build(flows._replace(parties=known), shape, ends)
    return Found(graph, flows.total - len(flows.flows), now_seconds)


def joined_ends(
    connection: Connection, parties: Collection[Party], scope: Scope
) -> dict[int, int]:
    """Parties outside → the workloads that they are, as far as the visitor may know."""
    told = outward.joined(connection, parties, scope.workloads(workloads))
    return joined(parties) | told


def center_of(graph: Graph, query: MapQuery) -> Node | None:
    """The workload that is asked for. Raises 404."""
    if not query.workload:
        return None
    wanted = int(query.workload, 16)
    for node in graph.nodes.values():
        if wanted in node.ids:
            return node
    raise missing("There is no such workload, or nothing that it sends or receives.")


def _canvas(query: MapQuery, center: Node | None) -> Canvas:
    kept = _kept(query)

    def link(node: Node) -> str:
        if node.kind is Kind.MORE:
            return "#flows"
        if node.kind is Kind.CLUSTER:
            return "/map" + address(
                {}, **{**kept, "level": "", "cluster": node.cluster}
            )
        if node.kind is Kind.NAMESPACE:
            opened = f"{node.cluster}/{node.namespace}"
            return "/map" + address({}, **{**kept, "level": "", "open": opened})
        return "/map" + address({}, **_around(kept, node))

    def frame_link(_: str) -> str:
        return "/map" + address({}, **kept) if query.open else ""

    is_all_the_same = bool(query.data_type)
    return Canvas(link, frame_link, center.key if center else "", not is_all_the_same)


def _kept(query: MapQuery) -> dict[str, str]:
    """The filters that go along when a box is opened."""
    return {
        "level": query.level,
        "cluster": query.cluster,
        "namespace": query.namespace,
        "group": query.group,
        "label": query.label,
        "type": query.data_type,
        "sensitivity": query.sensitivity,
        "protocol": query.protocol,
        "direction": query.direction,
        "window": query.window,
        "show": query.show if query.show != "there" else "",
        "whole": "1" if query.whole else "",
    }


def _around(kept: dict[str, str], node: Node) -> dict[str, str]:
    """The neighbours of a workload are all shown, wherever they are."""
    anywhere = dict.fromkeys(("level", "cluster", "namespace", "group", "label"), "")
    return {**kept, **anywhere, "workload": shown_id(node.ids[0])}


def _pair(text: str) -> tuple[str, str]:
    cluster, _, namespace = printable(text).partition("/")
    return cluster, namespace


def _sorted(graph: Graph, query: MapQuery) -> list[Edge]:
    def names(key: str) -> tuple[str, ...]:
        node = graph.nodes[key]
        return node.name or node.namespace or node.cluster, key

    if query.sort == "pairs":
        return sorted(graph.edges, key=lambda edge: -edge.pairs)
    if query.sort == "source":
        return sorted(graph.edges, key=lambda edge: names(edge.source))
    if query.sort == "target":
        return sorted(graph.edges, key=lambda edge: names(edge.target))
    return graph.edges


def _told(node: Node) -> MapNode:
    return MapNode(
        kind=node.kind.value,
        cluster=node.cluster,
        namespace=node.namespace,
        name=node.name,
        workload_kind=node.workload_kind,
        id=shown_id(node.ids[0]) if node.is_one else "",
    )


def _flow(edge: Edge, nodes: dict[str, Node]) -> MapFlow:
    return MapFlow(
        source=_told(nodes[edge.source]),
        target=_told(nodes[edge.target]),
        sensitivity=_level(edge.sensitivity),
        sent=[_type(one) for one in edge.types if one.is_sent],
        returned=[_type(one) for one in edge.types if one.is_returned],
        endpoints=edge.endpoints,
        pairs=edge.pairs,
    )


def _type(one: Carried) -> FlowType:
    return FlowType(
        data_type=one.data_type,
        sensitivity=_level(one.sensitivity),
        sent=one.values - one.returned,
        returned=one.returned,
    )


def _level(number: int) -> str:
    return shown.sensitivity(detector_pb2.Sensitivity.ValueType(number))


def _clusters(asked: Asked) -> list[str]:
    return _choices(asked, workloads.c.cluster)


def _namespaces(asked: Asked) -> list[str]:
    return _choices(asked, workloads.c.namespace, workloads.c.kind != EXTERNAL)


def _groups(asked: Asked) -> list[str]:
    """Service groups and owners, as one list."""
    seen = sa.select(workloads.c.id).where(asked.scope.workloads(workloads))
    names = [
        sa.select(column).where(workload_facts.c.workload_id.in_(seen))
        for column in (workload_facts.c.part_of, workload_facts.c.owner)
    ]
    found = asked.connection.scalars(sa.union(*names).limit(MOST_CHOICES))
    return sorted(name for name in found if name)


def _labels(asked: Asked) -> list[str]:
    seen = sa.select(workloads.c.id).where(asked.scope.workloads(workloads))

    def make(connection: Connection) -> list[str]:
        within = workload_facts.c.workload_id.in_(seen)
        return labels(connection, within, MOST_LABELS)

    key = str(asked.scope)
    return asked.kept.current("labels", GRAPHS, key, asked.connection, revision, make)


def _choices(
    asked: Asked, column: sa.ColumnElement[str], *conditions: sa.ColumnElement[bool]
) -> list[str]:
    seen = asked.scope.workloads(workloads)
    chosen = sa.select(column).where(workloads.c.talks == 1, seen, *conditions)
    found = asked.connection.scalars(
        chosen.distinct().order_by(column).limit(MOST_CHOICES)
    )
    return [name for name in found if name]
