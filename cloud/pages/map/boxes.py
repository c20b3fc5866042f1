"""How large the boxes of the map are, and what stands in them.

In: nodes of a graph. Out: for each a box for the layout, and its words. Sizes are
guessed from the number of letters, wide ones counted twice: who draws is a browser with
fonts that nobody here knows, so the guess is on the safe side.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple
from unicodedata import east_asian_width

from cloud.pages.formats import middle, number
from cloud.pages.map.graph import Graph, Kind, Node
from cloud.pages.map.layout.layers import LEFT, RIGHT, WITHIN
from cloud.pages.map.layout.picture import Box

NAME_PX, SMALL_PX = 8.2, 6.6
"""Width of a letter of 13 px half bold, and of one of 11 px."""
MOST_NAME, MOST_BELOW = 24, 28
"""Letters of a line in a box; names are cut in the middle."""
INSIDE_HIGH, OUTSIDE_HIGH = 42.0, 30.0
LEAST_WIDE = 104.0
_ROOM = 40.0
"""For the borders, and the sign of sensitivity."""


class Words(NamedTuple):
    """What stands in a box, and the whole of it for who asks."""

    name: str
    below: str
    whole: str


def words(node: Node, clusters: Collection[str]) -> Words:
    """`clusters` of the graph: one alone is not named each time."""
    where = [node.cluster] if len(clusters) > 1 else []
    if node.kind is Kind.MORE:
        outside = " outside" if node.key.endswith("outside") else ""
        name = f"and {number(node.members)} more"
        below = "" if outside else "see the table"
        return Words(name, below, f"{name}{outside}, in the table below")
    if node.kind is Kind.OUTSIDE:
        name = node.name or "outside"
        return Words(middle(name, MOST_NAME), "", f"{name}, outside")
    if node.kind is Kind.WORKLOAD:
        name = node.name or node.workload_kind or "unnamed"
        below = " / ".join([*where, node.namespace])
        if node.frame or not below:
            below = node.workload_kind
        whole = [name, node.workload_kind, node.namespace, node.cluster]
        return _cut(name, below, ", ".join(filter(None, whole)))
    name, kind = node.cluster, "cluster"
    if node.kind is Kind.NAMESPACE:
        name = node.namespace or "no namespace"
        kind = f"namespace of {node.cluster}"
    many = f"{number(node.members)} workload{'s' if node.members != 1 else ''}"
    lines = [*where, many] if node.kind is Kind.NAMESPACE else [many]
    return _cut(name, " · ".join(lines), f"{name}, {kind}, {many}")


def boxes(graph: Graph, clusters: Collection[str]) -> list[Box]:
    """All of a side are of one width."""
    told = {key: words(node, clusters) for key, node in graph.nodes.items()}
    sides = {key: side(node) for key, node in graph.nodes.items()}
    wide = {
        at: _width(told[key] for key in told if sides[key] == at)
        for at in (LEFT, WITHIN, RIGHT)
    }
    high = {LEFT: OUTSIDE_HIGH, WITHIN: INSIDE_HIGH, RIGHT: OUTSIDE_HIGH}
    return [
        Box(key, wide[sides[key]], high[sides[key]], sides[key], node.frame)
        for key, node in graph.nodes.items()
    ]


def side(node: Node) -> int:
    """Outside who only asks stands at the left, who receives at the right."""
    if node.kind is Kind.OUTSIDE:
        return LEFT if node.is_asking else RIGHT
    if node.kind is Kind.MORE and node.key.endswith("outside"):
        return RIGHT
    return WITHIN


def length(text: str) -> int:
    """Letters, wide ones twice."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _cut(name: str, below: str, whole: str) -> Words:
    return Words(middle(name, MOST_NAME), middle(below, MOST_BELOW), whole)


def _width(told: Iterable[Words]) -> float:
    found = LEAST_WIDE
    for one in told:
        name = length(one.name) * NAME_PX + _ROOM
        found = max(found, name, length(one.below) * SMALL_PX + 24)
    return float(round(found))
