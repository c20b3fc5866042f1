"""Which column a box stands in: so that arrows lead from the left to the right.

In: how many boxes there are, arrows between them, and which boxes belong to a side.
Out: a column for each box, the left one 0. Two steps of the method of Sugiyama, Tagawa
and Toda (1981): arrows that would close a circle are turned round, by the greedy order
of Eades, Lin and Smyth (1993); then each box stands as far left as its arrows let it,
in columns of bounded height, and is drawn towards what it leads to where that shortens
its arrows. The numbers of boxes are their order: the same numbers give the same
columns.
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from math import isqrt

LEFT, WITHIN, RIGHT = -1, 0, 1
"""Sides: columns of their own at the left and the right, and all those between."""
LEAST_HIGH = 8
"""Boxes that a column may always have."""
PASSES = 4
"""Of drawing boxes towards what they lead to; later ones change little."""

Arrow = tuple[int, int]


def columns(sides: Sequence[int], arrows: Sequence[Arrow]) -> list[int]:
    """The column of each box; no arrow stays within a column.

    `arrows` are distinct and lead from a box to another one.
    """
    rank = _ranks(sides, arrows)
    forward = [pair if rank[pair[0]] < rank[pair[1]] else pair[::-1] for pair in arrows]
    after = _neighbours(len(sides), forward)
    before = _neighbours(len(sides), [(b, a) for a, b in forward])
    high = max(LEAST_HIGH, isqrt(len(sides) * 3 // 2))
    placed = _Columns(sides, sorted(range(len(sides)), key=rank.__getitem__), high)
    placed.fill(before, after)
    placed.shorten(before, after)
    return placed.numbers()


def _neighbours(count: int, arrows: Sequence[Arrow]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(count)]
    for source, target in arrows:
        found[source].append(target)
    return found


def _ranks(sides: Sequence[int], arrows: Sequence[Arrow]) -> list[int]:
    """A place in a row for each box, in which few arrows lead back."""
    order: list[int] = []
    for side in (LEFT, WITHIN, RIGHT):
        members = [box for box, its in enumerate(sides) if its == side]
        inner = [
            (source, target)
            for source, target in arrows
            if sides[source] == sides[target] == side
        ]
        order += _greedy(members, inner, len(sides))
    rank = [0] * len(sides)
    for place, box in enumerate(order):
        rank[box] = place
    return rank


def _greedy(members: list[int], arrows: list[Arrow], count: int) -> list[int]:
    """Takes what nothing leads to from the front, what leads nowhere from the back, and
    between them the box with most arrows out over those in."""
    after = _neighbours(count, arrows)
    before = _neighbours(count, [(b, a) for a, b in arrows])
    ways_out = [len(found) for found in after]
    ways_in = [len(found) for found in before]

    def urgency(box: int) -> tuple[int, int]:
        if not ways_in[box]:
            return -count - 1, box
        if not ways_out[box]:
            return -count, box
        return ways_in[box] - ways_out[box], box

    waiting = [urgency(box) for box in members]
    heapify(waiting)
    front: list[int] = []
    back: list[int] = []
    is_taken = [False] * count
    while waiting:
        told = heappop(waiting)
        box = told[1]
        if is_taken[box] or told != urgency(box):
            continue
        is_taken[box] = True
        is_end = ways_in[box] and not ways_out[box]
        (back if is_end else front).append(box)
        for counts, others in ((ways_in, after[box]), (ways_out, before[box])):
            for other in others:
                counts[other] -= 1
                if not is_taken[other]:
                    heappush(waiting, urgency(other))
    return front + back[::-1]


class _Columns:
    """Boxes on their way to a column."""

    def __init__(self, sides: Sequence[int], order: list[int], high: int) -> None:
        self._sides = sides
        self._order = order
        self._high = high
        self._column = [0] * len(sides)
        self._filled: dict[tuple[int, int], int] = {}
        """Side and column → how many boxes."""

    def fill(self, before: list[list[int]], after: list[list[int]]) -> None:
        """As far left as the arrows and the height let a box, one side beyond the
        other; lone boxes last, where their side has most room."""
        for side in (LEFT, WITHIN, RIGHT):
            start = self._width()
            members = [box for box in self._order if self._sides[box] == side]
            for box in members:
                if before[box] or after[box]:
                    at = (self._column[other] + 1 for other in before[box])
                    self._put(box, max(start, max(at, default=start)))
            own = range(start, max(self._width(), start + 1))
            for box in members:
                if not before[box] and not after[box]:
                    key = min(own, key=lambda at: self._filled.get((side, at), 0))
                    self._put(box, key)

    def shorten(self, before: list[list[int]], after: list[list[int]]) -> None:
        """Moves boxes within what their arrows leave free, to where those are shorter:
        the step that a network simplex repeats until nothing gains."""
        column = self._column
        last = max((at for side, at in self._filled if side == WITHIN), default=0)
        for _ in range(PASSES):
            moved = False
            for box in reversed(self._order):
                if len(after[box]) <= len(before[box]) or self._sides[box] != WITHIN:
                    continue
                at = min(last, min(column[other] for other in after[box]) - 1)
                while at > column[box] and not self._has_room(box, at):
                    at -= 1
                if at > column[box]:
                    self._filled[WITHIN, column[box]] -= 1
                    self._count(box, at)
                    moved = True
            if not moved:
                return

    def numbers(self) -> list[int]:
        """The columns without those that nothing stands in."""
        known = {column: n for n, column in enumerate(sorted(set(self._column)))}
        return [known[column] for column in self._column]

    def _width(self) -> int:
        return (
            max((at for (_, at), boxes in self._filled.items() if boxes), default=-1)
            + 1
        )

    def _has_room(self, box: int, at: int) -> bool:
        """Those at a side shall stand in one column, however many they are."""
        side = self._sides[box]
        return side != WITHIN or self._filled.get((side, at), 0) < self._high

    def _put(self, box: int, at: int) -> None:
        while not self._has_room(box, at):
            at += 1
        self._count(box, at)

    def _count(self, box: int, at: int) -> None:
        self._column[box] = at
        key = self._sides[box], at
        self._filled[key] = self._filled.get(key, 0) + 1
