"""Address translation: who stands behind an address that this node's kernel rewrote.

In: the ends of a connection as one interface shows them. Out: the pod that a service's
address was turned into (DNAT), or the client that hides behind the node's (SNAT), as
the kernel's connection tracking knows them. It is asked once for a connection, and not
again soon for ends that answered untranslated. Needs CAP_NET_ADMIN; without connection
tracking, or where a network does its own translation (Cilium, Calico's eBPF), nothing
is translated here. pyroute2 can ask this too, but takes 360 µs where these few fixed
fields take 6.

See nfnetlink_conntrack.h and nf_conntrack_netlink.c of Linux.
"""

import errno
import logging
import socket
import struct
import time
from typing import NamedTuple

log = logging.getLogger("vethscope")

PLAIN_SECONDS = 10.0
"""An end that was not translated is not asked for again so long, if the kernel knew the
connection and it was answered: what answers is there. One that the kernel does not know
may have been refused, by a service that has no pods yet."""
MOST_PLAIN = 65_536
"""Such ends remembered; then all are asked for again."""
_ANSWER_SECONDS = 1.0
_ANSWER_BYTES = 8192


class End(NamedTuple):
    """One side of a connection."""

    ip: bytes
    port: int


class _Tracked(NamedTuple):
    """What the kernel knows of a connection."""

    end: End
    is_answered: bool


class Translation:
    """Asks the connection tracking of the namespace that its socket was made in."""

    def __init__(self, opened: socket.socket | None = None) -> None:
        """`opened`: a `netfilter_socket`; none: one of this namespace."""
        self._socket = opened or netfilter_socket()
        self._socket.bind((0, 0))
        self._socket.settimeout(_ANSWER_SECONDS)
        self._sequence = 0
        self._plain: dict[End | bytes, float] = {}
        self._is_allowed = True

    def server_of(
        self, client: bytes, client_port: int, server: bytes, server_port: int
    ) -> End | None:
        """Who answers, if not the address that the client asks."""
        asked = End(server, server_port)
        if self._is_plain(asked):
            return None
        answering = self._ask(_ORIGINAL, _REPLY, End(client, client_port), asked)
        return self._different(asked, asked, answering)

    def client_of(
        self, client: bytes, client_port: int, server: bytes, server_port: int
    ) -> End | None:
        """Who asks, if not the address that the server sees."""
        seen = End(client, client_port)
        if self._is_plain(client):
            return None
        asking = self._ask(_REPLY, _ORIGINAL, End(server, server_port), seen)
        return self._different(client, seen, asking)

    def close(self) -> None:
        self._socket.close()

    def _is_plain(self, key: End | bytes) -> bool:
        asked_at = self._plain.get(key)
        return not self._is_allowed or (
            asked_at is not None and time.monotonic() - asked_at < PLAIN_SECONDS
        )

    def _different(
        self, key: End | bytes, shown: End, found: _Tracked | None
    ) -> End | None:
        if found is not None and found.end != shown:
            return found.end
        if found is not None and found.is_answered:
            if len(self._plain) >= MOST_PLAIN:
                self._plain.clear()
            self._plain[key] = time.monotonic()
        return None

    def _ask(
        self, by: int, wanted: int, source: End, destination: End
    ) -> _Tracked | None:
        """The source of the `wanted` direction of what `by` has these ends."""
        self._sequence += 1
        try:
            self._socket.send(_question(self._sequence, by, source, destination))
            return self._answer(wanted)
        except TimeoutError:
            return None
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL):
                self._is_allowed = False
                log.warning(
                    "translated addresses are not looked behind: %s", error.strerror
                )
            return None

    def _answer(self, wanted: int) -> _Tracked | None:
        while True:
            data = self._socket.recv(_ANSWER_BYTES)
            length, kind, _, sequence, _ = _HEADER.unpack_from(data)
            if sequence != self._sequence:
                continue
            if kind == _ERROR:
                _raise_error(data)
                return None
            return _tracked(data[_HEADER.size + 4 : length], wanted)


def netfilter_socket() -> socket.socket:
    """In the namespace of this thread."""
    return socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER
    )


def _question(sequence: int, by: int, source: End, destination: End) -> bytes:
    is_ipv4 = len(source.ip) == 4
    ip = _attribute(1 if is_ipv4 else 3, source.ip)
    ip += _attribute(2 if is_ipv4 else 4, destination.ip)
    proto = _attribute(1, bytes((socket.IPPROTO_TCP,)))
    proto += _attribute(2, struct.pack(">H", source.port))
    proto += _attribute(3, struct.pack(">H", destination.port))
    ends = _attribute(_NESTED | 1, ip) + _attribute(_NESTED | 2, proto)
    family = socket.AF_INET if is_ipv4 else socket.AF_INET6
    body = struct.pack("=BBH", family, 0, 0) + _attribute(_NESTED | by, ends)
    size = _HEADER.size + len(body)
    return _HEADER.pack(size, _GET, _REQUEST, sequence, 0) + body


def _tracked(attributes: bytes, wanted: int) -> _Tracked | None:
    ends = _find(attributes, wanted)
    ip, proto = _find(ends, 1), _find(ends, 2)
    address, port = _find(ip, 1) or _find(ip, 3), _find(proto, 2)
    if not (address and port):
        return None
    status = int.from_bytes(_find(attributes, _STATUS), "big")
    end = End(address, int.from_bytes(port, "big"))
    return _Tracked(end, bool(status & _SEEN_REPLY))


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)


def _find(attributes: bytes, wanted: int) -> bytes:
    """The attribute's value; empty if it is not there."""
    place = 0
    while place + 4 <= len(attributes):
        size, kind = struct.unpack_from("=HH", attributes, place)
        if kind & _KIND == wanted:
            return attributes[place + 4 : place + size]
        place += max(size + 3 & ~3, 4)
    return b""


def _raise_error(data: bytes) -> None:
    (number,) = struct.unpack_from("=i", data, _HEADER.size)
    if number not in (0, -errno.ENOENT):
        raise OSError(-number, errno.errorcode.get(-number, "netlink error"))


_NETFILTER = 12
_HEADER = struct.Struct("=IHHII")
_REQUEST = 1
_ERROR = 2
_GET = 1 << 8 | 1
"""NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET."""
_ORIGINAL, _REPLY = 1, 2
"""CTA_TUPLE_ORIG, CTA_TUPLE_REPLY."""
_STATUS = 3
_SEEN_REPLY = 1 << 1
"""CTA_STATUS, IPS_SEEN_REPLY: not set by a reset that refuses (tcp_packet() of
nf_conntrack_proto_tcp.c forgets the connection then)."""
_NESTED = 0x8000
_KIND = 0x3FFF
