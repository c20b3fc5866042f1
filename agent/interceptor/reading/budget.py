"""Budget: how much processor time and memory capturing may take, and takes.

The settings say it, and so do the control groups that this process is in (`groups`):
the least counts. A worker has its part of the node's. Only anonymous memory counts,
that is without the rings, which have a bound of their own, and without shared code.
"""

import ctypes
import math
import os
import resource
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

_PAGE_BYTES = resource.getpagesize()
_libc = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one worker, or all of a control group, may take."""

    cpu_cores: float = math.inf
    memory_bytes: float = math.inf


def of_worker(capture: Capture, workers: int, limit: Budget) -> Budget:
    """A worker's part of the settings and of its control groups' limits."""
    cores = min(capture.cpu_cores or math.inf, limit.cpu_cores)
    memory = min(capture.memory_bytes or math.inf, limit.memory_bytes)
    left = memory - capture.ring_bytes - capture.inside_bytes - INTERCEPTOR_BYTES
    return Budget(cores / workers, max(LEAST_BYTES, left / workers))


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
