"""Limits of control groups of both versions, and a worker's part of them."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.interceptor.budget import (
    INTERCEPTOR_BYTES,
    LEAST_BYTES,
    NICE,
    Budget,
    give_back_memory,
    group_limits,
    memory_bytes,
    of_worker,
)
from agent.settings import Capture

GIB = 1 << 30


class Groups:
    """A made /proc/self, and mounted control groups."""

    def __init__(self, folder: Path) -> None:
        self.proc = folder / "proc"
        self.proc.mkdir()
        self.mounted = folder / "cgroup"
        self._lines: list[str] = []
        self._mounts: list[str] = []

    def mount(self, kind: str, options: str, root: str = "/") -> Path:
        folder = self.mounted / (options or "unified")
        folder.mkdir(parents=True)
        self._mounts.append(
            f"31 23 0:28 {root} {folder} rw shared:1 - {kind} {kind} rw,{options}"
        )
        (self.proc / "mountinfo").write_text("\n".join(self._mounts))
        return folder

    def join(self, controllers: str, path: str) -> None:
        self._lines.append(f"{len(self._lines)}:{controllers}:{path}")
        (self.proc / "cgroup").write_text("\n".join(self._lines))


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".", 1)).write_text(f"{text}\n")


def test_the_least_limit_of_the_group_and_those_around_it_counts(
    groups: Groups,
) -> None:
    root = groups.mount("cgroup2", "")
    groups.join("", "/pods/one")
    write(root / "pods", cpu__max="50000 100000", memory__max="max")
    write(root / "pods/one", cpu__max="max 100000", memory__max=str(GIB))
    assert group_limits(groups.proc) == Budget(0.5, GIB)


def test_a_container_sees_its_own_group_as_the_root(groups: Groups) -> None:
    root = groups.mount("cgroup2", "")
    groups.join("", "/")
    write(root, cpu__max="20000 100000", memory__max=str(GIB))
    assert group_limits(groups.proc) == Budget(0.2, GIB)


def test_groups_of_version_1(groups: Groups) -> None:
    cpu = groups.mount("cgroup", "cpu,cpuacct", "/docker/abc")
    memory = groups.mount("cgroup", "memory", "/docker/abc")
    groups.mount("cgroup", "devices")
    groups.join("cpu,cpuacct", "/docker/abc")
    groups.join("memory", "/docker/abc")
    write(cpu, cpu__cfs_quota_us="10000", cpu__cfs_period_us="100000")
    write(memory, memory__limit_in_bytes=str(GIB))
    assert group_limits(groups.proc) == Budget(0.1, GIB)


def test_no_limits_are_no_budget(groups: Groups) -> None:
    cpu = groups.mount("cgroup", "cpu")
    memory = groups.mount("cgroup", "memory")
    groups.join("cpu", "/a")
    groups.join("memory", "/a")
    write(cpu / "a", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    write(memory / "a", memory__limit_in_bytes=str((1 << 63) - 4096))
    assert group_limits(groups.proc) == Budget()
    assert group_limits(groups.proc / "not-there") == Budget()
    assert group_limits().cpu_cores > 0


def test_a_worker_has_its_part_of_the_least(groups: Groups) -> None:
    root = groups.mount("cgroup2", "")
    groups.join("", "/")
    write(root, cpu__max="100000 100000", memory__max=str(GIB))
    capture = Capture(ring_bytes=64 << 20, inside_bytes=64 << 20)
    mine = of_worker(capture, 4, groups.proc)
    assert mine.cpu_cores == 0.25
    assert mine.memory_bytes == (GIB - (128 << 20) - INTERCEPTOR_BYTES) / 4
    own = Capture(cpu_cores=0.5, memory_bytes=512 << 20)
    assert of_worker(own, 1, groups.proc).cpu_cores == 0.5
    assert of_worker(own, 1, groups.proc).memory_bytes < 512 << 20


def test_a_worker_gets_enough_to_work_at_all(groups: Groups) -> None:
    root = groups.mount("cgroup2", "")
    groups.join("", "/")
    write(root, memory__max=str(128 << 20))
    assert of_worker(Capture(), 2, groups.proc).memory_bytes == LEAST_BYTES


def test_without_any_limit_a_worker_has_none(groups: Groups) -> None:
    groups.mount("cgroup2", "")
    groups.join("", "/")
    assert of_worker(Capture(), 2, groups.proc) == Budget(math.inf, math.inf)


def test_anonymous_memory_grows_with_what_is_kept() -> None:
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
            "import os; from agent.interceptor.budget import lower_priority;"
            f"lower_priority({kind!r});"
            "print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))",
        ],
        capture_output=True,
        check=True,
        text=True,
    )
    assert tuple(map(int, told.stdout.split())) == expected
