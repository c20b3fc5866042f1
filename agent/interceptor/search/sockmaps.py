"""Sockmaps: whether eBPF may lead bytes from socket to socket, past all interfaces.

Programs of sockmaps (bpf(2), BPF_MAP_TYPE_SOCKMAP and SOCKHASH) hand what one socket
sends to another of the same node: Cilium's socket acceleration and others do. Nothing
of it passes an interface, so no ring sees it. Which pods' sockets are in such a map the
kernel does not tell: all of the node may be. Needs CAP_SYS_ADMIN, else none are found.
"""

import ctypes
import os
import platform
import struct

MOST_MAPS = 10_000
"""Looked at: nodes have hundreds."""

_SYSTEM_CALLS = {"x86_64": 321, "aarch64": 280}
_NEXT_ID, _OPEN, _INFO = 12, 14, 15
"""BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD."""
_KINDS = frozenset((15, 18))
"""BPF_MAP_TYPE_SOCKMAP, BPF_MAP_TYPE_SOCKHASH."""
_INFO_BYTES = 64

_libc = ctypes.CDLL(None, use_errno=True)


def are_there() -> bool:
    """Whether the kernel has one now; about 3 µs for each map of any kind."""
    number = 0
    for _ in range(MOST_MAPS):
        number = _next(number)
        if not number:
            return False
        if _kind(number) in _KINDS:
            return True
    return False


def _next(number: int) -> int:
    """The next map's; 0: there is none, or we may not ask."""
    attributes = _attributes(struct.pack("=III", number, 0, 0))
    if _call(_NEXT_ID, attributes) < 0:
        return 0
    return int(struct.unpack_from("=II", attributes)[1])


def _kind(number: int) -> int:
    """-1: it is gone."""
    file = _call(_OPEN, _attributes(struct.pack("=III", number, 0, 0)))
    if file < 0:
        return -1
    try:
        info = ctypes.create_string_buffer(_INFO_BYTES)
        told = struct.pack("=IIQ", file, _INFO_BYTES, ctypes.addressof(info))
        failed = _call(_INFO, _attributes(told)) < 0
        return -1 if failed else int(struct.unpack_from("=I", info)[0])
    finally:
        os.close(file)


def _attributes(told: bytes) -> "ctypes.Array[ctypes.c_char]":
    """union bpf_attr, as far as it is used."""
    return ctypes.create_string_buffer(told, len(told))


def _call(command: int, attributes: "ctypes.Array[ctypes.c_char]") -> int:
    number = _SYSTEM_CALLS.get(platform.machine())
    if number is None:
        return -1
    return int(_libc.syscall(number, command, attributes, len(attributes)))
