# cython: annotation_typing=False
"""Connections: two streams, who asks and who answers, and what happens when they stall.

In come segments of a five-tuple on one interface, in any order. The side that sent
the first SYN asks; without one, the first start line tells. When the roles are known
the view's policy decides once whether this interface is where the exchange is
reported, so that traffic seen on several interfaces is paired on one.
"""

from collections.abc import Container, Mapping
from typing import Any, Protocol

import cython

from rings.bodies.keeping import Keeper
from rings.http1.head import Fields
from rings.http1.parser import Parser
from rings.limits import Budget, Limits
from rings.packets.packet import Segment
from rings.pairs.message import Pair
from rings.pairs.pairing import Pairer
from rings.stats import Stats
from rings.streams.stream import Stream

if not cython.compiled:
    from rings.http1.protocol import REQUEST, RESPONSE, UNKNOWN
    from rings.memory import read_be16


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
    """One interface: its counters, its pod's addresses and its known connections.

    `own` are the addresses behind the interface, `monitored` all addresses of the
    cluster. With neither, every connection is reported. `translation`, if there is
    one, tells who stands behind a translated address. `proxy`, if there is one, tells
    the same within the pod: a connection that is led to another port there is a mesh
    proxy's, and what it carries is reported where the proxy passes it on. `aliases`
    are addresses of pods that do not name them, such as link-local ones, with one that
    does. `node_ports` at `nodes` are ports that lead on to pods, and so do addresses in
    `nodes` that end with a port.
    """

    def __init__(self, interface: int) -> None:
        self.interface = interface
        self.stats = Stats()
        self.fields = Fields()
        """Serves all heads in turn."""
        self.keeper: Keeper = _NONE
        """Keeps all bodies; made with the first connection."""
        self.connections: dict[bytes, Connection] = {}
        """Each by the keys of both its directions."""
        self.own: frozenset[bytes] = frozenset()
        self.monitored: Container[bytes] = frozenset()
        self.translation: Translation | None = None
        self.proxy: Translation | None = None
        self.aliases: Mapping[bytes, bytes] = {}
        self.nodes: Container[bytes] = frozenset()
        self.node_ports: Container[int] = range(0)

    def reports(self, client: bytes, server: bytes) -> bool:
        """Where the server is, if it is monitored; else where the client is."""
        if not self.own or server in self.own:
            return True
        return server not in self.monitored and client in self.own

    def leads_on(self, server: bytes, port: int) -> bool:
        """Behind a node's port stands a pod, somewhere: it is reported there."""
        if not self.nodes:
            return False
        is_node_port = server in self.nodes and port in self.node_ports
        return is_node_port or server + port.to_bytes(2, "big") in self.nodes


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
        self.is_forgotten = False
        self.is_decided = False
        """Its start told where it is reported, whoever asks."""
        self.is_reset = False
        """A RST was seen; what its receiver refused, bytes that follow tell."""
        self.opening: Segment = _NONE
        """A SYN with another number that may open the ports anew, of either side."""
        if self.view.keeper is None:
            self.view.keeper = Keeper(view.stats, limits, budget)
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

    def stream(self, key: bytes) -> Stream:
        """The direction of this key, which is one of both."""
        return self.first if key == self.first.key else self.second

    def learn_roles(self, learned: Parser) -> None:
        """A start line told who asks."""
        asks = learned.role == REQUEST
        if learned is not self.first.parser:
            asks = not asks
        self._assign(self.first.key if asks else self.second.key)

    def learn_client(self, address: bytes, port: int) -> None:
        """A load balancer told who the client is."""
        self.pairer.client = address
        self.pairer.client_port = port

    def tell(self, now_ns: int) -> None:
        """A moment has passed: tells what stays open in parts."""
        self.first.parser.tell(now_ns)
        self.second.parser.tell(now_ns)

    def is_alive(self) -> bool:
        """Whether both sides still send, as far as is known."""
        first, second = self.first, self.second
        if self.is_closed or self.is_reset or first.is_ended or second.is_ended:
            return False
        return first.next > 0 or second.next > 0

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
        self._drain()
        self.first.end(is_reset)
        self.second.end(is_reset)
        self.pairer.close()

    def forget(self, is_silent: bool) -> None:
        """Closes, and unties what would keep the memory alive. `is_silent`: not because
        there is no room for it, but since no more comes.
        """
        if is_silent and not self.is_closed:
            self._drain()
            asking = self.first if self.first.parser.role == REQUEST else self.second
            self.pairer.end_silent(asking.acknowledged)
        self.close(True)
        self.is_forgotten = True
        self._untie(self.first)
        self._untie(self.second)

    def _drain(self) -> None:
        """Delivers all that is held."""
        while self.first.pieces or self.second.pieces:
            moved = self.first.drain() or self.second.drain()
            if not moved and not self._skip_acknowledged():
                self._force()

    def _untie(self, stream: Stream) -> None:
        del self.view.connections[stream.key]
        stream.peer = _NONE
        stream.parser.untie()

    def _make_stream(self, limits: Limits, role: int, key: bytes) -> Stream:
        view = self.view
        stream = Stream(
            Parser(self.pairer, self, view.keeper, view.fields, role), limits
        )
        stream.key = key
        self.view.connections[key] = self
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
        aliases = self.view.aliases
        if aliases:
            pairer.client = aliases.get(pairer.client, pairer.client)
            pairer.server = aliases.get(pairer.server, pairer.server)

    def _is_reported(self) -> bool:
        """Whether here; puts the true ends in place of addresses that are nobody's."""
        view, pairer = self.view, self.pairer
        if not view.reports(pairer.client, pairer.server):
            return False
        ends = (pairer.client, pairer.client_port, pairer.server, pairer.server_port)
        is_server = pairer.server in view.own
        if is_server and view.proxy is not None and view.proxy.server_of(*ends):
            return False
        if not is_server:
            translation = view.translation
            found = translation.server_of(*ends) if translation else None
            if found is None:
                return not view.leads_on(pairer.server, pairer.server_port)
            pairer.server, pairer.server_port = found
            return pairer.server not in view.monitored
        if view.translation is not None and pairer.client not in view.monitored:
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
