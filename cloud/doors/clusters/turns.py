"""Turns: who may store next, so that no cluster waits for another's queue.

In: messages that came, with the cluster that sent each. Out: a place in the room for
those that are being stored, one after the other. Bytes of clusters that wait take turns
(start-time fair queueing, Goyal, Vin and Cheng 1996): each message gets a tag, where
its cluster's last one ended, and the least tag is next. So a cluster that has sent much
waits behind one that has sent little, and nobody waits for more than what is in the
room. Used in one thread, that of the collector.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cloud.errors import BusyError, UnavailableError

ROOM_BYTES = 4 << 20
"""Of messages parsed and not yet stored: one group is written while the next gathers.
Parsed they take some five times as much."""
WAITING_BYTES = 32 << 20
"""Of messages that wait for room; senders of more come again."""
WAITING_BYTES_OF_CLUSTER = 8 << 20
"""A digger has one package under way: two of the largest, or forty usual ones."""


class Turns:
    """A room of some bytes, and those who wait for it."""

    def __init__(self) -> None:
        self._free = ROOM_BYTES
        self._now = 0
        """The tag of the last message that was let in."""
        self._ends: dict[str, int] = {}
        """Owner → the tag of its next message."""
        self._queue: list[tuple[int, int, int, asyncio.Future[None]]] = []
        """Tag, number, bytes: a heap."""
        self._number = 0
        self._waiting = Counter[str]()

    @asynccontextmanager
    async def of(self, owner: str, size: int) -> AsyncIterator[None]:
        """Holds room for a message. Raises BusyError, UnavailableError.

        An empty owner is anybody who reaches a collector without tokens.
        """
        self._check(owner, size)
        size = min(size, ROOM_BYTES)
        self._waiting[owner] += size
        turn = self._enqueue(owner, size)
        try:
            self._let_in()
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += size
            raise
        finally:
            self._waiting[owner] -= size
            if not self._waiting[owner]:
                del self._waiting[owner]
        try:
            yield
        finally:
            self._free += size
            self._let_in()

    def _check(self, owner: str, size: int) -> None:
        if self._waiting.total() + size > WAITING_BYTES:
            raise UnavailableError("the collector is busy, try again")
        if owner and self._waiting[owner] + size > WAITING_BYTES_OF_CLUSTER:
            raise BusyError("the cluster has too much under way, try again")

    def _enqueue(self, owner: str, size: int) -> "asyncio.Future[None]":
        turn = asyncio.get_running_loop().create_future()
        tag = max(self._now, self._ends.get(owner, 0))
        self._ends[owner] = tag + size
        self._number += 1
        heapq.heappush(self._queue, (tag, self._number, size, turn))
        return turn

    def _let_in(self) -> None:
        while self._queue and self._queue[0][2] <= self._free:
            tag, _, size, turn = heapq.heappop(self._queue)
            if not turn.cancelled():
                self._now = tag
                self._free -= size
                turn.set_result(None)
        if not self._queue:
            self._ends.clear()
