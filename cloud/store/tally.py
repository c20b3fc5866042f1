"""The tally: what the writer has done since the start, and whether it fails now.

In: each group of packages that was written, and each that could not be. Out: counts
for metrics, and the failure that lasts. A failure is over with the next group that is
stored. Senders repeat what was not, so without a try it is over after a while, too.
"""

from typing import NamedTuple

LASTING_SECONDS = 20
"""A digger tries again within 15 s; without a try nothing is known to fail."""


class Failure(NamedTuple):
    """What cannot be written, in the database's own words."""

    since_seconds: int
    last_seconds: int
    words: str


class Tally:
    """Written by the writer's thread, read by others."""

    def __init__(self) -> None:
        self.groups = 0
        self.packages = 0
        """In groups that were committed, also those that were stored before."""
        self.rows = 0
        self.seconds = 0.0
        """For merging, writing and committing."""
        self._failure: Failure | None = None

    def stored(self, packages: int, rows: int, seconds: float) -> None:
        """A group was committed."""
        self.groups += 1
        self.packages += packages
        self.rows += rows
        self.seconds += seconds
        self._failure = None

    def failed(self, words: str, now_seconds: int) -> None:
        """A group was not written, by no fault of its own."""
        since = self.failure(now_seconds)
        first = since.since_seconds if since else now_seconds
        self._failure = Failure(first, now_seconds, words)

    def failure(self, now_seconds: int) -> Failure | None:
        """The one that lasts."""
        found = self._failure
        if found and now_seconds - found.last_seconds <= LASTING_SECONDS:
            return found
        return None
