"""Privileges: what this process may do, and what it cannot do without.

In comes what the kernel says of the process (capabilities(7), namespaces(7)), out go
sentences that name each lack and what it costs. Only without CAP_NET_RAW is there
nothing to capture with. Root in a container has no capability but those it was given.
"""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path

PROC = Path("/proc")

_INITIAL_PIDS = "pid:[4026531836]"
"""PROC_PID_INIT_INO of the kernel: the host's processes."""
_MOST_ANCESTORS = 64
"""Of a process, from ours to the first: a container has three or four."""


class Capability(Enum):
    """By their numbers in linux/capability.h."""

    NET_ADMIN = 12
    NET_RAW = 13
    SYS_PTRACE = 19
    SYS_ADMIN = 21


LOSSES = {
    Capability.NET_ADMIN: "pods' addresses cannot be read: nothing matches the address "
    "list, and without a list traffic between two pods of the node counts twice",
    Capability.SYS_PTRACE: "pods' processes cannot be looked at: namespaces are found "
    "only by their mounts",
    Capability.SYS_ADMIN: "no namespace can be entered: pods without an interface in "
    "the host, and mesh proxies, are not captured",
}


class PrivilegeError(Exception):
    """Nothing can be captured."""


def check(proc: Path = PROC) -> list[str]:
    """What is missing, a sentence each. Raises PrivilegeError."""
    held = capabilities(proc)
    if Capability.NET_RAW not in held:
        raise PrivilegeError("CAP_NET_RAW is missing: packets cannot be captured")
    return [
        *(
            f"CAP_{lack.name} is missing: {words}"
            for lack, words in LOSSES.items()
            if lack not in held
        ),
        *_places(proc),
    ]


def capabilities(proc: Path = PROC) -> frozenset[Capability]:
    """Those of ours that are effective."""
    for line in (proc / "self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            bits = int(value, 16)
            return frozenset(c for c in Capability if bits >> c.value & 1)
    return frozenset()


def _places(proc: Path) -> Iterator[str]:
    """hostPID and hostNetwork, as far as can be seen."""
    if _link(proc / "self/ns/pid") != _INITIAL_PIDS and not _is_below_the_first(proc):
        yield (
            "hostPID is off: namespaces are found only by their mounts, not by the "
            "pods' processes"
        )
        return
    first, own = _link(proc / "1/ns/net"), _link(proc / "self/ns/net")
    if first and first != own:
        yield (
            "hostNetwork is off: interfaces are looked for in this process's own "
            "network namespace, not in the node's"
        )


def _is_below_the_first(proc: Path) -> bool:
    """Whether process 1 started us, over others, and is in no container of ours.

    A node may be a container itself (kind): its processes are not the machine's, and
    its first one is the node's. Without hostPID ours begin with process 1, or with one
    whose parent is elsewhere (shareProcessNamespace).
    """
    first = _link(proc / "1/ns/mnt")
    if not first or first == _link(proc / "self/ns/mnt"):
        return False
    process = "self"
    for _ in range(_MOST_ANCESTORS):
        parent = _parent(proc / process / "status")
        if parent in ("0", ""):
            return process == "1"
        process = parent
    return False


def _parent(status: Path) -> str:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return ""
    return next(
        (v.strip() for k, _, v in (x.partition(":") for x in lines) if k == "PPid"), ""
    )


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
