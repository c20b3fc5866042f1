"""The map as SVG 2: boxes that are links, arrows, and labels.

In: what is drawn of a graph, and where its nodes lead. Out: an `<svg>` element.
Colours, widths and fonts are classes of `static/map.css`, since the pages' policy
forbids styles within; so it is light and dark with the page. Sensitivity is told three
times: by colour, by width, and by a sign (▲ ◆ ●). Arrows are hidden from screen
readers: the table below the map has the same, in words. Names are a stranger's and
escaped.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from markupsafe import Markup

from cloud.pages.formats import data_type, middle
from cloud.pages.map.boxes import SMALL_PX, Words, boxes, length, words
from cloud.pages.map.flows import Carried
from cloud.pages.map.graph import Edge, Graph, Kind, Node
from cloud.pages.map.labels import Labels, own_pieces
from cloud.pages.map.layout.picture import Picture, Rect, lay_out
from cloud.pages.map.layout.placing import COLUMN_GAP, Point

SIGNS = ("", "●", "◆", "▲")
"""By sensitivity, as everywhere on the pages."""
MARGIN, TOP = 14.0, 34.0
"""Round the picture; above it, where the columns outside have their heading."""
BAND = 10.0
"""Round the boxes of a column outside."""
LABEL_HIGH = 16.0
MOST_LABELLED = 2
"""Data types named on an arrow; how many more there are is told."""
MOST_TOLD = 6
"""Data types in the title of an arrow."""
MOST_LETTERS = 20
"""Of a data type on an arrow."""
FEW, WIDE_GAP = 16, 132.0
"""Up to so many arrows the columns stand apart: all labels have room."""
STEP, STEPS = 200, 20
"""Widths in steps of 200 px, up to 4,000: for each the styles say how small it gets."""
_WORDS = ("no sensitive data", "low", "medium", "high")


class Canvas(NamedTuple):
    """What the drawing has to know beside the graph."""

    link: Callable[[Node], str]
    """Where a node leads; empty: nowhere."""
    frame_link: Callable[[str], str]
    center: str = ""
    """The node in the middle of attention."""
    names_types: bool = True
    """Arrows are labelled with their data types; false where all have the same."""


def draw(graph: Graph, canvas: Canvas) -> str:
    """The `<svg>` element, escaped; an empty graph is an empty picture."""
    return str(_Drawing(graph, canvas).svg())


class _Drawing:
    def __init__(self, graph: Graph, canvas: Canvas) -> None:
        self._graph = graph
        self._canvas = canvas
        clusters = {node.cluster for node in graph.nodes.values() if node.cluster}
        self._clusters: Collection[str] = clusters
        self._words = {key: words(node, clusters) for key, node in graph.nodes.items()}
        self._number = {key: n for n, key in enumerate(sorted(graph.nodes))}
        drawn = [edge[:2] for edge in graph.edges]
        gap = WIDE_GAP if len(drawn) <= FEW else COLUMN_GAP
        self._picture: Picture = lay_out(boxes(graph, clusters), drawn, gap)

    def svg(self) -> Markup:
        width = round(self._picture.width + 2 * MARGIN)
        height = round(self._picture.height + TOP + MARGIN)
        shape = Markup(
            '<svg class="map w{}" id="map" xmlns="http://www.w3.org/2000/svg" '
            'width="{}" height="{}" viewBox="0 0 {} {}" role="group" aria-label="Map">'
        ).format(min(width // STEP, STEPS), width, height, width, height)
        # The gravest on top. Pairs change all the time: they decide nothing here.
        edges = sorted(self._graph.edges, key=lambda edge: (edge.sensitivity, edge[:2]))
        parts = [
            shape,
            _ARROWHEADS,
            Markup('<g transform="translate({} {})">').format(*_whole(MARGIN, TOP)),
            *self._bands(),
            *(self._frame(name) for name in sorted(self._picture.frames)),
            Markup('<g aria-hidden="true">'),
            *(self._arrow(edge) for edge in edges),
            Markup("</g>"),
            *(self._box(key) for key in self._reading_order()),
            Markup('<g class="labels" aria-hidden="true">'),
            *self._labels(),
            Markup("</g></g></svg>"),
        ]
        return Markup("\n").join(parts)

    def _reading_order(self) -> list[str]:
        """From the left to the right, from above to below: the order of Tab."""
        places = self._picture.boxes
        return sorted(places, key=lambda key: (places[key].x, places[key].y, key))

    def _bands(self) -> list[Markup]:
        """Behind the columns of those outside."""
        found = []
        outside = {
            self._picture.boxes[key].x
            for key, node in self._graph.nodes.items()
            if node.kind is Kind.OUTSIDE
        }
        for x in sorted(outside):
            wide = max(r.width for r in self._picture.boxes.values() if r.x == x)
            rect = Rect(
                x - BAND,
                BAND - TOP,
                wide + 2 * BAND,
                self._picture.height + TOP + MARGIN - 2 * BAND,
            )
            found.append(
                Markup('<g class="outside"><rect {}rx="8"/>').format(_at(rect))
                + Markup('<text x="{}" y="{}">Outside</text></g>').format(
                    *_whole(x, 26 - TOP)
                )
            )
        return found

    def _frame(self, name: str) -> Markup:
        cluster, _, namespace = name.partition("\t")
        rect = self._picture.frames[name]
        shown = namespace or "no namespace"
        whole = f"{shown}, namespace of {cluster}"
        if len(self._clusters) > 1:
            shown = f"{middle(cluster, MOST_LETTERS)} / {shown}"
        text = Markup('<text x="{}" y="{}">{}</text>').format(
            *_whole(rect.x + 14, rect.y + 20), middle(shown, int(rect.width // 8))
        )
        if href := self._canvas.frame_link(name):
            text = Markup('<a href="{}" aria-label="{}, close">{}</a>').format(
                href, whole, text
            )
        return Markup(
            '<g class="frame"><title>{}</title><rect {}rx="10"/>{}</g>'
        ).format(whole, _at(rect), text)

    def _box(self, key: str) -> Markup:
        node, told = self._graph.nodes[key], self._words[key]
        rect = self._picture.boxes[key]
        parts = [
            Markup("<title>{}, {}</title>").format(
                told.whole, _WORDS[node.sensitivity]
            ),
            Markup('<rect {}rx="{}"/>').format(
                _at(rect), 15 if node.kind is Kind.OUTSIDE else 6
            ),
            *_texts(node, rect, told),
        ]
        inside = Markup("").join(parts)
        classes = f"node {node.kind.value}"
        if key == self._canvas.center:
            classes += " center"
        href = self._canvas.link(node)
        if not href:
            return Markup('<g class="{}">{}</g>').format(classes, inside)
        return Markup('<a class="{}" href="{}" data-n="{}">{}</a>').format(
            classes, href, self._number[key], inside
        )

    def _arrow(self, edge: Edge) -> Markup:
        level = edge.sensitivity
        return Markup(
            '<path class="flow s{}" d="{}" marker-end="url(#head{})" data-f="{}" '
            'data-t="{}"><title>{}</title></path>'
        ).format(
            level,
            self._path(edge),
            level,
            self._number[edge.source],
            self._number[edge.target],
            self._title(edge),
        )

    def _path(self, edge: Edge) -> str:
        if edge.source == edge.target:
            rect = self._picture.boxes[edge.source]
            x, y = _whole(rect.x + rect.width - 40, rect.y)
            return f"M{x} {y}c0-15 20-15 20-2"
        return _path(self._picture.ways[edge.source, edge.target])

    def _title(self, edge: Edge) -> str:
        ends = f"{self._words[edge.source].name} → {self._words[edge.target].name}"
        types = sorted(edge.types, key=lambda one: (-one.sensitivity, one.data_type))
        told = [_told(one) for one in types[:MOST_TOLD]]
        if len(edge.types) > MOST_TOLD:
            told.append(f"and {len(edge.types) - MOST_TOLD} more")
        return f"{ends}: {', '.join(told) or _WORDS[0]}"

    def _labels(self) -> list[Markup]:
        picture = self._picture
        heads = [
            frame._replace(height=28.0, width=min(frame.width, 180.0))
            for frame in picture.frames.values()
        ]
        free = Labels([*picture.boxes.values(), *heads])
        pieces = own_pieces(picture.ways)
        found = []
        for edge in sorted(self._graph.edges, key=lambda e: (-e.sensitivity, e[:2])):
            own = pieces.get(edge[:2])
            if not own or not edge.sensitivity:
                continue
            named = (MOST_LABELLED, 1) if self._canvas.names_types else ()
            texts = [label(edge, most) for most in named]
            for text in (*texts, SIGNS[edge.sensitivity]):
                width = length(text) * SMALL_PX + 10
                if at := free.place(own, width, LABEL_HIGH):
                    found.append(self._label(edge, text, at, width))
                    break
        return found

    def _label(self, edge: Edge, text: str, at: Point, width: float) -> Markup:
        x, y = at
        rect = Rect(x - width / 2, y - LABEL_HIGH / 2, width, LABEL_HIGH)
        return Markup(
            '<g class="label s{}" data-f="{}" data-t="{}"><rect {}rx="8"/>'
            '<text x="{}" y="{}">{}</text></g>'
        ).format(
            edge.sensitivity,
            self._number[edge.source],
            self._number[edge.target],
            _at(rect),
            *_whole(x, y + 4),
            text,
        )


def _texts(node: Node, rect: Rect, told: Words) -> list[Markup]:
    x, middle_y = rect.x + 12, rect.y + rect.height / 2
    y = middle_y - 2 if told.below else middle_y + 4.5
    found = [
        Markup('<text class="name" x="{}" y="{}">{}</text>').format(
            *_whole(x, y), told.name
        )
    ]
    if told.below:
        found.append(
            Markup('<text class="below" x="{}" y="{}">{}</text>').format(
                *_whole(x, middle_y + 13), told.below
            )
        )
    if sign := SIGNS[node.sensitivity]:
        found.append(
            Markup('<text class="sign s{}" x="{}" y="{}">{}</text>').format(
                node.sensitivity, *_whole(rect.x + rect.width - 12, y), sign
            )
        )
    return found


def label(edge: Edge, most: int = MOST_LABELLED) -> str:
    """The gravest data types of an arrow, in few letters."""
    grave = sorted(t[0] for t in edge.types if t.sensitivity == edge.sensitivity)
    named = [middle(data_type(one), MOST_LETTERS) for one in grave[:most]]
    rest = len(edge.types) - len(named)
    more = f" +{rest}" if rest else ""
    return f"{SIGNS[edge.sensitivity]} {', '.join(named)}{more}"


def _told(one: Carried) -> str:
    """Sent with the arrow, returned against it, or both."""
    way = ("→", "←", "⇄")[one.is_returned + (one.is_sent and one.is_returned)]
    return f"{SIGNS[one.sensitivity]} {data_type(one.data_type)} {way}".strip()


def _path(way: Sequence[Point]) -> str:
    """Level pieces and curves that are level at both ends."""
    (x, y), *rest = [_whole(*point) for point in way]
    pieces = [f"M{x} {y}"]
    for to_x, to_y in rest:
        if to_y == y:
            pieces.append(f"H{to_x}")
        else:
            middle_x = round((x + to_x) / 2)
            pieces.append(f"C{middle_x} {y} {middle_x} {to_y} {to_x} {to_y}")
        x, y = to_x, to_y
    return "".join(pieces)


def _at(rect: Rect) -> Markup:
    return Markup('x="{}" y="{}" width="{}" height="{}" ').format(*map(round, rect))


def _whole(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)


_ARROWHEADS = Markup("<defs>{}</defs>").format(
    Markup("").join(
        Markup(
            '<marker id="head{}" class="head s{}" viewBox="0 0 8 8" refX="7.4" '
            'refY="4" markerWidth="{}" markerHeight="{}" markerUnits="userSpaceOnUse" '
            'orient="auto"><path d="M0 .6 7.6 4 0 7.4z"/></marker>'
        ).format(level, level, 8 + level, 8 + level)
        for level in range(len(SIGNS))
    )
)
