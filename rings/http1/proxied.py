"""The PROXY protocol: who the client is, in front of the first request.

In come the first bytes of a connection, in pieces of any size; out goes how many of
them are the header that a load balancer put there, and the client's address and port
in it. Both versions (haproxy.org, proxy-protocol.txt sections 2.1 and 2.2): a line of
text, or a binary header whose length is told. It may stand in the same segment as the
first request. Once a connection, so not compiled.
"""

import re
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

LONGEST_LINE = 107
"""Of version 1, its CRLF included."""
_NAME = b"PROXY "
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LAST_PORT = 65_535
_FIXED_BYTES = 16
"""Of version 2: signature, command, family, length."""
_ADDRESS_SIZES = {0x11: 4, 0x21: 16}
"""TCP over IPv4 and IPv6."""
_LINE = re.compile(
    rb"PROXY (?:TCP[46] ([0-9a-fA-F.:]{2,45}) [0-9a-fA-F.:]{2,45} "
    rb"(\d{1,5}) \d{1,5}|UNKNOWN[ -~]*)\r\n"
)

Client = tuple[bytes, int]


def may_begin(data: bytes) -> bool:
    """Whether a header may begin with these bytes, of which 12 are enough."""
    return any(data[: len(one)] == one[: len(data)] for one in (_NAME, _SIGNATURE))


class Header:
    """One header as it comes."""

    def __init__(self, acknowledged: int, now_ns: int) -> None:
        """With what and when its first byte came."""
        self.acknowledged = acknowledged
        self.now_ns = now_ns
        self.is_whole = False
        self.is_broken = False
        """What stands there is none after all."""
        self.taken = 0
        """Bytes of it so far."""
        self.client: Client | None = None
        """None too where the balancer speaks for itself, as a health check."""
        self.start = b""
        """Its first bytes: all that were taken, while its size is not known."""
        self._size = 0

    def take(self, piece: bytes) -> int:
        """How many bytes of the piece are the header's; none if it is broken."""
        before = self.taken
        known = before + len(piece)
        self.start += piece[: LONGEST_LINE - before] if before < LONGEST_LINE else b""
        if not self._size:
            self._size = self._told_size()
        if self._size < 0:
            self.is_broken = True
            self.start = self.start[:before]
            return 0
        self.taken = min(known, self._size or known)
        if self._size and self.taken == self._size:
            self.is_whole = True
            self.client = self._client()
        return self.taken - before

    def _told_size(self) -> int:
        """0: not known yet; -1: not a header."""
        start = self.start
        if not may_begin(start):
            return -1
        if start.startswith(b"P"):
            end = start.find(b"\r\n") + 2
            if end >= 2:
                return end if _LINE.match(start) else -1
            return -1 if len(start) >= LONGEST_LINE else 0
        if len(start) < _FIXED_BYTES:
            return 0
        if start[12] >> 4 != 2:
            return -1
        return _FIXED_BYTES + int.from_bytes(start[14:16], "big")

    def _client(self) -> Client | None:
        start = self.start[: self._size]
        found = _LINE.match(start)
        if found is None:
            return self._binary_client(start)
        port = int(found[2] or 0)
        if not found[1] or port > _LAST_PORT:
            return None
        try:
            return _packed(ip_address(found[1].decode())), port
        except ValueError:
            return None

    def _binary_client(self, start: bytes) -> Client | None:
        size = _ADDRESS_SIZES.get(start[13], 0)
        place = _FIXED_BYTES + 2 * size
        is_proxied = start[12] & 15 == 1
        if not is_proxied or not size or len(start) < place + 4:
            return None
        (port,) = struct.unpack_from(">H", start, place)
        address = ip_address(start[_FIXED_BYTES : _FIXED_BYTES + size])
        return _packed(address), port


def _packed(address: IPv4Address | IPv6Address) -> bytes:
    """A client of IPv4 is one behind a balancer's socket for both, too."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).packed
