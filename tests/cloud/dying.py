"""A program that works on a store and is killed at one of its transactions.

`python -m tests.cloud.dying WORK URL LAST IS_AFTER [NOW]` rolls up or applies
corrections, and kills itself before or after the commit of its LASTth transaction; with
0 it ends by itself. `dying` runs it so.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Connection

from cloud.store import correcting, rollup
from cloud.store.correcting import Corrections
from cloud.store.database import Database
from cloud.store.store import Store

KILLED = -signal.SIGKILL
SECONDS = 60


def dying(work: str, url: str, last: int, is_after: bool, now: int = 0) -> int:
    """Runs it; gives how it ended."""
    command = [sys.executable, "-m", __name__, work, url]
    command += map(str, (last, int(is_after), now))
    return subprocess.run(command, timeout=SECONDS, check=False).returncode


def _roll_up(store: Store) -> None:
    rollup.SLICE_ROWS = 10
    store.keeper.run_once()


def _apply_corrections(store: Store) -> None:
    correcting.SLICE_PLACES, correcting.PAUSE_SECONDS = 2, 0
    Corrections(store).apply_pending()


ROLL_UP, APPLY = "roll_up", "apply"
_WORKS = {ROLL_UP: _roll_up, APPLY: _apply_corrections}


def _die_at(last: int, is_after: bool) -> None:
    writing, done = Database.writing, 0

    def die() -> None:
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def counted(self: Database) -> Iterator[Connection]:
        nonlocal done
        with writing(self) as connection:
            yield connection
            done += 1
            if not is_after:
                die()
        die()

    Database.writing = counted  # type: ignore[method-assign]


def main(work: str, url: str, last: str, is_after: str, now: str) -> None:
    """Transactions are counted once the store is open."""
    with closing(Store(url, clock=lambda: int(now) or int(time.time()))) as store:
        _die_at(int(last), bool(int(is_after)))
        _WORKS[work](store)


if __name__ == "__main__":
    main(*sys.argv[1:])
