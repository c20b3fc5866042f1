"""The order of the stops in each column, so that few lines cross.

In: stops by column, and the lines between neighbouring columns. Out: the same stops in
a better order. The barycentre method of Sugiyama, Tagawa and Toda (1981): a column is
sorted by the mean place of what its stops are joined to in the column before, then the
other way round, and so on; the order with fewest crossings is kept. Then neighbours
change places where that alone removes crossings.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

SWEEPS = 6
"""To the right and back, begun at either end: then nothing gets better."""
MOST_SWAPPED = 200
"""Stops of a column whose neighbours are tried the other way round: it costs the
square of their lines."""

Pair = tuple[int, int]


def ordered(columns: Sequence[list[int]], pairs: Sequence[Pair]) -> list[list[int]]:
    """`pairs`: stops of neighbouring columns that a line joins, the left one first,
    each once."""
    found = _Order(columns, pairs)
    for start in (0, 1):
        found.begin(columns)
        for sweep in range(SWEEPS):
            found.sweep(is_rightwards=sweep % 2 == start)
    found.swap()
    return found.best


def crossings(columns: Sequence[Sequence[int]], pairs: Sequence[Pair]) -> int:
    """How many pairs of lines cross between the columns."""
    place = {stop: n for column in columns for n, stop in enumerate(column)}
    at = {stop: n for n, column in enumerate(columns) for stop in column}
    gaps: list[list[Pair]] = [[] for _ in columns]
    for left, right in pairs:
        gaps[at[left]].append((place[left], place[right]))
    return sum(map(_inversions, gaps))


def _inversions(lines: list[Pair]) -> int:
    seen: list[int] = []
    total = 0
    for _, right in sorted(lines):
        total += len(seen) - bisect_right(seen, right)
        insort(seen, right)
    return total


class _Order:
    def __init__(self, columns: Sequence[list[int]], pairs: Sequence[Pair]) -> None:
        self._pairs = pairs
        self._columns = [list(column) for column in columns]
        self._left: dict[int, list[int]] = {}
        self._right: dict[int, list[int]] = {}
        for left, right in pairs:
            self._right.setdefault(left, []).append(right)
            self._left.setdefault(right, []).append(left)
        self.best = [list(column) for column in columns]
        self._fewest = crossings(self.best, pairs)

    def begin(self, columns: Sequence[list[int]]) -> None:
        """Anew from these; the best is kept."""
        self._columns = [list(column) for column in columns]

    def sweep(self, is_rightwards: bool) -> None:
        joined = self._left if is_rightwards else self._right
        columns = self._columns if is_rightwards else self._columns[::-1]
        place: dict[int, float] = {}
        for column in columns:
            # Shares of the column, so that long and short columns can be compared.
            size = max(len(column), 1)
            weight = {stop: (n + 0.5) / size for n, stop in enumerate(column)}
            for stop in column:
                if others := joined.get(stop):
                    weight[stop] = sum(place[other] for other in others) / len(others)
            column.sort(key=weight.__getitem__)
            place |= {stop: (n + 0.5) / size for n, stop in enumerate(column)}
        self._keep()

    def swap(self) -> None:
        """Tries neighbours the other way round, in the best order found."""
        self._columns = [list(column) for column in self.best]
        place = {stop: n for column in self._columns for n, stop in enumerate(column)}
        for column in self._columns:
            if len(column) > MOST_SWAPPED:
                continue
            for n in range(len(column) - 1):
                one, other = column[n], column[n + 1]
                if self._gain(one, other, place) > 0:
                    column[n], column[n + 1] = other, one
                    place[one], place[other] = n + 1, n
        self._keep()

    def _gain(self, one: int, other: int, place: dict[int, int]) -> int:
        """Crossings between the lines of two neighbours that a change would remove."""
        gain = 0
        for joined in (self._left, self._right):
            mine = sorted(place[stop] for stop in joined.get(one, ()))
            theirs = sorted(place[stop] for stop in joined.get(other, ()))
            gain += sum(bisect_left(theirs, at) for at in mine)
            gain -= sum(bisect_left(mine, at) for at in theirs)
        return gain

    def _keep(self) -> None:
        found = crossings(self._columns, self._pairs)
        if found < self._fewest:
            self._fewest = found
            self.best = [list(column) for column in self._columns]
