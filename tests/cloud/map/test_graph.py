"""Flows become nodes and edges at each level, and the gravest are drawn."""

from cloud.pages.map import graph
from cloud.pages.map.graph import Graph, Kind, Level, Shape, build, drawn
from tests.cloud.map.made import flows

SHOP = flows(
    "internet prod/web/gateway 50 email",
    "prod/web/gateway prod/shop/orders 40 token <email",
    "prod/shop/orders prod/shop/stock 30",
    "prod/shop/orders prod/pay/checkout 20 card email",
    "prod/pay/checkout cards.example 20 card",
    "eu/shop/orders eu/shop/stock 9 city",
)


def at(level: Level, **more: object) -> Graph:
    return build(SHOP, Shape(level, **more), {})  # type: ignore[arg-type]


def named(found: Graph) -> dict[str, Kind]:
    return {
        "/".join(filter(None, (n.cluster, n.namespace, n.name))): n.kind
        for n in found.nodes.values()
    }


def pairs(found: Graph) -> set[tuple[str, str, int]]:
    def name(key: str) -> str:
        node = found.nodes[key]
        return node.name or node.namespace or node.cluster

    return {(name(e.source), name(e.target), e.pairs) for e in found.edges}


def test_clusters_hold_their_workloads() -> None:
    found = at(Level.CLUSTERS)
    assert named(found) == {
        "prod": Kind.CLUSTER,
        "eu": Kind.CLUSTER,
        "internet": Kind.OUTSIDE,
        "cards.example": Kind.OUTSIDE,
    }
    assert pairs(found) == {
        ("internet", "prod", 50),
        ("prod", "prod", 90),
        ("prod", "cards.example", 20),
        ("eu", "eu", 9),
    }
    members = {n.cluster: n.members for n in found.nodes.values() if n.cluster}
    assert members == {"prod": 4, "eu": 2}


def test_namespaces_of_two_clusters_are_two() -> None:
    found = named(at(Level.NAMESPACES))
    assert {name for name, kind in found.items() if kind is Kind.NAMESPACE} == {
        *("prod/web", "prod/shop", "prod/pay", "eu/shop"),
    }


def test_opened_namespace_shows_its_workloads_in_a_frame() -> None:
    found = at(Level.NAMESPACES, opened=("prod", "shop"))
    framed = {n.name for n in found.nodes.values() if n.frame}
    assert framed == {"orders", "stock"}
    assert ("web", "orders", 40) in pairs(found)
    assert ("shop", "shop", 9) in pairs(found)


def test_data_goes_from_who_sends_to_who_receives() -> None:
    told = flows("a/b/portal a/b/archive 5 email <card", "a/b/x a/b/y 1")
    found = build(told, Shape(Level.DATA), {})
    ways = {(e.source[-17:-11], e.types[0].data_type) for e in found.edges}
    assert len(found.edges) == 2
    assert {(e.source, e.target) for e in found.edges} == {
        (e.target, e.source) for e in found.edges
    }
    assert {data_type for _, data_type in ways} == {
        "contact.email",
        "financial.payment_card",
    }


def test_edges_add_up_types_and_keep_the_gravest_first() -> None:
    told = flows(
        "a/b/x a/c/y 5 email city", "a/b/z a/c/y 7 card <email", "a/b/z a/c/w 1"
    )
    (edge,) = build(told, Shape(Level.NAMESPACES), {}).edges
    assert (edge.pairs, edge.endpoints, edge.sensitivity) == (13, 3, 3)
    assert [(t.data_type, t.values, t.returned) for t in edge.types] == [
        ("financial.payment_card", 10, 0),
        ("contact.email", 20, 10),
        ("contact.city", 10, 0),
    ]


def test_hidden_names_are_left_out_but_never_the_middle() -> None:
    hidden = frozenset({"stock"})
    found = named(at(Level.WORKLOADS, hidden=hidden))
    assert "prod/shop/stock" not in found
    assert "prod/shop/orders" in found
    for name in ("prod/shop", "shop/orders", "shop", "prod"):
        found = named(at(Level.WORKLOADS, hidden=frozenset({name})))
        assert "prod/shop/orders" not in found
    stock = next(p.id for p in SHOP.parties.values() if p.name == "stock")
    found = named(at(Level.AROUND, hidden=hidden, around=stock))
    assert "prod/shop/stock" in found


def test_party_that_is_a_workload_elsewhere_is_joined() -> None:
    told = flows("a/b/x y.c.global 5 card", "z d/c/y 3 email")
    outside, inside = (
        next(p.id for p in told.parties.values() if p.name == name)
        for name in ("y.c.global", "y")
    )
    found = build(told, Shape(Level.WORKLOADS), {outside: inside})
    assert pairs(found) == {("x", "y", 5), ("z", "y", 3)}


def test_gravest_are_drawn_and_the_rest_is_gathered() -> None:
    lines = [f"a/n{n:03}/x a/hub/y {n} city" for n in range(1, 101)]
    lines += [f"a/hub/y out-{n:02}.example {n} email" for n in range(1, 41)]
    lines += ["a/n001/x a/rare/z 1 card"]
    whole = build(flows(*lines), Shape(Level.NAMESPACES), {})
    part = drawn(whole)
    inside = [n for n in part.graph.nodes.values() if n.kind is Kind.NAMESPACE]
    outside = [n for n in part.graph.nodes.values() if n.kind is Kind.OUTSIDE]
    more = {n.key: n for n in part.graph.nodes.values() if n.kind is Kind.MORE}
    assert len(inside) == graph.MOST_NODES - 1
    assert len(outside) == graph.MOST_OUTSIDE - 1
    assert sum(n.members for n in more.values()) == part.nodes_left_out
    assert part.nodes_left_out == 102 - len(inside) + 40 - len(outside)
    names = {n.namespace for n in inside}
    assert {"hub", "rare", "n100"} <= names
    assert "n002" not in names
    gathered = sum(e.pairs for e in part.graph.edges)
    assert gathered == sum(e.pairs for e in whole.edges)


def test_each_drawn_node_keeps_its_gravest_edge() -> None:
    lines = [
        f"a/n{one}/x a/n{other}/x 9 card"
        for one in range(20)
        for other in range(20)
        if one != other
    ]
    lines.append("lone.example a/n0/x 1")
    part = drawn(build(flows(*lines), Shape(Level.NAMESPACES), {}))
    assert len(part.graph.edges) == graph.MOST_EDGES
    assert part.edges_left_out == 381 - graph.MOST_EDGES
    assert any(edge.source.endswith("lone.example") for edge in part.graph.edges)
    ends = {end for edge in part.graph.edges for end in edge[:2]}
    assert ends == part.graph.nodes.keys()


def test_kept_node_is_drawn_however_small() -> None:
    lines = [f"a/n{n:03}/x a/hub/y 9 card" for n in range(100)]
    whole = build(flows(*lines, "a/zzz/x a/hub/y 1"), Shape(Level.NAMESPACES), {})
    (key,) = [k for k, n in whole.nodes.items() if n.namespace == "zzz"]
    assert key not in drawn(whole).graph.nodes
    assert key in drawn(whole, [key]).graph.nodes
