"""The demo's side of a child process: starts it, hears it, ends it.

The child is in a session of its own, so that Ctrl-C in the terminal reaches only the
demo, which then lets the child finish. Every wait is bounded and ends with `stop`.
"""

import os
import queue
import subprocess
import sys
import threading
import time
from typing import Any, Self

import msgspec

Told = dict[str, Any]

_SLICE_SECONDS = 0.05
_END: Told = {}
"""Stands behind the last message."""


class ChildError(Exception):
    """The child ended or stayed silent."""


class Stopped(Exception):  # noqa: N818
    """The user ended the demo while it waited."""


class Child:
    """A running `python -m module`; leaving the context ends it."""

    def __init__(self, module: str, stop: threading.Event) -> None:
        self._module = module
        self._stop = stop
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def hear(self, key: str, seconds: float) -> Told:
        """The next message with that key; others are passed over.

        Raises ChildError, Stopped.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._stop.is_set():
                raise Stopped
            told = self._next(_SLICE_SECONDS)
            if key in told:
                return told
        raise ChildError(f"{self._module} did not tell {key!r} within {seconds:.0f} s")

    def take(self, seconds: float) -> list[Told]:
        """What it told meanwhile; waits for something at most `seconds`.

        Raises ChildError if it will tell no more.
        """
        told = [first] if (first := self._next(seconds)) else []
        while told and not self._told.empty():
            try:
                told.append(self._next(0))
            except ChildError:
                break
        return told

    def say(self, message: Any) -> None:
        """Raises ChildError."""
        assert self._process.stdin
        try:
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ChildError(f"{self._module} ended") from error

    def finish(self) -> None:
        """Tells it that nothing more will be said."""
        if self._process.stdin and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                return  # it has ended

    def close(self, seconds: float = 0.5) -> None:
        self.finish()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self, seconds: float) -> Told:
        """Empty if nothing came in time. Raises ChildError."""
        try:
            told = self._told.get(timeout=seconds)
        except queue.Empty:
            return {}
        if told is _END:
            self._told.put(_END)
            raise ChildError(f"{self._module} ended")
        return told

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                self._told.put(msgspec.json.decode(line, type=Told))
        self._told.put(_END)
