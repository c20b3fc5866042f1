"""Jars of tests: what a folder's `pom.xml` names, resolved once by Maven.

They stand in the folder's `target/jars`; the classes of its own sources, compiled
against them, in `target/classes`. Tests of several processes wait for each other.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RESOLVE_SECONDS = 600
COMPILE_SECONDS = 60


def missing() -> str:
    """What is not installed; empty if all is."""
    return ", ".join(name for name in ("javac", "mvn") if not shutil.which(name))


def jars(folder: Path) -> Path:
    """The folder of jars."""
    found = folder / "target" / "jars"
    with _alone(folder):
        if not found.is_dir():
            print(f"resolving jars of {folder.name} with Maven", file=sys.stderr)
            made = found.with_name("new")
            command = ["mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies"]
            command += ["-DincludeScope=runtime", f"-DoutputDirectory={made}"]
            _run(command, folder, RESOLVE_SECONDS)
            made.rename(found)
    return found


def compiled(folder: Path) -> None:
    """The classes of the folder's sources, and the jars that they need."""
    jars(folder)
    classes = folder / "target" / "classes"
    with _alone(folder):
        for source in folder.glob("*.java"):
            made = classes / f"{source.stem}.class"
            if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
                words = "-cp", class_path(folder), "-d", str(classes), source.name
                _run(["javac", *words], folder, COMPILE_SECONDS)


def class_path(folder: Path) -> str:
    """Of the jars and classes, whether they are there or not."""
    return f"{folder}/target/classes{os.pathsep}{folder}/target/jars/*"


def _run(command: list[str], folder: Path, seconds: int) -> None:
    subprocess.run(
        command, cwd=folder, check=True, capture_output=True, timeout=seconds
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    (folder / "target").mkdir(exist_ok=True)
    with (folder / "target" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
