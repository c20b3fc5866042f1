"""The image under test, built once on a base of Debian's packages."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TAG = "localhost/vethscope:test"

BUILD_SECONDS = 1200
"""Two downloads, a compilation and some copies of file systems, on a busy machine."""
RUN_SECONDS = 120

_STORAGE = """
[storage]
driver = "vfs"
graphroot = "{directory}/graph"
runroot = "{directory}/run"
"""


class Image:
    """A container of the built image, in a storage of its own."""

    def __init__(self, directory: Path) -> None:
        storage = directory / "storage.conf"
        storage.write_text(_STORAGE.format(directory=directory))
        self._environment = {
            **os.environ,
            "BASE": "debian",
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_STORAGE_CONF": str(storage),
            "STORAGE_DRIVER": "vfs",
            "TMPDIR": str(directory),
        }
        self._call([str(ROOT / ".ci" / "image"), TAG], BUILD_SECONDS)
        self._container = self._call(["buildah", "from", "--pull-never", TAG]).strip()

    def run(self, *command: str) -> str:
        """Standard output of a command in the container, as the image's user."""
        return self._call(["buildah", "run", self._container, "--", *command])

    def python(self, code: str, *arguments: str) -> str:
        return self.run("/opt/vethscope/bin/python", "-I", "-c", code, *arguments)

    @property
    def config(self) -> dict[str, Any]:
        """User, Entrypoint … as the image declares them."""
        inspected = json.loads(self._call(["buildah", "inspect", "--type=image", TAG]))
        config: dict[str, Any] = inspected["OCIv1"]["config"]
        return config

    def close(self) -> None:
        self._call(["buildah", "rm", "--all"])
        self._call(["buildah", "rmi", "--all", "--force"])

    def _call(self, command: list[str], seconds: float = RUN_SECONDS) -> str:
        result = subprocess.run(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        output = (result.stdout + result.stderr)[-4000:]
        assert result.returncode == 0, f"{command[:2]}: {output}"
        return result.stdout


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    if os.geteuid() != 0:
        pytest.skip("building the image needs root")
    for program in ("buildah", "mmdebstrap"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        built = Image(Path(directory))
        yield built
        built.close()
