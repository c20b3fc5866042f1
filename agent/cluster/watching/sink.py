"""Where watched objects go.

A sink takes objects as they come and change, and forgets those that go, by their uid.
What is deleted is put a last time before it is dropped: it may tell when it ended. Each
belongs to one watch's thread.
"""

from collections.abc import Set
from typing import Any, Protocol


class Sink(Protocol):
    """Takes objects of one kind."""

    def put(self, thing: Any) -> None:
        """An object as it is now."""

    def drop(self, uid: str) -> None:
        """It is gone; perhaps it never came."""

    def uids(self) -> Set[str]:
        """Those that came and are not gone."""
