"""When the digger ends, after it was told to stop."""

import threading
import time

DRAIN_SECONDS = 1.5
"""When stopping: records still taken from Kafka at most so long, and until quiet."""
QUIET_SECONDS = 0.3


class Ending:
    """When to end after `stop`: once it is quiet, or the time is over."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._deadline = float("inf")
        self._quiet_since = 0.0

    def saw(self, is_busy: bool) -> None:
        """Tells whether there was something to do just now."""
        if is_busy or not self._stop.is_set():
            self._quiet_since = time.monotonic()
        if self._stop.is_set():
            self._deadline = min(self._deadline, time.monotonic() + DRAIN_SECONDS)

    @property
    def is_over(self) -> bool:
        now = time.monotonic()
        return self._stop.is_set() and (
            now >= self._deadline or now - self._quiet_since >= QUIET_SECONDS
        )
