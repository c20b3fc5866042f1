"""How old what is known of the cluster is.

Each watch says when it showed that what it knows is current. The age of all is that of
the oldest which names depend on. Thread-safe.
"""

import time
from collections.abc import Callable, Iterable

OLD_SECONDS = 60.0
"""Names are old when they were not current for so long: longer than a silent server
takes to be noticed."""


class Freshness:
    """Of the resources that names depend on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current: dict[str, float] = {}

    def need(self, resources: Iterable[str]) -> None:
        """From now on these count."""
        self._current = dict.fromkeys(resources, self._clock())

    def hear(self, resource: str) -> None:
        """What is known of the resource is current now."""
        if resource in self._current:
            self._current[resource] = self._clock()

    @property
    def age_seconds(self) -> float:
        """0 where nothing is watched: a file's names do not age."""
        return max(
            self._clock() - min(self._current.values(), default=self._clock()), 0
        )

    @property
    def is_old(self) -> bool:
        return self.age_seconds > OLD_SECONDS
