# cython: annotation_typing=False
"""Sequence numbers (RFC 9293 section 3.4): 32 bits that wrap.

A stream counts 64-bit positions from where it was first seen; a sequence number is
placed on that line by its signed distance to a known position. Correct while no
segment is 2 GiB away from the last delivered byte.
"""


def distance(sequence: int, origin: int) -> int:
    """Signed 32-bit distance from `origin` to `sequence`."""
    difference = (sequence - origin) & 0xFFFFFFFF
    return difference - 0x100000000 if difference & 0x80000000 else difference
