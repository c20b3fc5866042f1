"""Calls of the kernel's that Python has no function for, as the demo's processes need.

See unshare(2), setns(2) and prctl(2). All raise OSError.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1


def call(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def follow(parent: int) -> None:
    """From now on this process dies with the thread of its parent that started it."""
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the demo has ended")
