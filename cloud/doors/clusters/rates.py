"""Rates: how much one cluster may send, so that it never slows the others.

In: what a cluster wants to send now. Out: nothing, or BusyError. Each cluster has an
allowance of packages and one of rows, which fills up evenly and holds a minute's worth.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import NamedTuple

from cloud.errors import BusyError

MOST_CLUSTERS = 10_000
"""Known at a time; the one that sent longest ago is forgotten, its allowances full."""
MINUTE = 60.0


class Limits(NamedTuple):
    """Of one cluster and minute."""

    packages: int = 1_200
    """A digger sends one every two seconds, or as often as one is full."""
    rows: int = 2_400_000
    """40,000 a second: what the store takes at best."""


class _Allowance:
    """What is left, of packages and of rows, at a moment."""

    __slots__ = ("at", "packages", "rows")

    def __init__(self, limits: Limits, at: float) -> None:
        self.packages, self.rows, self.at = (
            float(limits.packages),
            float(limits.rows),
            at,
        )

    def fill(self, limits: Limits, now: float) -> None:
        minutes, self.at = (now - self.at) / MINUTE, now
        most, rows = limits
        self.packages = min(most, self.packages + minutes * most)
        self.rows = min(rows, self.rows + minutes * rows)


class Rates:
    """The allowances of all clusters."""

    def __init__(self, limits: Limits, now: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._now = now
        self._lock = Lock()
        self._allowances: OrderedDict[str, _Allowance] = OrderedDict()

    def ask(self, cluster: str) -> None:
        """Raises BusyError if the cluster has sent too much already."""
        with self._lock:
            left = self._allowance(cluster)
            self._check(left)

    def take(self, cluster: str, rows: int) -> None:
        """Counts a package. Raises BusyError; then it is not counted.

        The rows may be more than are left: later packages wait for that.
        """
        with self._lock:
            left = self._allowance(cluster)
            self._check(left)
            left.packages -= 1
            left.rows -= rows

    def _check(self, left: _Allowance) -> None:
        if left.packages < 1 or left.rows <= 0:
            raise BusyError(
                "the cluster sends too many packages or rows, wait a minute"
            )

    def _allowance(self, cluster: str) -> _Allowance:
        now = self._now()
        left = self._allowances.get(cluster)
        if left is None:
            left = self._allowances[cluster] = _Allowance(self._limits, now)
            if len(self._allowances) > MOST_CLUSTERS:
                self._allowances.popitem(last=False)
        self._allowances.move_to_end(cluster)
        left.fill(self._limits, now)
        return left
