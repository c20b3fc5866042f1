"""Control groups: the limits that this process is under, read again and again.

Both versions of cgroups(7) (Linux Documentation/admin-guide/cgroup-v2.rst): limits of
the process's own group and of those around it. Finding the files takes a look at all
mounts, which are thousands on a full node, so they are found once and stay open; what
the kernel writes into them is read anew from their start. A process that is moved to
another group sees that in its own `cgroup` file, which stays open too.
"""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

from agent.interceptor.reading.budget import OWN, Budget

MOST_BYTES = 4096
"""Of one file: the longest holds a process's groups, a line for each controller."""

_UNLIMITED_BYTES = 1 << 60
"""Version 1 tells a missing limit as the largest number of pages."""


class Groups:
    """The files of the limits; close it."""

    def __init__(self, proc: Path = OWN) -> None:
        self._proc = proc
        self._own = _opened(proc / "cgroup")
        self._groups = b""
        self._cores: list[list[int]] = []
        """Files that tell a quota and its period, together."""
        self._memory: list[list[int]] = []
        self.find()

    def limits(self) -> Budget:
        """The least limits that are in force now."""
        if _read(self._own) != self._groups:
            self.find()
        return Budget(
            min((_cores(_words(files)) for files in self._cores), default=math.inf),
            min((_bytes(_words(files)) for files in self._memory), default=math.inf),
        )

    def find(self) -> None:
        """Finds the files again: controllers may have been switched on."""
        self._close_limits()
        self._groups = _read(self._own)
        with contextlib.suppress(OSError):
            for folder in _folders(self._proc, self._groups.decode()):
                self._cores += _first(
                    folder, ["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
                )
                self._memory += _first(
                    folder, ["memory.max"], ["memory.limit_in_bytes"]
                )

    def close(self) -> None:
        self._close_limits()
        if self._own >= 0:
            os.close(self._own)
            self._own = -1

    def _close_limits(self) -> None:
        for file in (file for files in self._cores + self._memory for file in files):
            os.close(file)
        self._cores, self._memory = [], []


def _folders(proc: Path, groups: str) -> Iterator[Path]:
    """Of each group, from the process's own up to the mounted root."""
    mounts = list(_mounts(proc))
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        for kinds, root, mounted in mounts:
            if kinds & set(controllers.split(",")):
                yield from _up(path, root, mounted)


def _mounts(proc: Path) -> Iterator[tuple[set[str], str, Path]]:
    """Controllers (version 2: an empty name), root within the hierarchy, folder."""
    for line in (proc / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        root, mounted = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            yield {""}, root, Path(mounted)
        elif kind == "cgroup":
            yield set(options.split(",")) & {"cpu", "memory"}, root, Path(mounted)


def _up(path: str, root: str, mounted: Path) -> Iterator[Path]:
    """A container sees its group as the root: then `path` lies outside."""
    inside = path.removeprefix(root) if path.startswith(root) else ""
    folder = mounted / inside.lstrip("/")
    while folder != mounted:
        yield folder
        folder = folder.parent
    yield mounted


def _first(folder: Path, *choices: list[str]) -> list[list[int]]:
    """The files of the first choice that is there, opened."""
    for names in choices:
        files = [_opened(folder / name) for name in names]
        if min(files) >= 0:
            return [files]
        for file in files:
            if file >= 0:
                os.close(file)
    return []


def _opened(path: Path) -> int:
    """-1: there is none."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _read(file: int) -> bytes:
    """Empty if there is none, or its group is gone."""
    try:
        return os.pread(file, MOST_BYTES, 0)
    except OSError:
        return b""


def _words(files: list[int]) -> list[bytes]:
    return b" ".join(map(_read, files)).split()


def _cores(words: list[bytes]) -> float:
    if len(words) != 2 or words[0] in (b"max", b"-1"):
        return math.inf
    return int(words[0]) / int(words[1])


def _bytes(words: list[bytes]) -> float:
    if not words or words[0] == b"max" or int(words[0]) >= _UNLIMITED_BYTES:
        return math.inf
    return int(words[0])
