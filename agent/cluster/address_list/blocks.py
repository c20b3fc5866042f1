"""A compact exact set of addresses, and its form on the wire.

Addresses of a cluster stand close together: all that differ in their last byte only are
one block, a bitmap. On the wire a block is the address's length (1 byte), all but its
last byte, how many there are less one, and their last bytes, or 32 bytes of a bitmap if
that is shorter. 160,000 addresses of 5,000 nodes take some 180 kB there and one
megabyte in memory.
"""

import zlib
from collections.abc import Iterable, Iterator

_BITMAP_BYTES = 32
_SIZES = (4, 6, 16, 18)
"""Of IPv4 and IPv6, without and with a port."""


class BlocksError(Exception):
    """Not the form of a set."""


def packed(encoded: bytes) -> bytes:
    """An encoded set as it is sent to many at once: a fifth less where addresses of a
    node are scattered at random, two thirds where they are neighbours."""
    return zlib.compress(encoded, 1)


def unpacked(data: bytes, most_bytes: int) -> bytes:
    """What `packed` was given. Raises BlocksError, also if that was larger."""
    inflate = zlib.decompressobj()
    try:
        encoded = inflate.decompress(data, most_bytes)
    except zlib.error:
        raise BlocksError from None
    if not inflate.eof or inflate.unused_data:
        raise BlocksError
    return encoded


class AddressSet:
    """Addresses of 4 or 16 bytes; with a port 2 more."""

    def __init__(self, addresses: Iterable[bytes] = ()) -> None:
        self._blocks: dict[bytes, int] = {}
        for ip in addresses:
            self.add(ip)

    @classmethod
    def decode(cls, data: bytes) -> "AddressSet":
        """Raises BlocksError."""
        made = cls()
        for prefix, bitmap in _decoded(data):
            made._blocks[prefix] = made._blocks.get(prefix, 0) | bitmap
        return made

    def __contains__(self, ip: object) -> bool:
        if not isinstance(ip, bytes) or not ip:
            return False
        return bool(self._blocks.get(ip[:-1], 0) >> ip[-1] & 1)

    def __iter__(self) -> Iterator[bytes]:
        for prefix, bitmap in self._blocks.items():
            for last in _members(bitmap):
                yield prefix + bytes((last,))

    def __len__(self) -> int:
        return sum(bitmap.bit_count() for bitmap in self._blocks.values())

    def add(self, ip: bytes) -> None:
        prefix = ip[:-1]
        self._blocks[prefix] = self._blocks.get(prefix, 0) | 1 << ip[-1]

    def update(self, other: "AddressSet") -> None:
        for prefix, bitmap in other._blocks.items():
            self._blocks[prefix] = self._blocks.get(prefix, 0) | bitmap

    def remove(self, other: "AddressSet") -> None:
        """Those that are not here stay so."""
        for prefix, bitmap in other._blocks.items():
            left = self._blocks.get(prefix, 0) & ~bitmap
            if left:
                self._blocks[prefix] = left
            else:
                self._blocks.pop(prefix, None)

    def minus(self, other: "AddressSet") -> "AddressSet":
        """Those that are not in the other."""
        made = AddressSet()
        for prefix, bitmap in self._blocks.items():
            if left := bitmap & ~other._blocks.get(prefix, 0):
                made._blocks[prefix] = left
        return made

    def encode(self) -> bytes:
        parts = []
        for prefix, bitmap in self._blocks.items():
            count = bitmap.bit_count()
            parts.append(bytes((len(prefix) + 1,)) + prefix + bytes((count - 1,)))
            if count < _BITMAP_BYTES:
                parts.append(bytes(_members(bitmap)))
            else:
                parts.append(bitmap.to_bytes(_BITMAP_BYTES, "little"))
        return b"".join(parts)


def _members(bitmap: int) -> Iterator[int]:
    while bitmap:
        lowest = bitmap & -bitmap
        yield lowest.bit_length() - 1
        bitmap ^= lowest


def _decoded(data: bytes) -> Iterator[tuple[bytes, int]]:
    place = 0
    while place < len(data):
        size = data[place]
        if size not in _SIZES:
            raise BlocksError
        begin = place + size + 1
        prefix, counted = data[place + 1 : begin - 1], data[begin - 1 : begin]
        if len(counted) != 1:
            raise BlocksError
        count = counted[0] + 1
        place = begin + min(count, _BITMAP_BYTES)
        if place > len(data):
            raise BlocksError
        if count < _BITMAP_BYTES:
            yield prefix, sum(1 << last for last in set(data[begin:place]))
        else:
            yield prefix, int.from_bytes(data[begin:place], "little")
