"""Connections of browsers: bounded in number and in time.

In: the sockets of uvicorn. Out: requests for the application. A connection that does
not bring a whole head in time is closed, and so is one that does not take its answer.
When there are too many, of one address or in all, the one that has waited longest for
its request makes room: those who send nothing never keep others out.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""From the connection, or the answer before, to a whole head."""
ANSWER_SECONDS = 60.0
"""From then to the end of the answer."""
IDLE_SECONDS = 15
"""Between two requests."""
MOST_CONNECTIONS = 400
MOST_OF_ADDRESS = 100
"""A proxy in front has one address for all: it keeps its own connections few."""


class BrowserConnection(H11Protocol):
    """One connection."""

    _deadline: asyncio.TimerHandle | None = None
    _overdue: object = None

    @property
    def address(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def is_waiting(self) -> bool:
        """Nothing is to be answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.since = self.loop.time()
        self._await(HEAD_SECONDS)
        others = [c for c in self.connections if isinstance(c, BrowserConnection)]
        neighbours = [c for c in others if c.address == self.address]
        if len(neighbours) > MOST_OF_ADDRESS:
            _make_room(neighbours)
        elif len(others) > MOST_CONNECTIONS:
            _make_room(others)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.since = self.loop.time()
        self._await(HEAD_SECONDS + IDLE_SECONDS)

    def _await(self, seconds: float) -> None:
        self._unset_deadline()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        """An answer under way gets its own time, once."""
        if self.is_waiting or self._overdue is self.cycle:
            self.transport.abort()
            return
        self._overdue = self.cycle
        self._await(ANSWER_SECONDS)


def _make_room(connections: list[BrowserConnection]) -> None:
    waiting = [one for one in connections if one.is_waiting]
    victim = min(waiting or connections, key=lambda one: one.since)
    victim.transport.abort()
