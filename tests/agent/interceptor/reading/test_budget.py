"""A worker's part of the limits, and what it takes."""

import gc
import math
import os
import subprocess
import sys

import pytest

from agent.interceptor.reading.budget import (
    INTERCEPTOR_BYTES,
    LEAST_BYTES,
    NICE,
    Budget,
    give_back_memory,
    memory_bytes,
    of_worker,
)
from agent.settings import Capture

GIB = 1 << 30


def test_a_worker_has_its_part_of_the_least() -> None:
    limit = Budget(1.0, GIB)
    capture = Capture(ring_bytes=64 << 20, inside_bytes=64 << 20)
    mine = of_worker(capture, 4, limit)
    assert mine.cpu_cores == 0.25
    assert mine.memory_bytes == (GIB - (128 << 20) - INTERCEPTOR_BYTES) / 4
    own = Capture(cpu_cores=0.5, memory_bytes=512 << 20)
    assert of_worker(own, 1, limit).cpu_cores == 0.5
    assert of_worker(own, 1, limit).memory_bytes < 512 << 20


def test_a_worker_gets_enough_to_work_at_all() -> None:
    little = Budget(memory_bytes=128 << 20)
    assert of_worker(Capture(), 2, little).memory_bytes == LEAST_BYTES


def test_without_any_limit_a_worker_has_none() -> None:
    assert of_worker(Capture(), 2, Budget()) == Budget(math.inf, math.inf)


def test_anonymous_memory_grows_with_what_is_kept() -> None:
    gc.collect()  # what tests before this one left is not to go meanwhile
    give_back_memory()
    before = memory_bytes()
    kept = bytearray(os.urandom(1 << 20) * 32)
    grown = memory_bytes() - before
    assert 24 << 20 <= grown <= 128 << 20
    del kept
    give_back_memory()
    assert memory_bytes() < before + (16 << 20)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("low", (NICE, os.SCHED_OTHER)), ("idle", (0, os.SCHED_IDLE)), ("normal", (0, 0))],
)
def test_the_priority_is_as_set(kind: str, expected: tuple[int, int]) -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; from agent.interceptor.reading.budget import lower_priority;"
            f"lower_priority({kind!r});"
            "print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))",
        ],
        capture_output=True,
        check=True,
        text=True,
    )
    assert tuple(map(int, told.stdout.split())) == expected
