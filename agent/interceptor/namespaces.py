"""Finds network namespaces by where they can be entered: processes and bind mounts.

In: `/proc` (with hostPID: the node's) and the directories where `ip netns`, CNI
runtimes and Docker pin namespaces. Out: inode → path. The directories are also read
through PID 1's root, so a container sees the node's without mounting them.
Left out are our own namespace and PID 1's: both are "the host", or hold it.
"""

import time
from collections.abc import Iterable
from pathlib import Path

MOUNT_SECONDS = 2.0
"""A file appears before the namespace is mounted on it: read that long again."""

_CAP_SYS_PTRACE = 19
_MOUNTS = ("run/netns", "run/docker/netns")


def default_mounts(proc: Path) -> tuple[Path, ...]:
    roots = (Path("/"), proc / "1" / "root")
    return tuple(root / mount for root in roots for mount in _MOUNTS)


class Namespaces:
    """Where namespaces are; inodes are unique while the namespace lives."""

    def __init__(self, proc: Path, mounts: Iterable[Path]) -> None:
        self._proc = proc
        self._mounts = tuple(mounts)
        self._modified: dict[Path, int] = {}
        own = (proc / "self/ns/net").stat()
        self._device = own.st_dev
        self._hosts = {own.st_ino, _inode(proc / "1/ns/net", own.st_dev)}
        self._may_trace = _may_trace(proc)
        self.is_blind = False
        """Nothing was found, and other processes are hidden from us."""

    def mounted(self) -> dict[int, str]:
        """Those with a bind mount."""
        found: dict[int, str] = {}
        for directory in self._mounts:
            for name in _names(directory):
                inode = _inode(directory / name, self._device)
                found.setdefault(inode, str(directory / name))
        return self._foreign(found)

    def all(self) -> dict[int, str]:
        """Those with a bind mount or a process; the mount's path goes first."""
        found = self.mounted()
        for pid in sorted(int(name) for name in _names(self._proc) if name.isdigit()):
            path = self._proc / str(pid) / "ns/net"
            try:
                found.setdefault(path.stat().st_ino, str(path))
            except OSError:
                continue  # it has ended, or is hidden
        found = self._foreign(found)
        self.is_blind = not (found or self._may_trace)
        return found

    def mounts_changed(self) -> bool:
        """A directory was written to since the last call, or a moment ago."""
        recent = time.time_ns() - int(MOUNT_SECONDS * 1e9)
        changed = False
        for directory in self._mounts:
            try:
                modified = directory.stat().st_mtime_ns
            except OSError:
                continue
            changed |= modified > recent or modified != self._modified.get(directory)
            self._modified[directory] = modified
        return changed

    def _foreign(self, found: dict[int, str]) -> dict[int, str]:
        return {i: p for i, p in found.items() if i and i not in self._hosts}


def _names(directory: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in directory.iterdir())
    except OSError:
        return []


def _inode(path: Path, device: int) -> int:
    """0: nothing there, not allowed, or not a namespace."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return status.st_ino if status.st_dev == device else 0


def _may_trace(proc: Path) -> bool:
    """CAP_SYS_PTRACE is effective: proc(5) shows other processes' namespaces."""
    for line in (proc / "self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_SYS_PTRACE & 1)
    return False
