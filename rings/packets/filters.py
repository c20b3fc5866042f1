"""Kernel filters: classic BPF that passes what the rings are for.

In come interface indexes and how much is to be shed, out goes a program (Linux
Documentation/networking/filter.rst): TCP over IPv4 or IPv6 on one of these interfaces,
with payload, SYN, FIN or RST. The interface is found by binary search on the ancillary
ifindex; interfaces are taken as Ethernet, which pods' are.

While something is shed, connections whose number (`shedding`) is below the level are
dropped whole. Of their frames one in `SAMPLED`, chosen by the kernel's random numbers,
is passed for its length. It is cut within the TCP header, where no other frame ends:
after the octet of the data offset for the first of `SAMPLED`, one later for the next.
So what was shed is known per interface, within the error of a sample.

What cannot be judged from fixed offsets (VLAN tags in the frame, IPv4 fragments, IPv6
extension headers but the one of BIG TCP) passes until more than half is shed, and is
dropped beyond.
"""

import ctypes
import struct
from collections.abc import Collection
from dataclasses import dataclass

from rings.packets.shedding import LEVELS, MULTIPLIERS, SAMPLED, SHIFTS, sampling

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, k."""
Line = tuple[str, int, str, str, int]
"""A label, then an instruction whose jumps are labels; none: the next line."""

PASS_BYTES = 0xFFFFFFFF
MAX_INSTRUCTIONS = 4096
"""BPF_MAXINSNS of the kernel."""

_LEAF = 16
_ANCILLARY = 0xFFFFF000
_PROTOCOL = _ANCILLARY
_IFINDEX = _ANCILLARY + 8
_RANDOM = _ANCILLARY + 56

_LD_W, _LD_H, _LD_B, _LD_MEMORY = 0x20, 0x28, 0x30, 0x60
_LD_H_X, _LD_B_X = 0x48, 0x50
_LDX, _LDX_IP_HEADER, _LDX_MEMORY = 0x01, 0xB1, 0x61
_ST, _STX, _TAX, _TXA = 0x02, 0x03, 0x07, 0x87
_ADD, _ADD_X, _MULTIPLY, _AND, _SHIFT_RIGHT = 0x04, 0x0C, 0x24, 0x54, 0x74
_XOR, _XOR_X = 0xA4, 0xAC
_JA, _JEQ, _JGE, _JSET, _JGT_X = 0x05, 0x15, 0x35, 0x45, 0x2D
_RET, _RET_A = 0x06, 0x16

_ADDRESS, _PORT, _BOTH = MULTIPLIERS
_FOLD, _SHIFT = SHIFTS

# Cells of the program's memory.
_LENGTH, _HEADERS, _IP_HEADERS, _ONE, _OTHER = range(5)

_IP = 14
"""Where the IP header begins: behind Ethernet's."""
_PORTS, _DATA_OFFSET, _FLAGS = _IP, _IP + 12, _IP + 13
"""Behind the IP headers."""
_CONTENT_FLAGS = 0x07
"""FIN, SYN, RST."""


class FilterError(Exception):
    """More interfaces than one program can hold."""


@dataclass(frozen=True, slots=True)
class Shed:
    """Which connections are left out."""

    level: int = 0
    """Of `LEVELS`."""
    seed: int = 0
    """32 bits."""


NOTHING = Shed()


def monitoring(interfaces: Collection[int], shed: Shed = NOTHING) -> list[Instruction]:
    """The program for these interface indexes; for none, it drops all.

    Raises FilterError.
    """
    indexes = sorted(set(interfaces))
    if not indexes:
        return [(_RET, 0, 0, 0)]
    packet = _resolved([*_tcp_with_content(), *_connection(shed), *_ends(shed.level)])
    tree = _search(indexes)
    # The tree ends each hit by a jump with k = its distance to the packet's part.
    size = len(tree)
    program: list[Instruction] = [(_LD_W, 0, 0, _IFINDEX)]
    for place, (code, true, false, k) in enumerate(tree):
        is_hit = code == _JA and k < 0
        program.append((code, true, false, size - place - 1 if is_hit else k))
    program += packet
    if len(program) > MAX_INSTRUCTIONS:
        raise FilterError(f"{len(indexes)} interfaces do not fit into one filter")
    return program


def encode(program: list[Instruction]) -> bytes:
    """struct sock_filter[]."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def sock_fprog(code: bytes) -> tuple[bytes, ctypes.Array[ctypes.c_char]]:
    """struct sock_fprog, and the memory that it points to: keep both."""
    memory = ctypes.create_string_buffer(code, len(code))
    return struct.pack("@HP", len(code) // 8, ctypes.addressof(memory)), memory


def _search(indexes: list[int]) -> list[Instruction]:
    if len(indexes) <= _LEAF:
        size = len(indexes)
        tests = [(_JEQ, size - i, 0, index) for i, index in enumerate(indexes)]
        return [*tests, (_RET, 0, 0, 0), (_JA, 0, 0, -1)]
    middle = len(indexes) // 2
    low, high = _search(indexes[:middle]), _search(indexes[middle:])
    choice = [(_JGE, 0, 1, indexes[middle]), (_JA, 0, 0, len(low))]
    return [*choice, *low, *high]


def _tcp_with_content() -> list[Line]:
    """Goes on at `content`, `unjudged` or `drop`.

    BIG TCP has a length of 0, and over IPv6 a hop-by-hop header of eight octets.
    """
    return [
        ("", _LD_H, "", "", _PROTOCOL),
        ("", _JEQ, "ipv4", "", 0x0800),
        ("", _JEQ, "ipv6", "", 0x86DD),
        ("", _JEQ, "unjudged", "", 0x8100),
        ("", _JEQ, "unjudged", "drop", 0x88A8),
        ("ipv4", _LD_B, "", "", _IP + 9),
        ("", _JEQ, "", "drop", 6),
        ("", _LD_H, "", "", _IP + 6),
        ("", _JSET, "unjudged", "", 0x3FFF),
        ("", _LDX_IP_HEADER, "", "", _IP),
        ("", _LD_H, "", "", _IP + 2),
        ("", _JGE, "tcp", "tcp", 0),
        ("ipv6", _LDX, "", "", 40),
        ("", _LD_B, "", "", _IP + 6),
        ("", _JEQ, "", "header", 0),
        ("", _LD_B, "", "", _IP + 41),
        ("", _JEQ, "", "unjudged", 0),
        ("", _LDX, "", "", 48),
        ("", _LD_B, "", "", _IP + 40),
        ("header", _JEQ, "length", "", 6),
        ("", _JEQ, "unjudged", "", 43),
        ("", _JEQ, "unjudged", "", 44),
        ("", _JEQ, "unjudged", "drop", 60),
        ("length", _LD_H, "", "", _IP + 4),
        ("", _JEQ, "tcp", "", 0),
        ("", _ADD, "", "", 40),
        ("tcp", _ST, "", "", _LENGTH),
        ("", _STX, "", "", _IP_HEADERS),
        ("", _LD_B_X, "", "", _FLAGS),
        ("", _JSET, "content", "", _CONTENT_FLAGS),
        ("", _LD_B_X, "", "", _DATA_OFFSET),
        ("", _AND, "", "", 0xF0),
        ("", _SHIFT_RIGHT, "", "", 2),
        ("", _ADD_X, "", "", 0),
        ("", _ST, "", "", _HEADERS),
        ("", _LDX_MEMORY, "", "", _HEADERS),
        ("", _LD_MEMORY, "", "", _LENGTH),
        ("", _JEQ, "content", "", 0),
        ("", _JGT_X, "content", "drop", 0),
    ]


def _connection(shed: Shed) -> list[Line]:
    """From `content` on: the same number as `shedding.flow_number`."""
    if shed.level == 0:
        return [("content", _RET, "", "", PASS_BYTES)]
    sampled = sampling(shed.level)
    return [
        ("content", _LD_H, "", "", _PROTOCOL),
        ("", _JEQ, "addresses6", "", 0x86DD),
        *_mixed_address(_IP + 12, 4, shed.seed, _ONE),
        *_mixed_address(_IP + 16, 4, shed.seed, _OTHER),
        ("", _JGE, "ports", "ports", 0),
        *_mixed_address(_IP + 8, 16, shed.seed, _ONE, "addresses6"),
        *_mixed_address(_IP + 24, 16, shed.seed, _OTHER),
        ("ports", _LDX_MEMORY, "", "", _IP_HEADERS),
        *_mixed_port(_PORTS, _ONE),
        ("", _LDX_MEMORY, "", "", _IP_HEADERS),
        *_mixed_port(_PORTS + 2, _OTHER),
        ("", _LDX_MEMORY, "", "", _ONE),
        ("", _ADD_X, "", "", 0),
        ("", _MULTIPLY, "", "", _BOTH),
        ("", _SHIFT_RIGHT, "", "", _SHIFT),
        ("", _JGE, "pass", "", shed.level),
        ("", _LD_W, "", "", _RANDOM),
        ("", _JSET, "drop", "", SAMPLED[sampled] - 1),
        ("", _LDX_MEMORY, "", "", _IP_HEADERS),
        ("", _TXA, "", "", 0),
        ("", _ADD, "", "", _DATA_OFFSET + 1 + sampled),
        ("", _RET_A, "", "", 0),
    ]


def _mixed_address(
    start: int, size: int, seed: int, cell: int, label: str = ""
) -> list[Line]:
    lines: list[Line] = [
        (label, _LD_W, "", "", start),
        ("", _XOR, "", "", seed),
        ("", _MULTIPLY, "", "", _ADDRESS),
    ]
    for place in range(start + 4, start + size, 4):
        lines += [
            ("", _TAX, "", "", 0),
            ("", _LD_W, "", "", place),
            ("", _XOR_X, "", "", 0),
            ("", _MULTIPLY, "", "", _ADDRESS),
        ]
    return [*lines, ("", _ST, "", "", cell)]


def _mixed_port(start: int, cell: int) -> list[Line]:
    """X is the length of the IP headers."""
    return [
        ("", _LD_H_X, "", "", start),
        ("", _LDX_MEMORY, "", "", cell),
        ("", _XOR_X, "", "", 0),
        ("", _MULTIPLY, "", "", _PORT),
        ("", _TAX, "", "", 0),
        ("", _SHIFT_RIGHT, "", "", _FOLD),
        ("", _XOR_X, "", "", 0),
        ("", _ST, "", "", cell),
    ]


def _ends(level: int) -> list[Line]:
    unjudged = 0 if 2 * level > LEVELS else PASS_BYTES
    return [
        ("pass", _RET, "", "", PASS_BYTES),
        ("unjudged", _RET, "", "", unjudged),
        ("drop", _RET, "", "", 0),
    ]


def _resolved(lines: list[Line]) -> list[Instruction]:
    labels = {label: place for place, (label, *_) in enumerate(lines) if label}
    return [
        (
            code,
            labels[true] - place - 1 if true else 0,
            labels[false] - place - 1 if false else 0,
            k,
        )
        for place, (_, code, true, false, k) in enumerate(lines)
    ]
