"""Builds Kubernetes's programs from the Go module proxy, once, as `go.mod` says.

`python -m tests.kubernetes.building NAME…` puts them into the user's cache and tells on
standard error how far it is: minutes, and gigabytes of Go's own cache. Without a name
it is kube-apiserver. Where they cannot be built the reason is told; where CI=true that
is a failure.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
SERVER = "kube-apiserver"
PACKAGES = "k8s.io/kubernetes/cmd/"
PACKAGE = PACKAGES + SERVER
FLAGS = ("-trimpath", "-ldflags=-s -w")

OLDEST_GO = (1, 21)
"""Gets the one that go.mod asks for by itself (go.dev/doc/toolchain)."""
BUILD_SECONDS = 3600
TELL_SECONDS = 15.0
"""Between two lines of progress."""
LAST_LINES = 20
"""Of Go's output, told if the build fails."""


class BuildError(Exception):
    """Go could not build it; its last words."""


def binary(name: str = SERVER) -> Path:
    """Where the built program is, or would be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    lines = (HERE / "go.mod").read_text().split("\n")
    version = next(w for line in lines for w in line.split()[-1:] if _is_line(line))
    return cache / "vethscope" / f"{name}-{version}"


def _is_line(line: str) -> bool:
    return line.strip().removeprefix("require ").startswith("k8s.io/kubernetes v")


def missing(name: str = SERVER) -> str:
    """Why it cannot be built or run here; empty if it can."""
    for program in ("etcd", "openssl"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if binary(name).is_file():
        return ""
    if not shutil.which("go"):
        return f"{name} is not built and go is not installed"
    if (version := _go_version()) and version < OLDEST_GO:
        return f"{name} is not built and go is older than 1.21"
    return ""


def _go_version() -> tuple[int, int] | None:
    """None: it does not say."""
    done = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True)
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def build(tell: Callable[[str], None], name: str = SERVER) -> None:
    """Builds the program into the cache. Raises BuildError."""
    target, package = binary(name), PACKAGES + name
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_suffix(f".{os.getpid()}")
    progress = Progress(tell, time.monotonic, package)
    tell("getting its sources")
    _go(["list", "-deps", package], progress.expect)
    tell(f"compiling at most {progress.most} packages, once: this takes minutes")
    _go(["build", "-v", *FLAGS, "-o", str(made), package], progress.see)
    made.rename(target)
    tell("done")


class Progress:
    """Counts the packages that Go tells, one a line; tells it now and then."""

    def __init__(
        self,
        tell: Callable[[str], None],
        clock: Callable[[], float],
        last: str = PACKAGE,
    ) -> None:
        self.most = 0
        self.compiled = 0
        self._tell = tell
        self._clock = clock
        self._last = last
        self._began = self._told = clock()

    def expect(self, _: str) -> None:
        """A package that the program consists of; Go may have compiled it before."""
        self.most += 1

    def see(self, package: str) -> None:
        """A package that Go begins to compile."""
        self.compiled += 1
        now = self._clock()
        is_last = package == self._last
        if is_last or now - self._told >= TELL_SECONDS:
            self._told = now
            self._tell(
                f"{self.compiled} of at most {self.most} packages compiled, "
                f"{now - self._began:.0f} s{', linking' if is_last else ''}"
            )


def _go(arguments: list[str], see: Callable[[str], None]) -> None:
    """Runs go here; `see` gets each package that it names: its messages have spaces."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    with subprocess.Popen(
        ["timeout", str(BUILD_SECONDS), "go", *arguments],
        cwd=HERE,
        env=os.environ | {"CGO_ENABLED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            last.append(line)
            if " " not in line.strip():
                see(line.strip())
    if process.returncode != 0:
        raise BuildError(f"go {arguments[0]} failed:\n{''.join(last)}".strip())


def main(names: Sequence[str] = (SERVER,)) -> int:
    """Builds what is not there; the exit status."""
    return max(map(_have, names))


def _have(name: str) -> int:
    def tell(words: str) -> None:
        print(f"set-up: {name}: {words}", file=sys.stderr, flush=True)

    reason = missing(name)
    if not reason and not binary(name).is_file():
        try:
            build(tell, name)
        except BuildError as error:
            reason = str(error)
    if reason:
        tell(f"its tests are skipped: {reason}")
    return int(bool(reason) and os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or (SERVER,)))
