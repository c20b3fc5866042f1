"""Pages made apart: by a process of their own, which this one starts and watches.

In: requests that the front door let in. Out: pages that are read come from the process
(`reader.py`), all others from the pages here. So a page waits neither for the packages
that are being stored, nor do they for it: each process has an interpreter's lock of its
own. A process that ends, or does not answer, is replaced; who asked it is told to try
again, since what ended it once may do so twice.
"""

import asyncio
import itertools
import logging
import socket
import subprocess
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from starlette.requests import Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.errors import UnavailableError
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
from cloud.pages.application import Pages
from cloud.pages.site import PAGES
from cloud.store.measures import COUNTER, Measure
from cloud.store.store import Store
from cloud.visitor import VISITOR, Visitor

log = logging.getLogger("vethscope")

START_SECONDS = 10.0
"""For a process to begin; it takes about one."""
MAKING_SECONDS = 45.0
"""For a page: its statements have 10. Browsers are hung up on after 60."""
END_SECONDS = 1.0
AGAIN_SECONDS = 5.0
"""Before the next one, if a process lived no longer than START_SECONDS."""
AWAY = "The page could not be made. Try again shortly."
_ASKED = (
    *("type", "http_version", "method", "path", "raw_path", "root_path"),
    *("scheme", "query_string", "server", "client"),
)
"""Of ASGI's scope. Cookies and keys are among the headers, which stay here."""


class Apart:
    """An ASGI application around the pages; `run` beside it keeps the process."""

    def __init__(self, pages: Pages, store: Store, database_url: str) -> None:
        self._pages = pages
        self._store = store
        watch, level = store.watch, log.getEffectiveLevel()
        self._start = Start(database_url, watch.keeping, watch.began_seconds, level)
        paths = (path for page in PAGES for path in (page.path, page.api))
        self._patterns = [compile_path(path)[0] for path in paths]
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Made | None]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._back: StreamWriter | None = None
        self._is_ready = asyncio.Event()
        self._away_since = time.monotonic()
        self._is_closed = False
        self._starts = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_read(scope):
            await self._pages(scope, receive, send)
            return
        made = await self._made(scope)
        if made is None or not made.headers:
            answer: ASGIApp = self._pages.message(Request(scope), AWAY, 503)
            await answer(scope, receive, send)
            return
        start: Message = {"type": "http.response.start", "status": made.status}
        await send({**start, "headers": made.headers})
        await send({"type": "http.response.body", "body": made.body})

    async def ready(self) -> bool:
        """Waits for the process; false: it takes too long. All wait for the same end:
        else each would wait anew, and those behind them for all."""
        left = self._away_since + START_SECONDS - time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_ready.wait(), max(0.0, left))
        return self._is_ready.is_set()

    async def run(self) -> None:
        """Keeps a process until this is cancelled."""
        self._away_since = time.monotonic()
        while True:
            began = time.monotonic()
            try:
                await self._keep()
                log.warning("the process of the pages ended, another one starts")
            except Exception as error:
                # Whatever it was, the machine's or ours: the next one may do better.
                log.error("the process of the pages: %s", type(error).__name__)
            if time.monotonic() - began < START_SECONDS:
                await asyncio.sleep(AGAIN_SECONDS)

    def close(self) -> None:
        """Who waits for a page is answered now, and so is who comes yet."""
        self._is_closed = True
        self._give_up()

    def measures(self) -> Iterator[Measure]:
        """Its number, from memory."""
        name = "vethscope_cloud_page_process_starts_total"
        words = "Starts of the process that makes pages; one, if it never ended."
        yield Measure(name, COUNTER, words, values={"": float(self._starts)})

    def _is_read(self, scope: Scope) -> bool:
        is_reading = scope["method"] in ("GET", "HEAD")
        path = scope["path"]
        return is_reading and any(one.match(path) for one in self._patterns)

    async def _made(self, scope: Scope) -> Made | None:
        """None: the process is not there, or ended meanwhile."""
        if self._is_closed or not await self.ready() or self._back is None:
            return None
        who: Visitor = scope[VISITOR]
        wanted = Wanted(
            next(self._numbers),
            {"headers": [], **{name: scope.get(name) for name in _ASKED}},
            *who[:4],
            self._store.watch.seen(),
        )
        future: asyncio.Future[Made | None] = asyncio.Future()
        self._waiting[wanted.number] = future
        self._back.write(encode(wanted))
        try:
            return await asyncio.wait_for(future, MAKING_SECONDS)
        except TimeoutError:
            log.error("a page was not made within %.0f s", MAKING_SECONDS)
            if self._process:
                self._process.kill()
            return None
        finally:
            self._waiting.pop(wanted.number, None)

    async def _keep(self) -> None:
        """One process, from its start to its end."""
        ours, theirs = socket.socketpair()
        stream, back = await asyncio.open_connection(sock=ours)
        with closing(back):
            with theirs:
                process = _started(theirs)
            self._starts += 1
            self._process, self._back = process, back
            back.write(encode(self._start))
            try:
                await self._hear(stream)
            finally:
                self._process = self._back = None
                if self._is_ready.is_set():
                    self._away_since = time.monotonic()
                self._is_ready.clear()
                self._give_up()
                with suppress(OSError):
                    # Now, while closing is left to the loop, which may be at its end.
                    ours.shutdown(socket.SHUT_RDWR)
                _end(process)

    def _give_up(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_result(None)

    async def _hear(self, stream: StreamReader) -> None:
        """All that a process says, until it is gone."""
        while (message := await heard(stream)) is not None:
            self._take(message)

    def _take(self, message: Any) -> None:
        match message:
            case Made(number):
                future = self._waiting.get(number)
                if future and not future.done():
                    future.set_result(message)
            case Write(job):
                with suppress(UnavailableError):
                    self._store.run(job)
            case Wake():
                self._store.watch.wake()
            case Logged(level, words):
                log.log(level, "%s", words)
            case Ready():
                self._is_ready.set()


def _started(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """With its end of the socket. Raises OSError."""
    return subprocess.Popen(
        [sys.executable, "-m", "cloud.pages.apart.reader", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """It goes by itself once nobody speaks to it."""
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
