"""The process that makes pages: it reads the database, and does nothing else.

`python -m cloud.pages.apart.reader FD`: requests come over the socket FD from the cloud
(`apart.py`), which has checked who asks. Answers go back, and so does what a page wants
written. The process has no door, no key and no connection that writes, and ends at once
when the other end is gone, however that came.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from starlette.types import ASGIApp, Message

from cloud.pages.apart.messages import (
    Logged,
    Made,
    Ready,
    Start,
    Wake,
    Wanted,
    Write,
    encode,
    heard,
)
from cloud.pages.site import application
from cloud.pages.wrong import place_of
from cloud.store.database import Database
from cloud.store.outlook import Seen
from cloud.store.problems import Problem, is_ready, problems
from cloud.store.sight import Sight
from cloud.store.tally import Failure
from cloud.store.writer import Job
from cloud.visitor import VISITOR, Visitor

log = logging.getLogger("vethscope")

COLLECT_SECONDS = 60.0
"""Between two searches for circles among all objects: each stops all pages for some
65 ms. Among a page's own it takes 0.2 ms."""

Tell = Callable[[object], None]


class Told:
    """How the store does, as the cloud told it last."""

    def __init__(self, start: Start, tell: Tell) -> None:
        self.keeping = start.keeping
        self._began_seconds = start.began_seconds
        self._tell = tell
        self.seen = Seen(Sight(), None, is_away=False, waiting=0)

    @staticmethod
    def clock() -> int:
        return int(time.time())

    @property
    def sight(self) -> Sight:
        return self.seen.sight

    @property
    def failure(self) -> Failure | None:
        return self.seen.failure

    @property
    def is_away(self) -> bool:
        return self.seen.is_away

    @property
    def waiting(self) -> int:
        return self.seen.waiting

    @property
    def is_ready(self) -> bool:
        return is_ready(self.sight, self.failure, self.clock())

    def problems(self) -> list[Problem]:
        began, now = self._began_seconds, self.clock()
        return problems(self.sight, self.failure, began, now)

    def wake(self) -> None:
        self._tell(Wake())


class Source:
    """The database for reading, and the cloud for the rest."""

    def __init__(self, start: Start, tell: Tell) -> None:
        self._database = Database(start.database_url)
        self._tell = tell
        self.watch = Told(start, tell)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._database.reading() as connection:
            yield connection

    def run(self, job: Job) -> None:
        self._tell(Write(job))


class Telling(logging.Handler):
    """The log's lines, for the log of the cloud."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(Logged(record.levelno, self.format(record)))


class Collecting:
    """Searches for circles of objects between pages, not while one is made."""

    def __init__(self) -> None:
        gc.disable()
        # What was imported stays; no search needs to look at it.
        gc.freeze()
        self._due = time.monotonic() + COLLECT_SECONDS

    def page_ended(self) -> None:
        if time.monotonic() < self._due:
            gc.collect(1)
            return
        gc.collect()
        self._due = time.monotonic() + COLLECT_SECONDS


async def make(pages: ASGIApp, wanted: Wanted) -> Made:
    """The whole answer of the pages."""
    parts: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        parts.append(message)

    who = Visitor(wanted.name, wanted.role, wanted.scope, wanted.proof)
    try:
        await pages({**wanted.request, VISITOR: who}, receive, send)
    except Exception:
        # The pages have answered that, and Starlette raises it all the same.
        if not parts:
            raise
    body = b"".join(part.get("body", b"") for part in parts[1:])
    return Made(wanted.number, parts[0]["status"], parts[0]["headers"], body)


async def serve(stream: StreamReader, back: StreamWriter) -> None:
    """Makes what is asked for, until the cloud is gone."""
    loop = asyncio.get_running_loop()

    def tell(message: object) -> None:
        """From any thread."""
        loop.call_soon_threadsafe(back.write, encode(message))

    start: Start | None = await heard(stream)
    if start is None:
        return
    log.handlers[:] = [Telling(tell)]
    log.setLevel(start.log_level)
    source = Source(start, tell)
    pages = application(source)
    collecting = Collecting()
    tell(Ready())

    async def answer(wanted: Wanted) -> None:
        try:
            made = await make(pages, wanted)
        except Exception as error:
            log.error("page: %s", place_of(error))
            made = Made(wanted.number, 503, [], b"")
        tell(made)

    under_way: set[asyncio.Task[None]] = set()

    def ended(task: asyncio.Task[None]) -> None:
        under_way.discard(task)
        collecting.page_ended()

    while (wanted := await heard(stream)) is not None:
        source.watch.seen = wanted.seen
        task = loop.create_task(answer(wanted))
        under_way.add(task)
        task.add_done_callback(ended)


async def main() -> None:
    """Ends with the cloud, and by no signal but the last one: those that a terminal or
    a supervisor sends to all are for the cloud."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    ours = socket.socket(fileno=int(sys.argv[1]))
    await serve(*await asyncio.open_connection(sock=ours))
    # Pages under way only read, and nobody waits for them any more.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
