"""The company's clients: make calls at a fixed rate, and count what was answered.

In: addresses of the servers, how a client opens a socket, and a rate. Out: exact
counts, since calls under way are finished before the end. Most calls go over kept
connections of their edge, every tenth over a new one.
"""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count

import msgspec

from agent.demo.api import Request, is_json
from agent.demo.calls import EDGES, Call, Edge, call
from agent.demo.services import PORT
from agent.demo.wire import encode_request, read_body, read_head

KEPT_CONNECTIONS = 2
"""Of an edge, for each address; a call waits if none of them is free."""
NEW_CONNECTION_EVERY = 10
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""A server in the next namespace that takes longer is gone."""

Opener = Callable[[str, socket.AddressFamily], socket.socket]
"""A socket in the namespace of the client with that name."""
Addresses = Mapping[str, tuple[str, ...]]


class Counts(msgspec.Struct):
    """Exchanges answered in full."""

    exchanges: int = 0
    json_exchanges: int = 0
    """Those with JSON in the request or the answer."""
    grpc_exchanges: int = 0
    """Those of the payroll, counted at the end."""
    failed: int = 0
    finished: bool = False


def opened(_: str, family: socket.AddressFamily) -> socket.socket:
    """In the namespace that the thread is in."""
    return socket.socket(family, socket.SOCK_STREAM)


class Client:
    """Exchanges over new and kept connections of all edges."""

    def __init__(
        self, addresses: Addresses, open_socket: Opener = opened, port: int = PORT
    ) -> None:
        """`addresses` are those of each server."""
        self.counts = Counts()
        self._addresses = dict(addresses)
        self._open_socket = open_socket
        self.port = port
        self._kept: defaultdict[Edge, asyncio.Queue[_Connection | None]]
        self._kept = defaultdict(asyncio.Queue)
        """Free ones; None stands for one that is opened again."""
        self._running: set[asyncio.Task[None]] = set()
        self._generation = 0

    async def connect(self) -> None:
        """Opens the kept connections. Raises OSError, TimeoutError."""
        async with asyncio.timeout(CONNECT_SECONDS):
            for edge in EDGES:
                for address in self._addresses[edge.server] * KEPT_CONNECTIONS:
                    made = await self._open(edge.client, address)
                    self._kept[edge].put_nowait(made)

    def switch(self, addresses: Addresses) -> None:
        """From now on these servers are called there; all connections are made anew."""
        self._addresses |= addresses
        self._generation += 1
        for kept in self._kept.values():
            for _ in range(kept.qsize()):
                kept.put_nowait(self._current(kept.get_nowait()))

    async def run(self, rate: float, ended: asyncio.Event) -> None:
        """Makes `rate` calls a second until `ended`, then finishes."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in count():
            await asyncio.sleep(start + number / rate - loop.time())
            if ended.is_set():
                break
            await self._begin(number)
        await asyncio.gather(*self._running)
        for kept in self._kept.values():
            while not kept.empty():
                if connection := kept.get_nowait():
                    await connection.close()

    async def _begin(self, number: int) -> None:
        made = call(number, self._generation > 0)
        if number % NEW_CONNECTION_EVERY == 0:
            exchange = self._over_new(made, number)
        else:
            kept = await self._kept[made.edge].get()
            exchange = self._over_kept(made, number, kept)
        task = asyncio.create_task(exchange)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _over_new(self, made: Call, number: int) -> None:
        if connection := await self._exchange(made, number, None, is_last=True):
            await connection.close()

    async def _over_kept(
        self, made: Call, number: int, kept: "_Connection | None"
    ) -> None:
        kept = await self._exchange(made, number, kept)
        self._kept[made.edge].put_nowait(self._current(kept))

    def _current(self, kept: "_Connection | None") -> "_Connection | None":
        """The connection, if none was switched since it was opened."""
        if kept and kept.generation != self._generation:
            kept.abort()
            return None
        return kept

    async def _exchange(
        self,
        made: Call,
        number: int,
        connection: "_Connection | None",
        is_last: bool = False,
    ) -> "_Connection | None":
        """The connection, if it still stands."""
        client, server = made.edge
        addresses = self._addresses[server]
        address = addresses[number // NEW_CONNECTION_EVERY % len(addresses)]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = connection or await self._open(client, address)
                has_json = await connection.exchange(made.request, is_last)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.counts.failed += 1
            if connection:
                connection.abort()
            return None
        self.counts.exchanges += 1
        self.counts.json_exchanges += has_json
        return connection

    async def _open(self, client: str, address: str) -> "_Connection":
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = self._open_socket(client, family)
        made.setblocking(False)
        try:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(made, (address, self.port))
            ends = await asyncio.open_connection(sock=made)
            return _Connection(self._generation, *ends)
        except BaseException:
            made.close()
            raise


class _Connection:
    def __init__(
        self,
        generation: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.generation = generation
        self._reader = reader
        self._writer = writer

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
