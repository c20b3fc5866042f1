"""eBPF for the tests: what Cilium does with a pod's packets, in four instructions."""

import ctypes
import os
import platform
import struct

from pyroute2 import IPRoute

_SYSTEM_CALLS = {"x86_64": 321, "aarch64": 280}
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
    memory = ctypes.create_string_buffer(attributes, len(attributes))
    call = _SYSTEM_CALLS[platform.machine()]
    program: int = _libc.syscall(call, _LOAD, memory, len(attributes))
    if program < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return program
