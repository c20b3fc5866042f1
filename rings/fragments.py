"""Fragments: IP datagrams put together again (RFC 791 3.2, RFC 8200 4.5).

In come fragments of captured datagrams, out goes the datagram when its last missing
part has come. Only for capture files: the kernel does this before a live ring. Where
fragments overlap, the bytes that came first stand, as RFC 5722 forbids overlap and
senders that retransmit repeat the same bytes. Bounded in datagrams, bytes and time.
"""

from dataclasses import dataclass, field

MOST_DATAGRAMS = 1024
"""Datagrams that wait at once; beyond it the oldest is given up."""
MOST_BYTES = 16 << 20
"""Bytes of all that wait: 256 datagrams of the largest size."""
DATAGRAM_BYTES = 65_535
WAIT_NS = 30_000_000_000
"""Linux gives up after 30 s too (net.ipv4.ipfrag_time)."""


@dataclass(slots=True)
class Datagram:
    """The parts of one datagram's payload, by offset."""

    since_ns: int
    header: bytes = b""
    parts: dict[int, bytes] = field(default_factory=dict)
    kept_bytes: int = 0
    size: int = -1
    """Of the whole payload; known from the last fragment."""


class Fragments:
    """Datagrams that lack parts."""

    def __init__(self) -> None:
        self.dropped = 0
        """Datagrams given up: too old, too many, or contradicting themselves."""
        self.kept_bytes = 0
        self._waiting: dict[bytes, Datagram] = {}

    def add(
        self,
        key: bytes,
        header: bytes,
        offset: int,
        payload: bytes,
        has_more: bool,
        now_ns: int,
    ) -> bytes:
        """The whole datagram, its first fragment's `header` before it, or nothing.

        `key` names the datagram: addresses, identification, protocol.
        """
        self._expire(now_ns)
        datagram = self._waiting.setdefault(key, Datagram(now_ns))
        end = offset + len(payload)
        if not has_more and datagram.size < 0:
            datagram.size = end
        if end > (DATAGRAM_BYTES if datagram.size < 0 else datagram.size):
            self._give_up(key)
            return b""
        if offset == 0 and not datagram.header:
            datagram.header = header
        if len(payload) > len(datagram.parts.get(offset, b"")):
            grown = len(payload) - len(datagram.parts.get(offset, b""))
            datagram.parts[offset] = payload
            datagram.kept_bytes += grown
            self.kept_bytes += grown
        whole = _whole(datagram)
        if whole:
            self._forget(key)
        return whole

    def _expire(self, now_ns: int) -> None:
        while self._waiting:
            key, oldest = next(iter(self._waiting.items()))
            if (
                now_ns - oldest.since_ns <= WAIT_NS
                and len(self._waiting) < MOST_DATAGRAMS
                and self.kept_bytes < MOST_BYTES
            ):
                return
            self._give_up(key)

    def _give_up(self, key: bytes) -> None:
        self.dropped += 1
        self._forget(key)

    def _forget(self, key: bytes) -> None:
        self.kept_bytes -= self._waiting.pop(key).kept_bytes


def _whole(datagram: Datagram) -> bytes:
    """Header and payload, if no part is missing."""
    if datagram.size < 0 or datagram.kept_bytes < datagram.size or not datagram.header:
        return b""
    payload = bytearray()
    for offset, part in sorted(datagram.parts.items()):
        if offset > len(payload):
            return b""
        payload += part[len(payload) - offset :]
    return datagram.header + bytes(payload)
