"""The demo's client: asks the shop at a fixed rate, and counts what was answered.

Started by the demo as `python -m agent.demo.client PARENT`. It tells when it reached
the shop, begins when it reads a line with the rate, tells its counts while it goes on,
and ends with its standard input: exchanges under way are finished first, so that the
counts are exact. Most requests go over kept connections, every tenth over a new one.
"""

import asyncio
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import count

import msgspec

from agent.demo import child
from agent.demo.api import Request, is_json, requests
from agent.demo.shop import PORT
from agent.demo.wire import encode_request, read_body, read_head

KEPT_CONNECTIONS = 8
"""For each address; a request waits if none of them is free."""
NEW_CONNECTION_EVERY = 10
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""A shop in the next namespace that takes longer is gone."""
TELL_SECONDS = 0.2


class Counts(msgspec.Struct):
    """Exchanges answered in full."""

    exchanges: int = 0
    json_exchanges: int = 0
    """Those with JSON in the request or the answer."""
    failed: int = 0
    finished: bool = False


class Client:
    """Exchanges over new and kept connections."""

    def __init__(self, addresses: Iterable[str], port: int = PORT) -> None:
        self.counts = Counts()
        self._targets = [(address, port) for address in addresses]
        self._kept: asyncio.Queue[_Connection | None] = asyncio.Queue()
        """Free ones; None stands for one that failed and is opened again."""
        self._running: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        """Opens the kept connections. Raises OSError, TimeoutError."""
        async with asyncio.timeout(CONNECT_SECONDS):
            for target in self._targets * KEPT_CONNECTIONS:
                self._kept.put_nowait(await _Connection.open(*target))

    async def run(self, rate: float, ended: asyncio.Event) -> None:
        """Sends `rate` requests a second until `ended`, then finishes."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in count():
            await asyncio.sleep(start + number / rate - loop.time())
            if ended.is_set():
                break
            await self._begin(number)
        await asyncio.gather(*self._running)
        while not self._kept.empty():
            if kept := self._kept.get_nowait():
                await kept.close()

    async def _begin(self, number: int) -> None:
        target = self._targets[number // NEW_CONNECTION_EVERY % len(self._targets)]
        if number % NEW_CONNECTION_EVERY == 0:
            exchange = self._over_new(requests(number), target)
        else:
            kept = await self._kept.get()
            exchange = self._over_kept(requests(number), kept, target)
        task = asyncio.create_task(exchange)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _over_new(self, request: Request, target: tuple[str, int]) -> None:
        if connection := await self._exchange(request, None, target, is_last=True):
            await connection.close()

    async def _over_kept(
        self, request: Request, kept: "_Connection | None", target: tuple[str, int]
    ) -> None:
        self._kept.put_nowait(await self._exchange(request, kept, target))

    async def _exchange(
        self,
        request: Request,
        connection: "_Connection | None",
        target: tuple[str, int],
        is_last: bool = False,
    ) -> "_Connection | None":
        """The connection, if it still stands."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = connection or await _Connection.open(*target)
                has_json = await connection.exchange(request, is_last)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.counts.failed += 1
            if connection:
                connection.abort()
            return None
        self.counts.exchanges += 1
        self.counts.json_exchanges += has_json
        return connection


class _Connection:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: str, port: int) -> "_Connection":
        return cls(*await asyncio.open_connection(address, port))

    async def exchange(self, request: Request, is_last: bool) -> bool:
        """Returns whether either side was JSON."""
        self._writer.write(encode_request(request, is_last))
        head = await read_head(self._reader)
        await read_body(self._reader, head)
        asked_json = bool(request.body) and is_json(request.content_type)
        return asked_json or is_json(head.fields.get("content-type", ""))

    def abort(self) -> None:
        self._writer.close()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def _tell(counts: Counts) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        child.tell(msgspec.to_builtins(counts))


async def _run(addresses: tuple[str, ...]) -> None:
    client = Client(addresses)
    await client.connect()
    child.tell({"reached": True})
    rate = await asyncio.to_thread(sys.stdin.buffer.readline)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    telling = asyncio.create_task(_tell(client.counts))
    if rate:
        await client.run(float(rate), ended)
    telling.cancel()
    client.counts.finished = True
    child.tell(msgspec.to_builtins(client.counts))


def main() -> None:
    child.enter(int(sys.argv[1]))
    told = child.join()
    try:
        asyncio.run(_run(told.peers))
    except (OSError, TimeoutError):
        child.tell({"reached": False})


if __name__ == "__main__":
    main()
