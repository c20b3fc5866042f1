"""One part away for a while: the cloud, Kafka, the detector, or room on the disk.

Records go on being written. Afterwards all must be as if nothing had been, or every
loss told.
"""

import errno
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CDLL, get_errno
from pathlib import Path

from benchmarks.chaos.line import BROKER, Line
from benchmarks.chaos.stored import Stored

CLOUD, KAFKA, DETECTOR, DISK = "cloud", "kafka", "detector", "disk"
PARTS = (CLOUD, KAFKA, DETECTOR, DISK)

LEAD_SECONDS = 5.0
"""Traffic before the outage; after it as long again."""
DISK_BYTES = 48 << 20
_CHUNK_BYTES = 64 << 10
_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS of sched.h
COUNTED = 0.9
"""Of the records sent while the detector is away, counted meanwhile."""

Tell = Callable[[str], None]


class OutageError(Exception):
    """What must hold during the outage did not."""


def run(
    line: Line, stored: Stored, part: str, seconds: float, disk: Path, tell: Tell
) -> None:
    """Raises OutageError. `disk` holds the database where `part` is DISK."""
    time.sleep(LEAD_SECONDS)
    tell(f"{part} is away for {seconds:.0f} s")
    before = line.traffic.sent
    _away(line, part, disk)
    time.sleep(seconds)
    sent, counted, inspected = line.traffic.sent, stored.pairs(), stored.inspected()
    _back(line, part, disk)
    tell(
        f"{part} is back; meanwhile {sent - before:,} sent, in all {counted:,} counted"
    )
    time.sleep(LEAD_SECONDS)
    if part == DETECTOR:
        _check_detector(line, stored, sent, counted, inspected)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of DISK_BYTES that only this process and its children see.

    Raises OSError; needs root. Enter it before any thread starts.
    """
    libc = CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS) != 0:
        raise OSError(get_errno(), "a disk of its own needs root")
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder))
    try:
        yield
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=10)


def _away(line: Line, part: str, disk: Path) -> None:
    if part == DISK:
        _fill(disk)
    else:
        line.kill(BROKER if part == KAFKA else part)


def _back(line: Line, part: str, disk: Path) -> None:
    if part == DISK:
        _filler(disk).unlink()
    else:
        line.start(BROKER if part == KAFKA else part)


def _filler(disk: Path) -> Path:
    return disk / "filler"


def _fill(disk: Path) -> None:
    with _filler(disk).open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * _CHUNK_BYTES)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def _check_detector(
    line: Line, stored: Stored, sent: int, counted: int, inspected: int
) -> None:
    """Counting goes on without a detector; inspection does once it is back."""
    if counted < COUNTED * sent:
        raise OutageError(f"only {counted:,} of {sent:,} were counted meanwhile")
    end = time.monotonic() + LEAD_SECONDS * 4
    while stored.inspected() <= inspected:
        line.check()
        if time.monotonic() > end:
            raise OutageError("nothing was inspected after the detector was back")
        time.sleep(1)
