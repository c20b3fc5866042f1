"""eBPF for the tests: what Cilium does with a pod's packets, and a map of sockets."""

import ctypes
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from pyroute2 import IPRoute

_SYSTEM_CALLS = {"x86_64": 321, "aarch64": 280}
_CREATE, _SOCKMAP = 0, 15
_LOAD, _SCHEDULER_CLASSIFIER = 5, 3
_REDIRECT_PEER = 155
_INGRESS = 0xFFFFFFF2

_libc = ctypes.CDLL(None, use_errno=True)


def redirect_to_peer(interface: int, target: int) -> None:
    """All that comes in at `interface` appears at once inside `target`'s pod."""
    program = _load(
        struct.pack("<BBhi", 0xB7, 1, 0, target)
        + struct.pack("<BBhi", 0xB7, 2, 0, 0)
        + struct.pack("<BBhi", 0x85, 0, 0, _REDIRECT_PEER)
        + struct.pack("<BBhi", 0x95, 0, 0, 0)
    )
    try:
        with IPRoute() as route:
            route.tc("add", "clsact", interface)
            route.tc(
                "add-filter",
                "bpf",
                interface,
                fd=program,
                name="redirect",
                parent=_INGRESS,
                classid=1,
                direct_action=True,
            )
    finally:
        os.close(program)


def _load(instructions: bytes) -> int:
    """The program's descriptor, see bpf(2)."""
    code = ctypes.create_string_buffer(instructions, len(instructions))
    license_ = ctypes.create_string_buffer(b"Apache-2.0")
    attributes = struct.pack(
        "=IIQQIIQIII16s",
        _SCHEDULER_CLASSIFIER,
        len(instructions) // 8,
        ctypes.addressof(code),
        ctypes.addressof(license_),
        0,
        0,
        0,
        0,
        0,
        0,
        b"redirect",
    )
    program = _call(_LOAD, attributes)
    if program < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return program


def _call(command: int, attributes: bytes) -> int:
    """bpf(2): a descriptor, or -1."""
    memory = ctypes.create_string_buffer(attributes, len(attributes))
    number = _SYSTEM_CALLS[platform.machine()]
    return int(_libc.syscall(number, command, memory, len(attributes)))


@contextmanager
def sockmap() -> Iterator[None]:
    """A map that programs can join sockets by, while the block runs."""
    attributes = struct.pack("=IIIII", _SOCKMAP, 4, 4, 1, 0)
    file = _call(_CREATE, attributes)
    if file < 0:
        raise OSError(ctypes.get_errno(), "the kernel makes no sockmap")
    try:
        yield
    finally:
        os.close(file)
