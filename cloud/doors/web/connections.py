"""Connections of browsers: bounded in number and in time, over TLS if there is one.

In: the sockets of uvicorn. Out: requests for the application. A connection that does
not bring a whole head in time is closed, and so is one that does not take its answer.
When there are too many, of one address or in all, the one that has waited longest for
its request makes room: those who send nothing never keep others out.

TLS begins within the connection, so a handshake counts and has a deadline as all else,
and each takes the certificate that is there at the time. It is TLS 1.2 or newer.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""From the connection, or the answer before, to a whole head."""
ANSWER_SECONDS = 60.0
"""From then to the end of the answer."""
IDLE_SECONDS = 15
"""Between two requests."""
HEAD_BYTES = 16 << 10
"""Of a request: browsers send some 2 kB, cookies among it."""
PIECE_BYTES = 4 << 10
MOST_CONNECTIONS = 400
MOST_OF_ADDRESS = 100
"""A trusted proxy has one address for all behind it, and only the bound of all."""

Contexts = Callable[[], ssl.SSLContext | None]
"""Makes the TLS of a connection; None: plain text."""


def plain() -> None:
    """Without TLS."""


def connections_of(
    contexts: Contexts, is_proxy: Callable[[str], bool]
) -> "type[BrowserConnection]":
    """The connections of one server; `is_proxy` tells trusted ones by address."""

    class Connection(BrowserConnection):
        context = staticmethod(contexts)
        is_trusted = staticmethod(is_proxy)

    return Connection


class BrowserConnection(H11Protocol):
    """One connection."""

    context: Contexts
    is_trusted: Callable[[str], bool]
    _deadline: asyncio.TimerHandle | None = None
    _early: bytes | None = b""
    """What came before the handshake was known to be done; None: it is."""
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
        self._make_room()
        context = self.context()
        if context is None:
            self._early = None
            return
        task = self.loop.create_task(self._secure(context))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def data_received(self, data: bytes) -> None:
        """h11 bounds heads that are not whole yet, so it gets them in pieces."""
        if self._early is not None:
            self._early += data
            return
        for start in range(0, len(data), PIECE_BYTES):
            if not self.transport.is_closing():
                super().data_received(data[start : start + PIECE_BYTES])

    async def _secure(self, context: ssl.SSLContext) -> None:
        """Goes on over TLS, or ends the connection."""
        plain = self.transport
        try:
            secured = await self.loop.start_tls(
                plain,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=HEAD_SECONDS,
                ssl_shutdown_timeout=HEAD_SECONDS,
            )
        except OSError:
            secured = None
        if secured is None or self.transport.is_closing():
            plain.abort()
            self.connection_lost(ConnectionAbortedError())
            return
        H11Protocol.connection_made(self, secured)
        early, self._early = self._early or b"", None
        if early:
            self.data_received(early)

    def _make_room(self) -> None:
        others = [c for c in self.connections if isinstance(c, BrowserConnection)]
        neighbours = [c for c in others if c.address == self.address]
        if len(neighbours) > MOST_OF_ADDRESS and not self.is_trusted(self.address):
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
