"""Waiting for what other threads and processes do, never longer than a bound."""

import os
import signal
import threading
import time
from collections.abc import Callable

SECONDS = 30.0
"""Generous: it is only ever used up by a failure."""
_LOOK_SECONDS = 0.01


def eventually(holds: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """True as soon as it holds; false if it did not in time."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        if time.monotonic() > end:
            return False
        pause.wait(_LOOK_SECONDS)
    return True


def busyness() -> float:
    """By how much more time a promise is kept late here: 1 on a free machine, 2 beside
    other tests, more where processes wait for processors (load average of a minute).
    """
    least = 2.0 if "PYTEST_XDIST_WORKER" in os.environ else 1.0
    return max(least, os.getloadavg()[0] / (os.cpu_count() or 1))


def freeze(child: int) -> None:
    """Stops a child process; returns when none of its threads goes on any more."""
    os.kill(child, signal.SIGSTOP)
    os.waitid(os.P_PID, child, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
