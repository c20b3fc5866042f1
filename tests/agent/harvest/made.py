"""Real programs with generated code of the types of `tests/detection/protobuf`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.harvest.harvest import Harvest
from detection.protobuf.services import Service
from tests.detection.protobuf.made import PROTO

SERVICE = "shop.v1.People"
HERE = Path(__file__).parent


class Told:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.services: list[Service] = []

    def tell(self, service: Service) -> bool:
        self.services.append(service)
        return True

    def poll(self) -> None:
        pass

    def close(self, seconds: float = 1.0) -> None:
        pass

    @property
    def names(self) -> set[str]:
        return {service.name for service in self.services}


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


def generate(folder: Path, *plugin: str) -> None:
    """Runs protoc into the folder, for Python if no plugin is named."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.proto").write_text(PROTO)
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}"]
    command += plugin or [f"--python_out={folder}"]
    subprocess.run([*command, "shop.proto"], check=True, timeout=60)


@contextmanager
def running(*command: str, folder: Path | None = None) -> Iterator[tuple[int, str]]:
    """A program that told a line: its process and the line."""
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        yield process.pid, process.stdout.readline().strip()
        process.stdin.close()
        process.wait(20)


def harvest(folder: Path, *processes: int) -> tuple[Harvest, Told, Clock]:
    """Of these processes only, which are in the network namespace of the tests."""
    folder.mkdir(exist_ok=True)
    for process in processes:
        (folder / str(process)).symlink_to(f"/proc/{process}")
    own = os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116
    told, clock = Told(), Clock()
    return Harvest(lambda: frozenset((own,)), told, str(folder), clock), told, clock
