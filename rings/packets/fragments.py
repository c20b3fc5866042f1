"""Fragments: IP datagrams put together again (RFC 791 3.2, RFC 8200 4.5).

In come fragments of captured datagrams, out goes the datagram when its last missing
part has come. Only for capture files: the kernel does this before a live ring, and as
it does, a fragment within another is a repetition, and one that overlaps another's end
gives the datagram up (RFC 5722). Bounded in datagrams, bytes and time.
"""

from bisect import bisect_right, insort
from dataclasses import dataclass, field

MOST_DATAGRAMS = 1024
"""Datagrams that wait at once; beyond it the oldest is given up."""
MOST_BYTES = 16 << 20
"""Bytes of all that wait: 256 datagrams of the largest size."""
PART_BYTES = 160
"""What a part takes in memory beside its payload, which may be eight bytes."""
DATAGRAM_BYTES = 65_535
WAIT_NS = 30_000_000_000
"""Linux gives up after 30 s too (net.ipv4.ipfrag_time)."""


@dataclass(slots=True)
class Datagram:
    """The parts of one datagram's payload, by offset."""

    since_ns: int
    header: bytes = b""
    parts: dict[int, bytes] = field(default_factory=dict)
    offsets: list[int] = field(default_factory=list)
    """Of the parts, in order."""
    payload_bytes: int = 0
    size: int = -1
    """Of the whole payload; known from the last fragment."""

    @property
    def kept_bytes(self) -> int:
        return self.payload_bytes + PART_BYTES * len(self.parts)

    def end_before(self, place: int) -> int:
        """Where the part before this place in the order ends."""
        if place == 0:
            return 0
        offset = self.offsets[place - 1]
        return offset + len(self.parts[offset])


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
        place = bisect_right(datagram.offsets, offset)
        known_end = datagram.end_before(place)
        if known_end >= end:
            return b""
        if not has_more and datagram.size < 0:
            datagram.size = end
        last = max(end, datagram.end_before(len(datagram.offsets)))
        follows = datagram.offsets[place] if place < len(datagram.offsets) else end
        if (
            known_end > offset
            or follows < end
            or last > (DATAGRAM_BYTES if datagram.size < 0 else datagram.size)
        ):
            self._give_up(key)
            return b""
        if offset == 0:
            datagram.header = header
        insort(datagram.offsets, offset)
        datagram.parts[offset] = payload
        datagram.payload_bytes += len(payload)
        self.kept_bytes += len(payload) + PART_BYTES
        if datagram.payload_bytes != datagram.size:
            return b""
        self._forget(key)
        parts = (datagram.parts[offset] for offset in datagram.offsets)
        return datagram.header + b"".join(parts)

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
