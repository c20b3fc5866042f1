"""Raw reads from captured memory.

In comes the memory of a block or message, out come numbers, positions and copies. The
compiled modules use the inline C functions of `memory.pxd` on pointers instead; these
are their plain twins on buffers. Bounds are the caller's to check. Not compiled itself.
"""

from typing import TypeAlias

Octets: TypeAlias = bytes | bytearray | memoryview
"""A pointer in the compiled modules."""


def read_be16(data: Octets, start: int) -> int:
    return data[start] << 8 | data[start + 1]


def read_be32(data: Octets, start: int) -> int:
    return int.from_bytes(data[start : start + 4], "big")


def read_le16(data: Octets, start: int) -> int:
    return data[start] | data[start + 1] << 8


def read_le32(data: Octets, start: int) -> int:
    return int.from_bytes(data[start : start + 4], "little")


def read_le64(data: Octets, start: int) -> int:
    return int.from_bytes(data[start : start + 8], "little")


def prefetch(data: Octets, start: int) -> None:
    """Asks the processor for the two cache lines there, which may be past the end."""


def copy(data: Octets, start: int, end: int) -> bytes:
    return bytes(data[start:end])


def swapped(key: bytes) -> bytes:
    """A segment's key (`packet`) in the opposite direction."""
    size = len(key) // 2 - 2
    ports = 2 * size
    return key[size:ports] + key[:size] + key[ports + 2 :] + key[ports : ports + 2]


def blank(size: int) -> bytearray:
    """So many bytes, to be written; not zeroed where compiled."""
    return bytearray(size)


def put(target: bytearray, place: int, data: Octets, start: int, end: int) -> None:
    """Writes data[start:end] at `place`, where there is room."""
    target[place : place + end - start] = data[start:end]


def shift(target: bytearray, place: int, start: int, end: int) -> None:
    """The same of the target's own bytes."""
    target[place : place + end - start] = target[start:end]


def write_le32(target: bytearray, place: int, number: int) -> None:
    target[place : place + 4] = number.to_bytes(4, "little")


def resize(target: bytearray, size: int) -> None:
    """What it gains is not zeroed where compiled."""
    del target[size:]
    target += bytes(size - len(target))


def append(target: bytearray, data: Octets, start: int, end: int) -> None:
    target += data[start:end]


def append_be(target: bytearray, mark: int, number: int, size: int) -> None:
    """A byte, then a number in `size` bytes (0: none)."""
    target.append(mark)
    target += number.to_bytes(size, "big")


def find_byte(data: Octets, octet: int, start: int, end: int) -> int:
    """Position of the first `octet` in data[start:end], -1 if there is none."""
    for position in range(start, end):
        if data[position] == octet:
            return position
    return -1


def starts_with(data: Octets, start: int, end: int, literal: bytes) -> bool:
    return end - start >= len(literal) and equals(
        data, start, start + len(literal), literal
    )


def begins(data: Octets, start: int, end: int, literal: bytes) -> bool:
    """Whether `literal` begins with data[start:end], or that with `literal`."""
    size = min(end - start, len(literal))
    return equals(data, start, start + size, literal[:size])


def equals(data: Octets, start: int, end: int, literal: bytes) -> bool:
    return bytes(data[start:end]) == literal


def equals_folded(data: Octets, start: int, end: int, lower: bytes) -> bool:
    """Compares without ASCII case; `lower` is given in lower case."""
    return bytes(data[start:end]).lower() == lower
