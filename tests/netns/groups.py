"""Control groups for the tests: a limit of processor time, in either version."""

import os
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000


class CpuGroup:
    """A control group of its own; remove it when its processes are gone."""

    def __init__(self, name: str) -> None:
        self._is_second = (_MOUNT / "cgroup.controllers").exists()
        self._folder = (_MOUNT if self._is_second else _MOUNT / "cpu") / name
        self._folder.mkdir()

    @staticmethod
    def missing() -> str:
        """Why there can be none; empty: there can."""
        controllers = _MOUNT / "cgroup.subtree_control"
        is_first = (_MOUNT / "cpu" / "cgroup.procs").exists()
        is_second = controllers.exists() and "cpu" in controllers.read_text().split()
        if not (is_first or is_second):
            return "there is no cpu controller of control groups"
        return "" if os.geteuid() == 0 else "making control groups needs root"

    def limit(self, cores: float) -> None:
        quota = max(1000, round(cores * _PERIOD_US))
        if self._is_second:
            (self._folder / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
        else:
            (self._folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (self._folder / "cpu.cfs_quota_us").write_text(str(quota))

    def unlimit(self) -> None:
        if self._is_second:
            (self._folder / "cpu.max").write_text("max")
        else:
            (self._folder / "cpu.cfs_quota_us").write_text("-1")

    def take(self, process: int) -> None:
        (self._folder / "cgroup.procs").write_text(str(process))

    def free(self, process: int) -> None:
        """Puts it back into the root group, unlimited."""
        root = self._folder.parent
        (root / "cgroup.procs").write_text(str(process))

    def remove(self) -> None:
        self._folder.rmdir()
