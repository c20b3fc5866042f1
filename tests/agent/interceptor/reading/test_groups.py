"""Limits of control groups of both versions, as they change."""

from contextlib import closing
from pathlib import Path

import pytest

from agent.interceptor.reading.budget import OWN, Budget
from agent.interceptor.reading.groups import Groups

GIB = 1 << 30


class Made:
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
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".", 1)).write_text(f"{text}\n")


def limits(proc: Path) -> Budget:
    with closing(Groups(proc)) as groups:
        return groups.limits()


def test_the_least_limit_of_the_group_and_those_around_it_counts(
    made: Made,
) -> None:
    root = made.mount("cgroup2", "")
    made.join("", "/pods/one")
    write(root / "pods", cpu__max="50000 100000", memory__max="max")
    write(root / "pods/one", cpu__max="max 100000", memory__max=str(GIB))
    assert limits(made.proc) == Budget(0.5, GIB)


def test_a_container_sees_its_own_group_as_the_root(made: Made) -> None:
    root = made.mount("cgroup2", "")
    made.join("", "/")
    write(root, cpu__max="20000 100000", memory__max=str(GIB))
    assert limits(made.proc) == Budget(0.2, GIB)


def test_groups_of_version_1(made: Made) -> None:
    cpu = made.mount("cgroup", "cpu,cpuacct", "/docker/abc")
    memory = made.mount("cgroup", "memory", "/docker/abc")
    made.mount("cgroup", "devices")
    made.join("cpu,cpuacct", "/docker/abc")
    made.join("memory", "/docker/abc")
    write(cpu, cpu__cfs_quota_us="10000", cpu__cfs_period_us="100000")
    write(memory, memory__limit_in_bytes=str(GIB))
    assert limits(made.proc) == Budget(0.1, GIB)


def test_no_limits_are_no_budget(made: Made) -> None:
    cpu = made.mount("cgroup", "cpu")
    memory = made.mount("cgroup", "memory")
    made.join("cpu", "/a")
    made.join("memory", "/a")
    write(cpu / "a", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    write(memory / "a", memory__limit_in_bytes=str((1 << 63) - 4096))
    assert limits(made.proc) == Budget()
    assert limits(made.proc / "not-there") == Budget()
    assert limits(OWN).cpu_cores > 0


def test_changed_limits_are_seen_without_looking_for_files(made: Made) -> None:
    root = made.mount("cgroup2", "")
    made.join("", "/one")
    write(root / "one", cpu__max="max 100000", memory__max=str(GIB))
    with closing(Groups(made.proc)) as groups:
        assert groups.limits() == Budget(memory_bytes=GIB)
        (made.proc / "mountinfo").unlink()
        write(root / "one", cpu__max="30000 100000", memory__max=str(2 * GIB))
        assert groups.limits() == Budget(0.3, 2 * GIB)


def test_a_process_that_is_moved_has_the_limits_of_its_new_group(made: Made) -> None:
    root = made.mount("cgroup2", "")
    made.join("", "/one")
    write(root / "one", memory__max=str(GIB))
    write(root / "two", memory__max=str(2 * GIB))
    with closing(Groups(made.proc)) as groups:
        assert groups.limits() == Budget(memory_bytes=GIB)
        (made.proc / "cgroup").write_text("0::/two")
        assert groups.limits() == Budget(memory_bytes=2 * GIB)


def test_a_controller_that_is_switched_on_is_found(made: Made) -> None:
    root = made.mount("cgroup2", "")
    made.join("", "/one")
    with closing(Groups(made.proc)) as groups:
        assert groups.limits() == Budget()
        write(root / "one", cpu__max="30000 100000")
        groups.find()
        assert groups.limits() == Budget(0.3)


def test_no_file_stays_open(made: Made) -> None:
    root = made.mount("cgroup2", "")
    made.join("", "/one")
    write(root / "one", cpu__max="30000 100000")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with closing(Groups(made.proc)) as groups:
        for _ in range(3):
            groups.find()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
