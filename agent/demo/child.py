"""Inside the demo's child process: network namespaces, and their end.

Each pod has a process that does nothing but keep its namespace, as in Kubernetes; it is
a fork of this one, so it costs a few pages of memory. A namespace has no name and no
mount: it lives as long as its process, and the kernel takes it away with the veth pair
and the routes, whatever happens to the demo. Each process dies with the one that
started it (PR_SET_PDEATHSIG), even by SIGKILL. Its root is a folder of /proc, so that
who looks for programs in the pods finds none of this machine's.

Parent and child talk in JSON lines over the child's standard input and output.
"""

import os
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from pyroute2 import IPRoute

from agent.demo.kernel import CLONE_NEWNET, call, follow
from agent.demo.network import INSIDE, Ends

_ORPHAN_RETRIES = Path("/proc/sys/net/ipv4/tcp_orphan_retries")
"""Of the own namespace: sockets of killed processes would hold it for minutes."""
_IFA_F_NODAD = 2
_EMPTY = "/proc/sys"
"""Has no programs and no packages."""


class Namespace:
    """Another process's network namespace; sockets made `within` stay there."""

    def __init__(self, pid: int) -> None:
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._other = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @contextmanager
    def within(self) -> Iterator[None]:
        """For this thread, and only between two awaits."""
        call("setns", self._other, CLONE_NEWNET)
        try:
            yield
        finally:
            call("setns", self._own, CLONE_NEWNET)


def enter(parent: int) -> None:
    """Leaves the host's namespace for an empty one. Raises OSError."""
    follow(parent)
    call("unshare", CLONE_NEWNET)
    _ORPHAN_RETRIES.write_text("1")


def pause(names: Iterable[str]) -> dict[str, int]:
    """A process with an empty namespace for each name. Raises OSError."""
    ours, theirs = os.pipe()
    parent = os.getpid()
    pids = {name: _fork(parent, theirs) for name in names}
    os.close(theirs)
    for _ in pids:
        if os.read(ours, 1) != b"+":
            raise OSError("a network namespace cannot be made")
    os.close(ours)
    return pids


def _fork(parent: int, ready: int) -> int:
    """Of a process that has one thread still."""
    if pid := os.fork():
        return pid
    try:
        enter(parent)
        with suppress(PermissionError):
            os.chroot(_EMPTY)
            os.chdir("/")
        os.write(ready, b"+")
        os.close(ready)
        for stream in (0, 1):
            os.close(stream)
        signal.pause()
    finally:
        os._exit(1)


def set_up(ends: Ends) -> None:
    """This end of the pair that the parent has made."""
    with IPRoute() as route:
        index = socket.if_nametoindex(INSIDE)
        route.link("set", index=socket.if_nametoindex("lo"), state="up")
        route.link("set", index=index, state="up")
        for end in ends:
            route.addr(
                "add",
                index=index,
                address=end.inside,
                prefixlen=end.prefix,
                flags=_IFA_F_NODAD,
            )
            route.route("add", dst=end.default, gateway=end.host, oif=index)


def hear(shape: Any) -> Any:
    """What the parent says next; None at its end."""
    return msgspec.json.decode(sys.stdin.buffer.readline() or b"null", type=shape)


def tell(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()
