"""What is drawn, letter by letter, and what a stranger's names cannot do."""

import re
from pathlib import Path
from xml.etree import ElementTree

from cloud.pages.map.drawing import Canvas, draw
from cloud.pages.map.graph import Graph, Level, Shape, build, drawn
from tests.cloud.map.made import flows

GOLDEN = Path(__file__).parent / "small.svg"
PLAIN = Canvas(lambda node: f"/map?n={node.name}", lambda _: "")
SVG = "{http://www.w3.org/2000/svg}"


def small() -> Graph:
    told = flows(
        "internet prod/web/gateway 50 email",
        "prod/web/gateway prod/shop/orders 40 token <email",
        "prod/shop/orders prod/shop/orders 4",
        "prod/shop/orders cards.example 20 card city",
    )
    return build(told, Shape(Level.NAMESPACES, opened=("prod", "shop")), {})


def test_small_graph_is_this_picture() -> None:
    """After a wanted change: look at the new picture, then keep it."""
    assert draw(small(), PLAIN) == GOLDEN.read_text().strip()


def test_pairs_do_not_change_the_picture() -> None:
    found = small()
    busier = [edge._replace(pairs=edge.pairs * 7) for edge in found.edges[::-1]]
    assert draw(Graph(found.nodes, busier), PLAIN) == draw(found, PLAIN)


def test_nodes_are_links_with_names_in_reading_order() -> None:
    root = ElementTree.fromstring(draw(small(), PLAIN))
    links = [link for link in root.iter(f"{SVG}a") if "data-n" in link.attrib]
    assert [link.findtext(f"{SVG}title") for link in links] == [
        "internet, outside, medium",
        "web, namespace of prod, 1 workload, high",
        "orders, Deployment, shop, prod, high",
        "cards.example, outside, high",
    ]


def test_sensitivity_has_a_sign_beside_its_colour() -> None:
    text = draw(small(), PLAIN)
    assert re.findall(r'<text x="\d+" y="\d+">(.)[^<]*</text></g>', text)
    for sign, level in (("▲", 3), ("◆", 2)):
        assert f'class="label s{level}"' in text
        assert f">{sign} " in text


def test_names_are_escaped_and_there_is_no_style() -> None:
    name = """"><script>alert(1)</script>&'"""
    told = flows("a/b/x a/c/y 1 card")
    parties = {
        k: p._replace(name=name, namespace=name) for k, p in told.parties.items()
    }
    for level in (Level.NAMESPACES, Level.WORKLOADS, Level.CLUSTERS):
        found = build(told._replace(parties=parties), Shape(level), {})
        text = draw(found, PLAIN)
        assert "<script" not in text
        assert "style" not in text
        ElementTree.fromstring(text)


def test_long_names_are_cut_and_told_whole() -> None:
    name = "a-very-long-name-of-a-workload-that-nobody-can-read"
    text = draw(build(flows(f"a/b/{name} a/b/y 1"), Shape(Level.WORKLOADS), {}), PLAIN)
    assert f"<title>{name}, Deployment, b, a, no sensitive data</title>" in text
    assert f">{name}<" not in text


def test_nothing_is_an_empty_picture() -> None:
    root = ElementTree.fromstring(draw(drawn(Graph({}, [])).graph, PLAIN))
    assert not list(root.iter(f"{SVG}a"))
