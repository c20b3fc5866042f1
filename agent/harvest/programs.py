"""A process's files that may hold descriptors, opened without leaving its pod.

In comes a process (proc(5)), out come open files: its program, the libraries that it
maps (but for the system's), jars that a JVM has open and classes on its class path,
generated modules of Python below its working folder, its script and its packages. The
kernel's own links lead to what is open; all other paths are walked down from the
process's root without following symbolic links, which would lead into our own. No file
is mapped: a file that shrinks must not end this program. Needs CAP_SYS_PTRACE; of files
that others than root may not read, CAP_DAC_READ_SEARCH.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

MOST_LIBRARIES = 64
MOST_JARS = 2_000
MOST_FOLDERS = 4_000
"""Walked for one process."""
MOST_DEPTH = 12
MOST_MODULES = 2_000
"""Generated ones of one process."""
MOST_MAPS_BYTES = 4 << 20
MOST_COMMAND_BYTES = 64 << 10

_SYSTEM = re.compile(r"/(usr/)?lib(32|64)?/(?!python)")
"""Libraries of the distribution: well-known types at most."""
_PACKAGES = re.compile(r"(/.+?/(?:site|dist)-packages)/")
_PYTHON = re.compile(r"python[0-9.]*")
_LEFT_OUT = ("proc", "sys", "dev", "node_modules", "__pycache__")
_CLASS_PATHS = ("-cp", "-classpath", "--class-path")
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = _FLAGS | os.O_DIRECTORY


class Kind(Enum):
    """How a file is searched."""

    BINARY = "binary"
    JAR = "jar"
    CLASS = "class"
    SOURCE = "source"


class Opened(NamedTuple):
    """A file, open while it is searched."""

    kind: Kind
    descriptor: int
    size: int
    identity: tuple[int, int, int, int]
    """Device, inode, time of change and size: the same bytes, for all that matters."""

    def read(self, place: int, size: int) -> bytes:
        try:
            return os.pread(self.descriptor, size, place)
        except OSError:
            return b""


def files(process: str) -> Iterator[Opened]:
    """`process` is its folder in /proc. Each is closed when the next one is asked for.
    Raises PermissionError if the process may not be looked at."""
    program = _link(f"{process}/exe")
    if not program:
        return
    with _opened(f"{process}/exe", Kind.BINARY) as opened:
        if opened is None:
            raise PermissionError
        yield opened
    name = program.rpartition("/")[2]
    mapped = _mapped(process)
    libraries = [path for path in mapped if not _SYSTEM.match(path)]
    yield from _each(process, libraries[:MOST_LIBRARIES], Kind.BINARY)
    if name == "java":
        yield from _jars(process)
        yield from _walk(process, _class_folders(process), ".class", Kind.CLASS)
    elif _PYTHON.fullmatch(name):
        folders = [_script_folder(process), _link(f"{process}/cwd"), *_packages(mapped)]
        yield from _walk(process, folders, "_pb2.py", Kind.SOURCE)
        yield from _walk(process, folders, "_pb2.pyc", Kind.BINARY)


def _mapped(process: str) -> list[str]:
    """Shared libraries, each once, in the order of addresses."""
    text = _text(f"{process}/maps", MOST_MAPS_BYTES)
    paths = (line.partition("/")[2] for line in text.splitlines())
    return list(dict.fromkeys(f"/{path}" for path in paths if ".so" in path))


def _packages(mapped: list[str]) -> list[str]:
    """Folders of packages from which something is mapped."""
    found = (_PACKAGES.match(path) for path in mapped)
    return list(dict.fromkeys(match[1] for match in found if match))


def _command(process: str) -> list[str]:
    return _text(f"{process}/cmdline", MOST_COMMAND_BYTES).split("\0")


def _script_folder(process: str) -> str:
    """Of `python /app/server.py`; empty if there is none."""
    words = _command(process)[1:]
    script = next((word for word in words if word[:1] != "-"), "")
    return script.rpartition("/")[0] if script[:1] == "/" else ""


def _class_folders(process: str) -> list[str]:
    words = _command(process)
    for option, value in pairwise(words):
        if option in _CLASS_PATHS:
            return [part.rstrip("/*") for part in value.split(":") if part[:1] == "/"]
    return []


def _jars(process: str) -> Iterator[Opened]:
    """Those that are open: a JVM keeps them so."""
    left = MOST_JARS
    for name in _names(f"{process}/fd"):
        path = f"{process}/fd/{name}"
        if left and _link(path).endswith((".jar", ".war")):
            left -= 1
            with _opened(path, Kind.JAR) as opened:
                if opened is not None:
                    yield opened


def _each(process: str, paths: list[str], kind: Kind) -> Iterator[Opened]:
    for path in paths:
        folder, _, name = path.rpartition("/")
        with _folder(process, folder) as held, _opened(name, kind, held) as opened:
            if opened is not None:
                yield opened


def _walk(
    process: str, folders: list[str], ending: str, kind: Kind
) -> Iterator[Opened]:
    """Files below folders whose names end so; breadth first, each folder once."""
    waiting = [(folder, 0) for folder in dict.fromkeys(folders) if folder]
    seen: set[tuple[int, int]] = set()
    left = MOST_MODULES
    for folder, depth in waiting:
        if len(seen) >= MOST_FOLDERS:
            return
        with _folder(process, folder) as held:
            if held is None or not _is_new(held, seen):
                continue
            within, names = _listed(held, ending)
            if depth < MOST_DEPTH:
                waiting += [(f"{folder}/{name}", depth + 1) for name in within]
            for name in names[:left]:
                left -= 1
                with _opened(name, kind, held) as opened:
                    if opened is not None:
                        yield opened


def _is_new(folder: int, seen: set[tuple[int, int]]) -> bool:
    status = os.fstat(folder)
    identity = status.st_dev, status.st_ino
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _listed(folder: int, ending: str) -> tuple[list[str], list[str]]:
    """Folders and files of these names within a folder; no symbolic links."""
    folders, names = [], []
    with suppress(OSError), os.scandir(folder) as found:
        for one in found:
            name = one.name
            if name.endswith(ending):
                names.append(name)
            elif one.is_dir(follow_symlinks=False) and not (
                name[:1] == "." or name in _LEFT_OUT
            ):
                folders.append(name)
    return sorted(folders), sorted(names)


@contextmanager
def _folder(process: str, path: str) -> Iterator[int | None]:
    """An open folder below the process's root, reached without symbolic links."""
    held: int | None = None
    try:
        held = os.open(f"{process}/root", _FOLDER)
        for name in filter(None, path.split("/")):
            if name == "..":
                raise FileNotFoundError
            following = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=held)
            os.close(held)
            held = following
    except (OSError, ValueError):
        if held is not None:
            os.close(held)
        held = None
    try:
        yield held
    finally:
        if held is not None:
            os.close(held)


@contextmanager
def _opened(
    path: str, kind: Kind, folder: int | None = None
) -> Iterator[Opened | None]:
    """None if it is no plain file or may not be read. Without a folder the path is one
    of the kernel's links."""
    if folder is None and path[:1] != "/":
        yield None
        return
    flags = _FLAGS | (0 if folder is None else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags, dir_fd=folder)
    except (OSError, ValueError):
        yield None
        return
    try:
        status = os.fstat(descriptor)
        device, inode, size = status.st_dev, status.st_ino, status.st_size
        identity = (device, inode, status.st_mtime_ns, size)
        is_file = stat.S_ISREG(status.st_mode)
        yield Opened(kind, descriptor, size, identity) if is_file else None
    finally:
        os.close(descriptor)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names only
    except OSError:
        return []


def _link(path: str) -> str:
    """Where it leads. Raises PermissionError."""
    try:
        return os.readlink(path)  # noqa: PTH115 - not to be resolved
    except PermissionError:
        raise
    except OSError:
        return ""


def _text(path: str, most: int) -> str:
    try:
        with open(path, "rb") as source:  # noqa: PTH123 - a file of the kernel's
            return source.read(most).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
