"""A kernel filter's beginning: only packets from and to given addresses go on.

In come addresses, out go classic BPF instructions to put before another program. What
is not IPv4 or IPv6 behind an Ethernet header is dropped.
"""

import struct
from collections.abc import Collection

from rings.packets.filters import FilterError, Instruction

MOST_ADDRESSES = 64
"""Far more than pods have, and well within one program."""

_PROTOCOL = 0xFFFFF000
_SOURCE_4, _DESTINATION_4 = 26, 30
_SOURCE_6, _DESTINATION_6 = 22, 38
_LD_W, _LD_H, _AND, _JA, _JEQ, _RET = 0x20, 0x28, 0x54, 0x05, 0x15, 0x06


def among(addresses: Collection[bytes]) -> list[Instruction]:
    """Drops what is not from and to one of these; none: nothing is dropped.

    Addresses are in network order, 4 or 16 bytes. Raises FilterError.
    """
    if not addresses:
        return []
    if len(addresses) > MOST_ADDRESSES:
        raise FilterError(f"{len(addresses)} addresses do not fit into one filter")
    old = [ip for ip in sorted(addresses) if len(ip) == 4]
    new = [ip for ip in sorted(addresses) if len(ip) == 16]
    four = _one_of(old, _SOURCE_4) + _one_of(old, _DESTINATION_4)
    six = _one_of(new, _SOURCE_6) + _one_of(new, _DESTINATION_6)
    return _by_version(four, six)


def outward() -> list[Instruction]:
    """Drops what has a loopback address (127.0.0.0/8, ::1) at either end."""
    four = [*_not_loopback_4(_SOURCE_4), *_not_loopback_4(_DESTINATION_4)]
    six = [*_not_loopback_6(_SOURCE_6), *_not_loopback_6(_DESTINATION_6)]
    return _by_version(four, six)


def _not_loopback_4(offset: int) -> list[Instruction]:
    return [
        (_LD_W, 0, 0, offset),
        (_AND, 0, 0, 0xFF000000),
        (_JEQ, 0, 1, 0x7F000000),
        (_RET, 0, 0, 0),
    ]


def _not_loopback_6(offset: int) -> list[Instruction]:
    tests: list[Instruction] = []
    for number, word in enumerate((0, 0, 0, 1)):
        tests.append((_LD_W, 0, 0, offset + 4 * number))
        tests.append((_JEQ, 0, 7 - 2 * number, word))
    return [*tests, (_RET, 0, 0, 0)]


def _by_version(four: list[Instruction], six: list[Instruction]) -> list[Instruction]:
    """One for IPv4, the other for IPv6, else drops."""
    return [
        (_LD_H, 0, 0, _PROTOCOL),
        (_JEQ, 0, 1, 0x0800),
        (_JA, 0, 0, 3),
        (_JEQ, 1, 0, 0x86DD),
        (_RET, 0, 0, 0),
        (_JA, 0, 0, len(four) + 1),
        *four,
        (_JA, 0, 0, len(six)),
        *six,
    ]


def _one_of(addresses: list[bytes], offset: int) -> list[Instruction]:
    """Goes on behind its end if one of them stands at `offset`, else drops."""
    tests: list[Instruction] = []
    for left in reversed(range(len(addresses))):
        address = addresses[len(addresses) - left - 1]
        words = struct.unpack(f"!{len(address) // 4}I", address)
        size = 2 * len(words) + 1
        for number, word in enumerate(words):
            tests.append((_LD_W, 0, 0, offset + 4 * number))
            tests.append((_JEQ, 0, size - 2 * number - 2, word))
        tests.append((_JA, 0, 0, left * size + 1))
    return [*tests, (_RET, 0, 0, 0)]
