"""A small disk, and how it is filled."""

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BYTES = 64 << 20
POSTGRES_BYTES = 96 << 20
"""A fresh cluster takes 40 MB, and its log two segments of 16."""
_CHUNK = bytes(1 << 16)


@contextmanager
def small_disk(folder: Path, most_bytes: int = BYTES) -> Iterator[Path]:
    """A file system of so many bytes there meanwhile; needs root. Raises OSError."""
    folder.mkdir()
    command = ("mount", "-t", "tmpfs", "-o", f"size={most_bytes}", "tmpfs", str(folder))
    if subprocess.run(command, capture_output=True, timeout=10).returncode:
        raise OSError("a disk of its own needs root, and the right to mount")
    try:
        yield folder
    finally:
        unmount = ("umount", "--lazy", str(folder))
        subprocess.run(unmount, check=True, timeout=10)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Nothing is free on it meanwhile."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(_CHUNK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    try:
        yield
    finally:
        filler.unlink()
