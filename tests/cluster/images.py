"""The images of the node as OCI archives, out of no registry, each made once.

`python -m tests.cluster.images` makes what is not in the user's cache: `pause` out of
twenty lines of Go, `kafka` out of Debian's Java and the jars of `tests/kafka` in place
of Apache's image, and our own by `.ci/image`, again whenever its sources change.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.kafka import broker
from tests.kubernetes.building import binary

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = (
    *("agent", "cloud", "detection", "proto", "rings"),
    *("Dockerfile", ".ci/image", ".ci/sbom", ".ci/slim", "setup.py"),
    *("pyproject.toml", "requirements.lock", "requirements-build.lock"),
)
BUILD_SECONDS = 3600
BUILT = {".so", ".c", ".pyc"}

STORAGE = """
[storage]
driver = "vfs"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""


def missing() -> str:
    """Why they cannot be made here; empty if they can."""
    for program in ("buildah", "mmdebstrap", "go"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return broker.missing()


class Store:
    """Archives in the cache, and buildah's storage beside them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        storage = folder / "storage.conf"
        storage.write_text(STORAGE.format(folder=folder))
        self._environment = os.environ | {
            "BASE": "debian",
            "BUILDAH_ISOLATION": "chroot",
            "CGO_ENABLED": "0",
            "CONTAINERS_STORAGE_CONF": str(storage),
            "STORAGE_DRIVER": "vfs",
            "TMPDIR": str(folder / "tmp"),
        }

    def all(self) -> list[Path]:
        """The archives, made if they are not there. Raises CalledProcessError."""
        pause = (self._pause, "registry.k8s.io/pause:3.6", [HERE / "pause.go"])
        kafka_of = [HERE / "kafka-bin", ROOT / "tests/kafka/pom.xml"]
        kafka = (self._kafka, "docker.io/apache/kafka:4.1.0", kafka_of)
        own_of = [ROOT / name for name in SOURCES]
        own = (self._own, "docker.io/library/vethscope:dev", own_of)
        return [self._archive(*one) for one in (pause, kafka, own)]

    def _archive(
        self, make: Callable[[str], None], name: str, sources: list[Path]
    ) -> Path:
        short = name.rpartition("/")[2].partition(":")[0]
        archive = self._folder / f"{short}-{_digest(sources)}.tar"
        if not archive.is_file():
            print(f"set-up: image {short}: minutes", file=sys.stderr, flush=True)
            local = f"localhost/{short}"
            make(local)
            made = archive.with_suffix(".new")
            made.unlink(missing_ok=True)
            self._call(
                "buildah", "push", "--quiet", local, f"oci-archive:{made}:{name}"
            )
            for old in self._folder.glob(f"{short}-*.tar"):
                old.unlink()
            made.rename(archive)
        return archive

    def _pause(self, name: str) -> None:
        program = self._folder / "tmp/pause"
        self._call("go", "build", "-ldflags=-s -w", "-o", program, HERE / "pause.go")
        self._commit(name, [(program, "/pause")], ["--entrypoint", '["/pause"]'])

    def _kafka(self, name: str) -> None:
        broker.resolve()
        debian = self._folder / "tmp/java.tar"
        include = "--include=ca-certificates,default-jre-headless"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", include, "bookworm"]
        self._call(*command, debian)
        parts = [
            (debian, "/"),
            (broker.JARS, "/opt/kafka/libs"),
            (HERE / "kafka-bin", "/opt/kafka/bin"),
        ]
        self._commit(name, parts, ["--workingdir", "/opt/kafka"])
        debian.unlink()

    def _own(self, name: str) -> None:
        self._call(ROOT / ".ci/image", name)

    def _commit(
        self, name: str, parts: list[tuple[Path, str]], config: list[str]
    ) -> None:
        container = self._call("buildah", "from", "scratch")
        for source, target in parts:
            self._call("buildah", "add", "--quiet", container, source, target)
        self._call("buildah", "config", *config, container)
        self._call("buildah", "commit", "--quiet", "--rm", container, name)

    def _call(self, *command: str | Path) -> str:
        """Standard output; what it says beside is shown."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=BUILD_SECONDS,
            check=True,
        )
        return done.stdout.strip()


def store() -> Store:
    """That in the user's cache."""
    return Store(binary().parent / "images")


def _digest(sources: list[Path]) -> str:
    digest = hashlib.sha256()
    for source in sources:
        inner = source.rglob("*") if source.is_dir() else [source]
        for file in sorted(inner):
            if file.is_file() and file.suffix not in BUILT:
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0")
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    if reason := missing():
        sys.exit(f"set-up: images cannot be made: {reason}")
    store().all()
