"""An outage of a link: each reason is told once, and once that it is over."""

import logging
from collections.abc import Callable

log = logging.getLogger("vethscope")


class Outage:
    """Of the link to one server; lines begin with its group of settings."""

    def __init__(
        self,
        group: str,
        server: str,
        ending: str = "trying on",
        say: Callable[[str], None] = log.warning,
    ) -> None:
        """`ending`: what happens meanwhile."""
        self._group = group
        self._server = server
        self._ending = ending
        self._say = say
        self._told: set[str] = set()

    @property
    def is_on(self) -> bool:
        return bool(self._told)

    def tell(self, reason: str = "") -> None:
        """What the server does, like "refuses us"; empty: nobody is there, which is
        told only if nothing else was."""
        if reason in self._told or (not reason and self._told):
            return
        self._told.add(reason)
        words = reason or "is not reachable"
        self._say(f"{self._group}: {self._server} {words}, {self._ending}")

    def end(self) -> None:
        if self._told:
            self._told.clear()
            self._say(f"{self._group}: {self._server} is back")
