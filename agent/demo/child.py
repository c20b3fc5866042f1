"""Inside a demo's child process: a network namespace of its own, and its end.

The namespace has no name and no mount: it lives as long as its process, and the kernel
takes it away with the veth pair and the routes, whatever happens to the demo. The
process dies with the one that started it (PR_SET_PDEATHSIG), even by SIGKILL.

Parent and child talk in JSON lines over the child's standard input and output.
"""

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec
from pyroute2 import IPRoute

from agent.demo.network import INSIDE, Join

_CLONE_NEWNET = 0x40000000
_ORPHAN_RETRIES = Path("/proc/sys/net/ipv4/tcp_orphan_retries")
"""Of the own namespace: sockets of killed processes would hold it for minutes."""
_PR_SET_PDEATHSIG = 1
_IFA_F_NODAD = 2


def enter(parent: int) -> None:
    """Leaves the host's namespace for an empty one. Raises OSError."""
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the demo has ended")
    _call("unshare", _CLONE_NEWNET)
    _ORPHAN_RETRIES.write_text("1")
    tell({"entered": True})


def join() -> Join:
    """Waits for the pair that the parent makes, and sets up this end."""
    told = msgspec.json.decode(sys.stdin.buffer.readline() or b"null", type=Join)
    with IPRoute() as route:
        _set_up(route, told)
    return told


def tell(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def _set_up(route: IPRoute, told: Join) -> None:
    index = socket.if_nametoindex(INSIDE)
    route.link("set", index=socket.if_nametoindex("lo"), state="up")
    route.link("set", index=index, state="up")
    for end in told.ends:
        route.addr(
            "add",
            index=index,
            address=end.inside,
            prefixlen=end.prefix,
            flags=_IFA_F_NODAD,
        )
        route.route("add", dst=end.default, gateway=end.host, oif=index)


def _call(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
