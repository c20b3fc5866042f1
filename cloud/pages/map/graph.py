"""Flows as nodes and edges, at the level that is asked for.

In: flows and their parties, a level, and how much may be drawn. Out: a graph of all,
and of that the part to draw: the gravest nodes and edges, the rest gathered in a node
that leads to the table. Nothing is read here, nothing is drawn.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from cloud.pages.map.flows import Carried, Flow, Flows, Party

MOST_NODES = 60
"""Drawn inside: more cannot be read on a screen."""
MOST_OUTSIDE = 24
"""Drawn outside: a column of a screen's height and a half."""
MOST_EDGES = 120
"""Drawn; also bounds the page's size."""
_TAB = "\t"
"""Between the names of a key: no stored name has one (`cloud.store.rows.printable`)."""


class Level(Enum):
    """What a node stands for."""

    CLUSTERS = "clusters"
    NAMESPACES = "namespaces"
    WORKLOADS = "workloads"
    """Those of a namespace together in a frame."""
    AROUND = "around"
    """One workload and its neighbours."""
    DATA = "data"
    """The way of one data type: edges lead from who sends to who receives."""


class Kind(Enum):
    CLUSTER = "cluster"
    NAMESPACE = "namespace"
    WORKLOAD = "workload"
    OUTSIDE = "outside"
    MORE = "more"
    """Stands for what is not drawn."""


class Node(NamedTuple):
    key: str
    kind: Kind
    cluster: str = ""
    namespace: str = ""
    workload_kind: str = ""
    name: str = ""
    ids: tuple[int, ...] = ()
    """In the store, of workloads and parties outside: the same party outside has one
    for each cluster that it was seen from."""
    frame: str = ""
    """The namespace that it is drawn in; empty: none."""
    members: int = 1
    """Workloads, or what else it stands for."""
    sensitivity: int = 0
    """Of the gravest that it sends or receives."""
    is_asking: bool = False
    """It asks and is never asked."""

    @property
    def is_one(self) -> bool:
        """A workload or a party outside, with neighbours of its own."""
        return self.kind in (Kind.WORKLOAD, Kind.OUTSIDE)


class Edge(NamedTuple):
    source: str
    target: str
    endpoints: int
    pairs: int
    sensitivity: int
    types: tuple[Carried, ...]
    """The gravest first."""

    @property
    def drawn(self) -> tuple[object, ...]:
        """All of it that a drawing shows."""
        types = tuple(
            sorted((t[0], t[1], t.is_sent, t.is_returned) for t in self.types)
        )
        return self.source, self.target, self.sensitivity, types


class Graph(NamedTuple):
    nodes: dict[str, Node]
    edges: list[Edge]
    """The gravest first."""


class Drawn(NamedTuple):
    """The part that is drawn."""

    graph: Graph
    nodes_left_out: int
    edges_left_out: int


class Shape(NamedTuple):
    """How flows become a graph."""

    level: Level
    opened: tuple[str, str] = ("", "")
    """Cluster and namespace whose workloads are shown at the level of namespaces."""
    hidden: frozenset[str] = frozenset()
    """Names, namespaces, or `namespace/name`, that are left out."""
    around: int = 0
    """The workload in the middle."""


def build(found: Flows, shape: Shape, joined: Mapping[int, int]) -> Graph:
    """`joined`: parties outside that are a workload of another cluster."""
    nodes: dict[str, Node] = {}
    members: dict[str, set[int]] = {}
    keys: dict[int, str] = {}

    def key_of(end: int) -> str:
        end = joined.get(end, end)
        if end not in keys:
            node = _node(found.parties[end], shape)
            nodes.setdefault(node.key, node)
            keys[end] = node.key
            members.setdefault(node.key, set()).add(end)
        return keys[end]

    edges: dict[tuple[str, str], list[tuple[Flow, tuple[Carried, ...]]]] = {}
    for flow in found.flows:
        if _is_hidden(found.parties, flow, shape):
            continue
        client, server = key_of(flow.client), key_of(flow.server)
        for pair, types in _directed(flow, (client, server), shape.level):
            edges.setdefault(pair, []).append((flow, types))
    summed = [_edge(pair, parts) for pair, parts in edges.items()]
    summed.sort(key=_by_weight)
    return Graph(_weighed(nodes, members, summed), summed)


def drawn(graph: Graph, kept: Collection[str] = ()) -> Drawn:
    """The gravest of the graph; nodes of the `kept` keys are always among it."""
    order: dict[str, None] = dict.fromkeys(key for key in kept if key in graph.nodes)
    for edge in graph.edges:
        order |= {edge.source: None, edge.target: None}
    inside = [key for key in order if graph.nodes[key].kind is not Kind.OUTSIDE]
    outside = [key for key in order if graph.nodes[key].kind is Kind.OUTSIDE]
    left_out = [*_rest(inside, MOST_NODES), *_rest(outside, MOST_OUTSIDE)]
    gathered = {key: _gathering(graph.nodes[key]) for key in left_out}
    nodes = {key: graph.nodes[key] for key in order if key not in gathered}
    for key in left_out:
        more = nodes.get(gathered[key]) or Node(gathered[key], Kind.MORE, members=0)
        grave = max(more.sensitivity, graph.nodes[key].sensitivity)
        nodes[more.key] = more._replace(members=more.members + 1, sensitivity=grave)
    edges = _regrouped(graph.edges, gathered)
    fewer = _gravest(edges)
    return Drawn(Graph(nodes, fewer), len(left_out), len(edges) - len(fewer))


def _gravest(edges: list[Edge]) -> list[Edge]:
    """As many as may be drawn: the gravest of each node, then the gravest of all."""
    seen: set[str] = set()
    first: list[Edge] = []
    others: list[Edge] = []
    for edge in edges:
        (others if seen.issuperset(edge[:2]) else first).append(edge)
        seen.update(edge[:2])
    return sorted([*first, *others][:MOST_EDGES], key=_by_weight)


def _by_weight(edge: Edge) -> tuple[int, int, str, str]:
    """The gravest first."""
    return -edge.sensitivity, -edge.pairs, edge.source, edge.target


def _rest(keys: list[str], most: int) -> list[str]:
    """What is gathered; never one alone, which would take the same room itself."""
    return keys[most - 1 :] if len(keys) > most else []


def _gathering(node: Node) -> str:
    return f"more{_TAB}{'outside' if node.kind is Kind.OUTSIDE else 'inside'}"


def _regrouped(edges: Iterable[Edge], keys: Mapping[str, str]) -> list[Edge]:
    """Edges between what is drawn; those within what is gathered are left out."""
    found: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        pair = keys.get(edge.source, edge.source), keys.get(edge.target, edge.target)
        if pair[0] == pair[1] and pair[0] in keys.values():
            continue
        known = found.get(pair)
        found[pair] = edge._replace(source=pair[0], target=pair[1])
        if known:
            found[pair] = _sum(pair, [known, edge])
    return sorted(found.values(), key=_by_weight)


def _node(party: Party, shape: Shape) -> Node:
    names = (party.cluster, party.namespace)
    if party.is_outside:
        key = _key("outside", party.name)
        return Node(key, Kind.OUTSIDE, name=party.name, ids=(party.id,))
    if shape.level is Level.CLUSTERS:
        return Node(_key("cluster", party.cluster), Kind.CLUSTER, party.cluster)
    if shape.level is Level.NAMESPACES and names != shape.opened:
        return Node(_key("namespace", *names), Kind.NAMESPACE, *names)
    is_framed = shape.level in (Level.NAMESPACES, Level.WORKLOADS)
    return Node(
        _key("workload", *names, party.name, party.kind),
        Kind.WORKLOAD,
        *names,
        party.kind,
        party.name,
        (party.id,),
        _TAB.join(names) if is_framed else "",
    )


def _key(*names: str) -> str:
    return _TAB.join(names)


def _is_hidden(parties: Mapping[int, Party], flow: Flow, shape: Shape) -> bool:
    return bool(shape.hidden) and any(
        end != shape.around and not shape.hidden.isdisjoint(_names(parties[end]))
        for end in (flow.client, flow.server)
    )


def _names(party: Party) -> tuple[str, ...]:
    """All that it can be left out by."""
    return (
        *(party.name, party.namespace, f"{party.namespace}/{party.name}"),
        *(f"{party.cluster}/{party.namespace}", party.cluster),
    )


Directed = tuple[tuple[str, str], tuple[Carried, ...]]


def _directed(flow: Flow, pair: tuple[str, str], level: Level) -> list[Directed]:
    """Who asks whom; the data's own way where that is the question."""
    if level is not Level.DATA:
        return [(pair, flow.types)]
    sent = tuple(one for one in flow.types if one.is_sent)
    back = tuple(one for one in flow.types if one.is_returned)
    ways = ((pair, sent), (pair[::-1], back))
    return [(way, types) for way, types in ways if types]


def _edge(pair: tuple[str, str], parts: list[tuple[Flow, tuple[Carried, ...]]]) -> Edge:
    return _sum(
        pair,
        [
            Edge(*pair, flow.endpoints, flow.pairs, flow.sensitivity, types)
            for flow, types in parts
        ],
    )


def _sum(pair: tuple[str, str], edges: list[Edge]) -> Edge:
    if len(edges) == 1:
        return edges[0]._replace(source=pair[0], target=pair[1])
    types: dict[str, Carried] = {}
    for edge in edges:
        for one in edge.types:
            known = types.get(one.data_type)
            types[one.data_type] = _both(known, one) if known else one
    ranked = sorted(types.values(), key=lambda t: (-t.sensitivity, -t.values, t[0]))
    return Edge(
        *pair,
        sum(edge.endpoints for edge in edges),
        sum(edge.pairs for edge in edges),
        max(edge.sensitivity for edge in edges),
        tuple(ranked),
    )


def _both(one: Carried, other: Carried) -> Carried:
    return Carried(
        one.data_type,
        max(one.sensitivity, other.sensitivity),
        one.values + other.values,
        one.returned + other.returned,
    )


def _weighed(
    nodes: Mapping[str, Node], members: Mapping[str, set[int]], edges: list[Edge]
) -> dict[str, Node]:
    """The nodes in the order of their keys, with what their edges tell of them."""
    grave = dict.fromkeys(nodes, 0)
    asked = set()
    for edge in edges:
        asked.add(edge.target)
        for end in edge[:2]:
            grave[end] = max(grave[end], edge.sensitivity)
    return {
        key: nodes[key]._replace(
            members=len(members[key]),
            ids=tuple(sorted(members[key])) if nodes[key].ids else (),
            sensitivity=grave[key],
            is_asking=key not in asked,
        )
        for key in sorted(nodes)
    }
