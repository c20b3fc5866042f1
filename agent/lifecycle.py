"""Guarded named threads that start in order and stop in reverse order.

A role is a function `run(..., stop)` that works until the event `stop` is set, then
drains and returns. If one role fails, all are stopped and the failure is raised.
"""

import logging
import signal
import threading
import traceback
from collections.abc import Callable

log = logging.getLogger("vethscope")

_OURS = ("agent", "rings", "detection", "cloud")

STOP_SECONDS = 10.0
"""How long a role may take to drain before it is left behind."""


class RoleError(Exception):
    """A role ended by an exception."""


class Roles:
    """Roles of one process; use as a context: leaving it stops what was started."""

    def __init__(
        self, stop: threading.Event, stop_seconds: float = STOP_SECONDS
    ) -> None:
        self._stop = stop
        self._stop_seconds = stop_seconds
        self._started: list[tuple[str, threading.Thread, threading.Event]] = []
        self.failure: tuple[str, BaseException] | None = None

    def start(self, name: str, run: Callable[[threading.Event], None]) -> None:
        role_stop = threading.Event()
        thread = threading.Thread(
            target=self._guard, args=(name, run, role_stop), name=name, daemon=True
        )
        self._started.append((name, thread, role_stop))
        thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Until stopped or failed, at most `seconds`; true if stopped."""
        return self._stop.wait(seconds)

    def close(self) -> None:
        """Stops the roles, the last started first. Raises RoleError."""
        for name, thread, role_stop in reversed(self._started):
            role_stop.set()
            thread.join(self._stop_seconds)
            if thread.is_alive():
                log.error("%s did not stop within %.0f s", name, self._stop_seconds)
        self._started.clear()
        if self.failure:
            name, error = self.failure
            raise RoleError(f"{name}: {told(error)}") from error

    def __enter__(self) -> "Roles":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _guard(
        self, name: str, run: Callable[[threading.Event], None], stop: threading.Event
    ) -> None:
        try:
            run(stop)
        except BaseException as error:
            self.failure = self.failure or (name, error)
        finally:
            self._stop.set()


def told(error: BaseException) -> str:
    """An error in words that hold no captured byte.

    The texts of our own errors and of the system's are made for users. Of any other,
    which is a mistake of ours, only the kind and the places in the code are told: its
    text may quote what was captured.
    """
    is_ours = type(error).__module__.partition(".")[0] in _OURS
    if is_ours or isinstance(error, OSError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(frames))
    return f"{type(error).__name__} at {where}"


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set; a second signal ends at once."""
    stop = threading.Event()

    def on_signal(number: int, _: object) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return stop
