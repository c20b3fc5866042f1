"""Builds kube-apiserver from the Go module proxy, once, as `go.mod` says.

`python -m tests.kubernetes.building` puts it into the user's cache and tells on
standard error how far it is: minutes, and gigabytes of Go's own cache. Where it cannot
be built the reason is told; where CI=true that is a failure.
"""

import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = "k8s.io/kubernetes/cmd/kube-apiserver"
FLAGS = ("-trimpath", "-ldflags=-s -w")

BUILD_SECONDS = 3600
TELL_SECONDS = 15.0
"""Between two lines of progress."""
LAST_LINES = 20
"""Of Go's output, told if the build fails."""


class BuildError(Exception):
    """Go could not build it; its last words."""


def binary() -> Path:
    """Where the built server is, or would be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    lines = (HERE / "go.mod").read_text().split("\n")
    version = next(w for line in lines for w in line.split()[-1:] if _is_line(line))
    return cache / "vethscope" / f"kube-apiserver-{version}"


def _is_line(line: str) -> bool:
    return line.strip().removeprefix("require ").startswith("k8s.io/kubernetes v")


def missing() -> str:
    """Why it cannot be built or run here; empty if it can."""
    for program in ("etcd", "openssl"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if not binary().is_file() and not shutil.which("go"):
        return "kube-apiserver is not built and go is not installed"
    return ""


def build(tell: Callable[[str], None]) -> None:
    """Builds the server into the cache. Raises BuildError."""
    target = binary()
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_suffix(f".{os.getpid()}")
    progress = Progress(tell, time.monotonic)
    tell("getting its sources")
    _go(["list", "-deps", PACKAGE], progress.expect)
    tell(f"compiling at most {progress.most} packages, once: this takes minutes")
    _go(["build", "-v", *FLAGS, "-o", str(made), PACKAGE], progress.see)
    made.rename(target)
    tell("done")


class Progress:
    """Counts the packages that Go tells, one a line; tells it now and then."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float]) -> None:
        self.most = 0
        self.compiled = 0
        self._tell = tell
        self._clock = clock
        self._began = self._told = clock()

    def expect(self, _: str) -> None:
        """A package that the server consists of; Go may have compiled it before."""
        self.most += 1

    def see(self, package: str) -> None:
        """A package that Go begins to compile."""
        self.compiled += 1
        now = self._clock()
        is_last = package == PACKAGE
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


def main() -> int:
    """Builds it unless it is there; the exit status."""

    def tell(words: str) -> None:
        print(f"set-up: kube-apiserver: {words}", file=sys.stderr, flush=True)

    reason = missing()
    if not reason and not binary().is_file():
        try:
            build(tell)
        except BuildError as error:
            reason = str(error)
    if reason:
        tell(f"its tests are skipped: {reason}")
    return int(bool(reason) and os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main())
