# cython: annotation_typing=False
"""Sequence numbers (RFC 9293 section 3.4): 32 bits that wrap.

A stream counts 64-bit positions from where it was first seen; a sequence number is
placed on that line by its signed distance to a known position. Correct while no
segment is 2 GiB away from the last delivered byte.
"""

_LAST = 0xFFFFFFFF


def advanced(sequence: int, length: int) -> int:
    """The sequence number `length` bytes after `sequence`."""
    return (sequence + length) & _LAST


def distance(sequence: int, origin: int) -> int:
    """Signed 32-bit distance from `origin` to `sequence`."""
    difference = (sequence - origin) & _LAST
    return difference - 0x100000000 if difference & 0x80000000 else difference
