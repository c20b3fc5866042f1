"""Kernel filters: classic BPF that passes what the rings are for.

In come interface indexes, out goes a program (Linux
Documentation/networking/filter.rst): TCP over IPv4 or IPv6 on one of these interfaces,
with payload, SYN, FIN or RST. The interface is found by binary search on the ancillary
ifindex. What cannot be judged from fixed offsets (VLAN tags, fragments, IPv6 extension
headers, lengths of zero as BIG TCP has) is passed. Interfaces are taken as Ethernet.
"""

import ctypes
import struct
from collections.abc import Collection

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, k."""

PASS_BYTES = 0xFFFFFFFF
MAX_INSTRUCTIONS = 4096
"""BPF_MAXINSNS of the kernel."""

_LEAF = 16
_ANCILLARY = 0xFFFFF000
_PROTOCOL = _ANCILLARY
_IFINDEX = _ANCILLARY + 8

_LD_W, _LD_H, _LD_B = 0x20, 0x28, 0x30
_LDX_IP_HEADER = 0xB1
_LD_B_X = 0x50
_LDX_MEMORY = 0x61
_ST = 0x02
_TAX = 0x07
_AND, _SHIFT_RIGHT, _ADD_X = 0x54, 0x74, 0x0C
_JA, _JEQ, _JGE, _JSET, _JGT_X = 0x05, 0x15, 0x35, 0x45, 0x2D
_RET = 0x06

_ETHERNET = 14
_FLAGS = 0x07
"""FIN, SYN, RST."""


class FilterError(Exception):
    """More interfaces than one program can hold."""


def monitoring(interfaces: Collection[int]) -> list[Instruction]:
    """The program for these interface indexes; for none, it drops all.

    Raises FilterError.
    """
    indexes = sorted(set(interfaces))
    if not indexes:
        return [(_RET, 0, 0, 0)]
    packet = _tcp_with_content()
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


def _tcp_with_content() -> list[Instruction]:
    """Passes by protocol; jumps are written as labels, then resolved."""
    ip = _ETHERNET
    lines: list[tuple[str, int, str, str, int]] = [
        ("", _LD_H, "", "", _PROTOCOL),
        ("", _JEQ, "ipv4", "", 0x0800),
        ("", _JEQ, "ipv6", "", 0x86DD),
        ("", _JEQ, "pass", "", 0x8100),
        ("", _JEQ, "pass", "drop", 0x88A8),
        ("ipv4", _LD_B, "", "", ip + 9),
        ("", _JEQ, "", "drop", 6),
        ("", _LD_H, "", "", ip + 6),
        ("", _JSET, "pass", "", 0x3FFF),
        ("", _LDX_IP_HEADER, "", "", ip),
        ("", _LD_B_X, "", "", ip + 13),
        ("", _JSET, "pass", "", _FLAGS),
        ("", _LD_B_X, "", "", ip + 12),
        ("", _AND, "", "", 0xF0),
        ("", _SHIFT_RIGHT, "", "", 2),
        ("", _ADD_X, "", "", 0),
        ("", _ST, "", "", 0),
        ("", _LDX_MEMORY, "", "", 0),
        ("", _LD_H, "", "", ip + 2),
        ("", _JEQ, "pass", "", 0),
        ("", _JGT_X, "pass", "drop", 0),
        ("ipv6", _LD_B, "", "", ip + 6),
        ("", _JEQ, "tcp6", "", 6),
        ("", _JEQ, "pass", "", 0),
        ("", _JEQ, "pass", "", 43),
        ("", _JEQ, "pass", "", 44),
        ("", _JEQ, "pass", "drop", 60),
        ("tcp6", _LD_B, "", "", ip + 40 + 13),
        ("", _JSET, "pass", "", _FLAGS),
        ("", _LD_B, "", "", ip + 40 + 12),
        ("", _AND, "", "", 0xF0),
        ("", _SHIFT_RIGHT, "", "", 2),
        ("", _TAX, "", "", 0),
        ("", _LD_H, "", "", ip + 4),
        ("", _JEQ, "pass", "", 0),
        ("", _JGT_X, "pass", "drop", 0),
        ("pass", _RET, "", "", PASS_BYTES),
        ("drop", _RET, "", "", 0),
    ]
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
