"""Long lines between the columns, as bends in each column that they pass.

In: the columns of boxes, and lines between them. Out: for each column its stops (boxes
and bends), and for each line the stops that it passes. A line over several columns gets
a bend in each one between, which has room of its own there: so no line runs through a
box. Lines that leave one box for far ones share their bends, or those that come to one
box from afar: whichever box has more of them. So a box with five hundred clients has
one trunk with branches, not five hundred lines side by side.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """From a box to one in a later column, drawn from the left to the right."""

    source: int
    target: int
    leave: float | None = None
    """Where it leaves the source, from its top; None: where there is most room."""
    enter: float | None = None
    is_back: bool = False
    """Its arrow points to the left; such a line keeps apart from those to the right."""


class Web(NamedTuple):
    """Boxes, numbered as they came, and bends, numbered after them."""

    columns: list[list[int]]
    """Stops by column."""
    paths: list[list[int]]
    """The stops of each line, its ends included."""
    bends: int


def web(column: Sequence[int], lines: Sequence[Line]) -> Web:
    """Each line leads at least one column to the right."""
    count = len(column)
    stops: list[list[int]] = [[] for _ in range(max(column, default=-1) + 1)]
    for box, at in enumerate(column):
        stops[at].append(box)
    known: dict[tuple[object, ...], int] = {}
    ends = Counter(
        end for line in lines if _is_long(column, line) for end in _ends(line)
    )

    def bend(trunk: tuple[object, ...], at: int) -> int:
        key = (*trunk, at)
        if key not in known:
            known[key] = count + len(known)
            stops[at].append(known[key])
        return known[key]

    paths = []
    for line in lines:
        trunk = max(_ends(line), key=lambda end: ends[end])
        between = range(column[line.source] + 1, column[line.target])
        passed = [bend(trunk, at) for at in between]
        paths.append([line.source, *passed, line.target])
    return Web([_centred(column, count) for column in stops], paths, len(known))


def _centred(stops: list[int], count: int) -> list[int]:
    """Bends in the middle of the boxes: a trunk has its branches on both sides."""
    boxes = [stop for stop in stops if stop < count]
    half = len(boxes) // 2
    return [*boxes[:half], *stops[len(boxes) :], *boxes[half:]]


def _is_long(column: Sequence[int], line: Line) -> bool:
    return column[line.target] - column[line.source] > 1


def _ends(line: Line) -> tuple[tuple[object, ...], tuple[object, ...]]:
    back = line.is_back
    return ("out", line.source, line.leave, back), ("in", line.target, line.enter, back)
