"""Budget: how much processor time and memory capturing may take, and takes.

The settings say it, and so does each control group that this process is in (both
versions of cgroups(7), Linux Documentation/admin-guide/cgroup-v2.rst): the least
counts. A worker has its part of the node's. Only anonymous memory counts, that is
without the rings, which have a bound of their own, and without shared code.
"""

import ctypes
import math
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.settings import Capture

OWN = Path("/proc/self")
INTERCEPTOR_BYTES = 96 << 20
"""Of the memory budget, for the process that watches the workers: twice its need."""
LEAST_BYTES = 64 << 20
"""A worker gets this much, however little a control group may: it needs 40 MiB when
there is nothing to read, so less would leave out all."""
NICE = 10

_UNLIMITED_BYTES = 1 << 60
"""Version 1 tells a missing limit as the largest number of pages."""
_PAGE_BYTES = resource.getpagesize()
_libc = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one worker, or all of a control group, may take."""

    cpu_cores: float = math.inf
    memory_bytes: float = math.inf


def of_worker(capture: Capture, workers: int, proc: Path = OWN) -> Budget:
    """A worker's part of the settings and of the limits that are in force now."""
    limit = group_limits(proc)
    cores = min(capture.cpu_cores or math.inf, limit.cpu_cores)
    memory = min(capture.memory_bytes or math.inf, limit.memory_bytes)
    left = memory - capture.ring_bytes - capture.inside_bytes - INTERCEPTOR_BYTES
    return Budget(cores / workers, max(LEAST_BYTES, left / workers))


def group_limits(proc: Path = OWN) -> Budget:
    """The least limits of this process's control groups and those around them."""
    try:
        folders = list(_folders(proc))
    except OSError:
        return Budget()
    return Budget(
        min(map(_cores, folders), default=math.inf),
        min(map(_memory, folders), default=math.inf),
    )


def memory_bytes(proc: Path = OWN) -> int:
    """Anonymous memory of this process."""
    _, resident, shared, *_ = (proc / "statm").read_text().split()
    return (int(resident) - int(shared)) * _PAGE_BYTES


def give_back_memory() -> None:
    """Hands what the C allocator keeps back to the system."""
    _libc.malloc_trim(0)


def lower_priority(kind: str) -> None:
    """Of this process and what it starts, as `capture.priority` says."""
    if kind == "low":
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    elif kind == "idle":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _folders(proc: Path) -> Iterator[Path]:
    """Of each group, from the process's own up to the mounted root."""
    mounts = list(_mounts(proc))
    for line in (proc / "cgroup").read_text().splitlines():
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


def _cores(folder: Path) -> float:
    words = _words(folder / "cpu.max")
    if not words:
        quota = _words(folder / "cpu.cfs_quota_us")
        words = quota + _words(folder / "cpu.cfs_period_us")
    if len(words) != 2 or words[0] in ("max", "-1"):
        return math.inf
    return int(words[0]) / int(words[1])


def _memory(folder: Path) -> float:
    words = _words(folder / "memory.max")
    words = words or _words(folder / "memory.limit_in_bytes")
    if not words or words[0] == "max" or int(words[0]) >= _UNLIMITED_BYTES:
        return math.inf
    return int(words[0])


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
