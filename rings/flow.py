# cython: annotation_typing=False
"""Connections: two streams, who asks and who answers, and what happens when they stall.

In come segments of a five-tuple on one interface, in any order. The side that sent
the first SYN asks; without one, the first start line tells. When the roles are known
the view's policy decides once whether this interface is where the exchange is
reported, so that traffic seen on several interfaces is paired on one.
"""

from collections.abc import Container
from typing import Any, Protocol

import cython

from rings.head import Fields
from rings.http1 import Parser
from rings.limits import Budget, Limits
from rings.message import Pair
from rings.pairing import Pairer
from rings.stats import Stats
from rings.stream import Stream

if not cython.compiled:
    from rings.memory import read_be16
    from rings.protocol import REQUEST, RESPONSE, UNKNOWN


_NONE: Any = None


class Translation(Protocol):
    """Knows who stands behind addresses that were translated on the way."""

    def server_of(
        self, client: bytes, client_port: int, server: bytes, server_port: int
    ) -> tuple[bytes, int] | None: ...

    def client_of(
        self, client: bytes, client_port: int, server: bytes, server_port: int
    ) -> tuple[bytes, int] | None: ...


class View:
    """One interface: its counters, its pod's addresses and its known streams.

    `own` are the addresses behind the interface, `monitored` all addresses of the
    cluster. With neither, every connection is reported. `translation`, if there is
    one, tells who stands behind a translated address. `proxy`, if there is one, tells
    the same within the pod: a connection that is led to another port there is a mesh
    proxy's, and what it carries is reported where the proxy passes it on.
    """

    def __init__(self, interface: int) -> None:
        self.interface = interface
        self.stats = Stats()
        self.fields = Fields()
        """Serves all heads in turn."""
        self.streams: dict[bytes, Stream] = {}
        self.own: frozenset[bytes] = frozenset()
        self.monitored: Container[bytes] = frozenset()
        self.translation: Translation | None = None
        self.proxy: Translation | None = None

    def reports(self, client: bytes, server: bytes) -> bool:
        """Where the server is, if it is monitored; else where the client is."""
        if not self.own or server in self.own:
            return True
        return server not in self.monitored and client in self.own


@cython.no_gc
@cython.cclass
class Connection:
    """Two streams of one five-tuple on one interface."""

    def __init__(
        self,
        view: View,
        limits: Limits,
        budget: Budget,
        sink: list[Pair],
        number: int,
        key: bytes,
        opposite: bytes,
        is_start: bool,
    ) -> None:
        self.view = view
        self.number = number
        self.last_ns = 0
        self.waiting_since_ns = 0
        self.is_elsewhere = False
        self.is_closed = False
        self.is_decided = False
        """Its start told where it is reported, whoever asks."""
        self.is_reset = False
        """A RST was seen; what its receiver refused, bytes that follow tell."""
        self.pairer = Pairer(view.stats, limits, budget, sink, number)
        self.pairer.interface = view.interface
        self.pairer.is_certain = is_start
        self.first = self._make_stream(limits, REQUEST if is_start else UNKNOWN, key)
        self.second = self._make_stream(
            limits, RESPONSE if is_start else UNKNOWN, opposite
        )
        self.first.peer = self.second
        self.second.peer = self.first
        self.first.parser.peer = self.second.parser
        self.second.parser.peer = self.first.parser
        if is_start:
            self._assign(key)
            self.is_decided = True

    def learn_roles(self, learned: Parser) -> None:
        """A start line told who asks."""
        asks = learned.role == REQUEST
        if learned is not self.first.parser:
            asks = not asks
        self._assign(self.first.key if asks else self.second.key)

    def settle(self, now_ns: int, limits: Limits) -> bool:
        """Delivers what can be; true if something still waits."""
        first, second = self.first, self.second
        while first.pieces or second.pieces:
            if first.drain() or second.drain():
                self.waiting_since_ns = 0
                continue
            if self.waiting_since_ns == 0:
                self.waiting_since_ns = now_ns
            is_over = first.is_over_limit() or second.is_over_limit()
            waited_ns = now_ns - self.waiting_since_ns
            if not is_over and waited_ns < limits.reorder_ns:
                return True
            if not self._skip_acknowledged():
                if not is_over and waited_ns < limits.hole_ns:
                    return True
                self._force()
            self.waiting_since_ns = 0
        if first.is_ended and second.is_ended:
            self.close(False)
        return False

    def close(self, is_reset: bool) -> None:
        """Delivers all that is held and ends both streams; may be called again."""
        if self.is_closed:
            return
        self.is_closed = True
        while self.first.pieces or self.second.pieces:
            moved = self.first.drain() or self.second.drain()
            if not moved and not self._skip_acknowledged():
                self._force()
        self.first.end(is_reset)
        self.second.end(is_reset)
        self.pairer.close()

    def forget(self) -> None:
        """Closes, and unties what would keep the memory alive."""
        self.close(True)
        self._untie(self.first)
        self._untie(self.second)

    def _untie(self, stream: Stream) -> None:
        del self.view.streams[stream.key]
        stream.peer = _NONE
        stream.owner = _NONE
        stream.parser.peer = _NONE
        stream.parser.owner = _NONE

    def _make_stream(self, limits: Limits, role: int, key: bytes) -> Stream:
        stream = Stream(
            Parser(self.pairer, self, self.view.fields, limits, role), limits
        )
        stream.key = key
        stream.owner = self
        self.view.streams[key] = stream
        return stream

    def _assign(self, client_key: bytes) -> None:
        pairer = self.pairer
        size = len(client_key) // 2 - 2
        pairer.client = client_key[:size]
        pairer.server = client_key[size : 2 * size]
        pairer.client_port = read_be16(client_key, 2 * size)
        pairer.server_port = read_be16(client_key, 2 * size + 2)
        if not self._is_reported() and not self.is_decided:
            self.is_elsewhere = True
            self.first.parser.leave_elsewhere()

    def _is_reported(self) -> bool:
        """Whether here; puts the true ends in place of addresses that are nobody's."""
        view, pairer = self.view, self.pairer
        if not view.reports(pairer.client, pairer.server):
            return False
        ends = (pairer.client, pairer.client_port, pairer.server, pairer.server_port)
        is_server = pairer.server in view.own
        if is_server and view.proxy is not None and view.proxy.server_of(*ends):
            return False
        if view.translation is None:
            return True
        if not is_server:
            found = view.translation.server_of(*ends)
            if found is not None:
                pairer.server, pairer.server_port = found
                return pairer.server not in view.monitored
        elif pairer.client not in view.monitored:
            found = view.translation.client_of(*ends)
            if found is not None:
                pairer.client, pairer.client_port = found
        return True

    def _skip_acknowledged(self) -> bool:
        """Skips bytes that their receiver acknowledged but the capture never saw."""
        first, second = self.first, self.second
        return first.skip_acknowledged() or second.skip_acknowledged()

    def _force(self) -> None:
        """Gives up waiting for the stream whose held data is oldest."""
        first, second = self.first, self.second
        oldest = first if first.pieces else second
        if first.pieces and second.pieces:
            one, other = first.pieces[0], second.pieces[0]
            oldest = first if one.timestamp_ns <= other.timestamp_ns else second
        oldest.force()
