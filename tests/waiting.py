"""Waiting for what other threads and processes do, never longer than a bound."""

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
