"""The layout of the map: where boxes, frames and arrows are drawn.

In: boxes with their sizes, some within frames, and arrows between boxes. Out:
rectangles and points. Pure: no time, no chance, and no matter in which order boxes and
arrows come, so the same graph is the same picture, and a change is seen where it is.

Theory of operation. First all is laid out from outside: a frame is one box. From the
columns (`layers`) follows at which border each arrow goes through a frame: there it
gets a gate. Then each frame is laid out from inside, its gates at its left and right
side. Now the frames' sizes are known, and how far down their gates are, and all is
placed (`placing`). A way is joined of up to three parts: out of a frame, between, into
a frame.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cloud.pages.map.layout.bends import Line
from cloud.pages.map.layout.layers import LEFT, RIGHT, WITHIN, columns
from cloud.pages.map.layout.placing import COLUMN_GAP, Laid, Point, place

PADDING = 14.0
"""Within a frame."""
HEAD = 30.0
"""Of a frame: its name."""
GATE_HIGH = 2.0

Key = str
Pair = tuple[Key, Key]


class Box(NamedTuple):
    """A box to draw."""

    key: Key
    """Unique; boxes are put in the order of their keys where nothing else decides."""
    width: float
    height: float
    side: int = WITHIN
    frame: str = ""
    """What it stands in; boxes at a side stand in none."""


class Rect(NamedTuple):
    """The top left corner, and the size."""

    x: float
    y: float
    width: float
    height: float


class Picture(NamedTuple):
    """A finished layout; its top left corner is 0, 0."""

    width: float
    height: float
    boxes: dict[Key, Rect]
    frames: dict[str, Rect]
    ways: dict[Pair, list[Point]]
    """Points of an arrow from its source to its target; between two of them it is level
    or a curve. An arrow from a box to itself has no way."""


def lay_out(
    boxes: Iterable[Box], arrows: Iterable[Pair], gap: float = COLUMN_GAP
) -> Picture:
    """Arrows that are named twice are drawn once; `gap` is left between columns."""
    return _Layout(sorted(boxes), sorted(set(arrows)), gap).picture()


class _Gate(NamedTuple):
    """Where arrows of a box go through the border of its frame."""

    box: Key
    is_right: bool
    is_back: bool


class _Inside:
    """A frame, laid out from inside."""

    def __init__(
        self,
        boxes: Sequence[Box],
        arrows: Sequence[Pair],
        gates: Sequence[_Gate],
        gap: float,
    ) -> None:
        number = {box.key: n for n, box in enumerate(boxes)}
        sides = [WITHIN] * len(boxes)
        lines = [(number[a], number[b]) for a, b in arrows]
        for n, gate in enumerate(gates, len(boxes)):
            sides.append(RIGHT if gate.is_right else LEFT)
            box = number[gate.box]
            lines.append((box, n) if gate.is_right else (n, box))
        column = columns(sides, lines)
        drawn = [_line(column, a, b) for a, b in lines[: len(arrows)]]
        for gate, (a, b) in zip(gates, lines[len(arrows) :], strict=True):
            drawn.append(Line(a, b, is_back=gate.is_back))
        sizes = [(box.width, box.height) for box in boxes]
        sizes += [(0.0, GATE_HIGH)] * len(gates)
        self.laid: Laid = place(sizes, column, drawn, gap)
        self.width = self.laid.width + 2 * PADDING
        self.height = self.laid.height + HEAD + PADDING
        ways = [
            way[::-1] if line.is_back else way
            for way, line in zip(self.laid.ways, drawn, strict=True)
        ]
        self.ways = dict(zip(arrows, ways, strict=False))
        self.gates = dict(zip(gates, self.laid.ways[len(arrows) :], strict=True))
        self.corners = {box.key: self.laid.corners[n] for n, box in enumerate(boxes)}

    def gate_height(self, gate: _Gate) -> float:
        """How far down the frame's border."""
        return HEAD + self.gates[gate][-1 if gate.is_right else 0][1]


class _Layout:
    def __init__(
        self, boxes: Sequence[Box], arrows: Sequence[Pair], gap: float
    ) -> None:
        self._gap = gap
        self._boxes = {box.key: box for box in boxes}
        self._arrows = [(a, b) for a, b in arrows if a != b]
        free = [box.key for box in boxes if not box.frame]
        self._frames = sorted({box.frame for box in boxes if box.frame})
        self._number: dict[tuple[str, str], int] = {}
        """Of what is seen from outside: frames and free boxes."""
        for named in [("", key) for key in free] + [
            (name, "") for name in self._frames
        ]:
            self._number[named] = len(self._number)
        sides = [self._boxes[key].side for key in free] + [WITHIN] * len(self._frames)
        self._crossing = [
            pair for pair in self._arrows if len(set(self._ends(pair))) > 1
        ]
        joined = sorted({self._ends(pair) for pair in self._crossing})
        self._column = columns(sides, joined)
        self._inside = {name: self._lay_inside(name) for name in self._frames}

    def picture(self) -> Picture:
        lines = {pair: self._outer_line(pair) for pair in self._crossing}
        drawn = sorted(set(lines.values()), key=_order)
        sizes = [
            (self._inside[frame].width, self._inside[frame].height)
            if frame
            else self._boxes[key][1:3]
            for frame, key in self._number
        ]
        laid = place(sizes, self._column, drawn, self._gap)
        way_of = dict(zip(drawn, laid.ways, strict=True))
        corners = dict(zip(self._number, laid.corners, strict=True))
        ways = {
            pair: self._joined(pair, way_of[line], corners)
            for pair, line in lines.items()
        }
        for name in self._frames:
            for pair, way in self._inside[name].ways.items():
                ways[pair] = _moved(way, corners[name, ""])
        frames = {
            name: Rect(
                *corners[name, ""], self._inside[name].width, self._inside[name].height
            )
            for name in self._frames
        }
        boxes = {key: self._rect(box, corners) for key, box in self._boxes.items()}
        return Picture(laid.width, laid.height, boxes, frames, ways)

    def _outer(self, key: Key) -> int:
        frame = self._boxes[key].frame
        return self._number[(frame, "") if frame else ("", key)]

    def _ends(self, pair: Pair) -> tuple[int, int]:
        return self._outer(pair[0]), self._outer(pair[1])

    def _is_back(self, pair: Pair) -> bool:
        source, target = self._ends(pair)
        return self._column[source] > self._column[target]

    def _gates(self, pair: Pair) -> tuple[_Gate, _Gate]:
        """At the left end and at the right end of an arrow between two frames."""
        is_back = self._is_back(pair)
        left, right = pair[::-1] if is_back else pair
        return _Gate(left, True, is_back), _Gate(right, False, is_back)

    def _lay_inside(self, name: str) -> _Inside:
        members = [box for box in self._boxes.values() if box.frame == name]
        keys = {box.key for box in members}
        own = [pair for pair in self._arrows if pair[0] in keys and pair[1] in keys]
        gates = {
            gate
            for pair in self._crossing
            for gate in self._gates(pair)
            if gate.box in keys
        }
        return _Inside(members, own, sorted(gates), self._gap)

    def _outer_line(self, pair: Pair) -> Line:
        left, right = self._gates(pair)
        source, target = self._outer(left.box), self._outer(right.box)
        return Line(source, target, self._down(left), self._down(right), left.is_back)

    def _down(self, gate: _Gate) -> float | None:
        frame = self._boxes[gate.box].frame
        return self._inside[frame].gate_height(gate) if frame else None

    def _joined(
        self, pair: Pair, way: list[Point], corners: dict[tuple[str, str], Point]
    ) -> list[Point]:
        left, right = self._gates(pair)
        points = [*self._part(left, corners), *way, *self._part(right, corners)]
        return points[::-1] if left.is_back else points

    def _part(self, gate: _Gate, corners: dict[tuple[str, str], Point]) -> list[Point]:
        frame = self._boxes[gate.box].frame
        if not frame:
            return []
        return _moved(self._inside[frame].gates[gate], corners[frame, ""])

    def _rect(self, box: Box, corners: dict[tuple[str, str], Point]) -> Rect:
        if not box.frame:
            return Rect(*corners["", box.key], box.width, box.height)
        (corner,) = _moved(
            [self._inside[box.frame].corners[box.key]], corners[box.frame, ""]
        )
        return Rect(*corner, box.width, box.height)


def _line(column: Sequence[int], source: int, target: int) -> Line:
    if column[source] < column[target]:
        return Line(source, target)
    return Line(target, source, is_back=True)


def _order(line: Line) -> tuple[object, ...]:
    return line[:2], line.leave or -1.0, line.enter or -1.0, line.is_back


def _moved(way: list[Point], corner: Point) -> list[Point]:
    """From within a frame to the whole."""
    x, y = corner
    return [(round(x + PADDING + a, 1), round(y + HEAD + b, 1)) for a, b in way]
