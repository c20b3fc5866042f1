"""Where the labels of arrows stand, so that none covers a box or another label.

In: the boxes of a picture, and ways with the size of their labels, the most important
first. Out: for each way the middle of its label, where one has room. Places are tried
along the way: the middles of its curves, then points beside them, then level pieces.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from cloud.pages.map.layout.picture import Pair, Rect
from cloud.pages.map.layout.placing import Point

SHARES = (0.5, 0.38, 0.62, 0.27, 0.73)
"""Of a curve, where labels are tried."""
CELL = 64.0
"""Pixels of a square in which what is near is looked up: about a box."""
FREE = 2.0
"""Round a label."""

Piece = tuple[Point, Point]
"""Of a way: level, or a curve."""


def own_pieces(ways: Mapping[Pair, Sequence[Point]]) -> dict[Pair, list[Piece]]:
    """The pieces of each way that no other way shares, if it has some: a label on a
    trunk would be anybody's."""
    shared = Counter(piece for way in ways.values() for piece in pairwise(way))
    found = {}
    for pair, way in ways.items():
        pieces = list(pairwise(way))
        found[pair] = [one for one in pieces if shared[one] == 1] or pieces
    return found


class Labels:
    """Takes room for one label after the other."""

    def __init__(self, taken: Iterable[Rect]) -> None:
        self._cells: dict[tuple[int, int], list[Rect]] = {}
        for rect in taken:
            self._take(rect)

    def place(
        self, pieces: Sequence[Piece], width: float, height: float
    ) -> Point | None:
        """The middle of the label of this size; None where there is no room."""
        for x, y in _candidates(pieces, width):
            rect = Rect(
                x - width / 2 - FREE,
                y - height / 2 - FREE,
                width + 2 * FREE,
                height + 2 * FREE,
            )
            if not any(_overlap(rect, other) for other in self._near(rect)):
                self._take(rect)
                return round(x, 1), round(y, 1)
        return None

    def _take(self, rect: Rect) -> None:
        for cell in _cells(rect):
            self._cells.setdefault(cell, []).append(rect)

    def _near(self, rect: Rect) -> Iterable[Rect]:
        for cell in _cells(rect):
            yield from self._cells.get(cell, ())


def on_curve(start: Point, end: Point, share: float) -> Point:
    """A point of the cubic Bézier curve that is level at both ends, its control points
    in the middle between them."""
    (x1, y1), (x2, y2) = start, end
    middle = (x1 + x2) / 2
    a, b = (1 - share) ** 3, share**3
    c, d = 3 * (1 - share) ** 2 * share, 3 * (1 - share) * share**2
    return a * x1 + (c + d) * middle + b * x2, (a + c) * y1 + (d + b) * y2


def _candidates(pieces: Sequence[Piece], width: float) -> list[Point]:
    curves = [piece for piece in pieces if piece[0][1] != piece[1][1]]
    level = [
        piece
        for piece in pieces
        if piece[0][1] == piece[1][1] and abs(piece[1][0] - piece[0][0]) > width
    ]
    # The last curve is the arrow's own; the ones before may be shared.
    found = [on_curve(*curve, share) for share in SHARES for curve in curves[::-1]]
    for (x1, y), (x2, _) in level:
        found += [(x1 + (x2 - x1) * share, y) for share in SHARES]
    return found


def _cells(rect: Rect) -> Iterable[tuple[int, int]]:
    for column in range(int(rect.x // CELL), int((rect.x + rect.width) // CELL) + 1):
        for row in range(int(rect.y // CELL), int((rect.y + rect.height) // CELL) + 1):
            yield column, row


def _overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )
