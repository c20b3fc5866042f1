# cython: annotation_typing=False
"""Shedding: which connections are left out when there is too much to read.

In comes a connection's key, out goes one of `LEVELS` numbers, the same for both its
directions. At level n the connections whose number is below n are left out, whole: a
higher level leaves out others too, never other ones instead. `filters` computes the
same number in the kernel: each end's address and port are mixed by multiplications
(the constants are those of MurmurHash3's finalizer), then both ends are added. The seed
keeps a pod from choosing ports that are left out.
"""

import cython

if not cython.compiled:
    from rings.memory import read_be16, read_be32

LEVELS = 256
SAMPLED = (16, 64, 256, 1024)
"""Of a shed connection's frames one in so many is passed for its length: the more is
shed the fewer, so that reading samples takes a sixteenth of reading what is kept."""

_ADDRESS = 0x85EBCA6B
_PORT = 0xC2B2AE35
_BOTH = 0x9E3779B1
_FOLD = 15
_SHIFT = 24
MULTIPLIERS = (_ADDRESS, _PORT, _BOTH)
SHIFTS = (_FOLD, _SHIFT)
"""Of the arithmetic below, for `filters`."""


def sampling(level: int) -> int:
    """Which of SAMPLED is in force at this level."""
    kept = max(1, LEVELS - level)
    for place, size in enumerate(SAMPLED):
        if size * kept >= SAMPLED[0] * level:
            return place
    return len(SAMPLED) - 1


def flow_number(key: bytes, seed: int) -> int:
    """0 to 255, of a segment's key (`packet`) in either direction."""
    size = len(key) // 2 - 2
    one = _mixed(key, 0, size, 2 * size, seed)
    other = _mixed(key, size, 2 * size, 2 * size + 2, seed)
    return (((one + other) * _BOTH) & 0xFFFFFFFF) >> _SHIFT


def _mixed(key: bytes, start: int, end: int, port: int, seed: int) -> int:
    """One end of the connection: its address in words of four bytes, then its port."""
    mixed = seed
    for place in range(start, end, 4):
        mixed = ((mixed ^ read_be32(key, place)) * _ADDRESS) & 0xFFFFFFFF
    mixed = ((mixed ^ read_be16(key, port)) * _PORT) & 0xFFFFFFFF
    return mixed ^ mixed >> _FOLD
