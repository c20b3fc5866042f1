"""Robots apart from people, by the user agent that they send (RFC 9110 section 10.1.5).

The words are in `robots.txt`, with where they are from. A user agent is looked at and
not kept in what leaves: only whether it is a robot's.
"""

from functools import lru_cache
from importlib.resources import files

KEPT = 4_096
"""User agents remembered, in memory."""
LONGEST = 512
"""Bytes of a user agent looked at."""


class Robots:
    """Knows the words."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words
        self.is_robot = lru_cache(KEPT)(self._is_robot)

    @classmethod
    def load(cls) -> "Robots":
        """Those of the list."""
        text = (files("agent.outside") / "robots.txt").read_text()
        lines = text.splitlines()
        return cls(tuple(line for line in lines if line and not line.startswith("#")))

    def _is_robot(self, user_agent: bytes) -> bool:
        """One that sends none is no browser, either."""
        told = user_agent[:LONGEST].decode("ascii", "replace").strip().lower()
        return not told or any(word in told for word in self._words)
