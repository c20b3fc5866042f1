"""The digger's side of the address list (gRPC, addresses.proto).

One thread serves all interceptors, by asyncio: what is told is encoded once and shared
(`gathering.py`), changes are gathered over a second, those of a follower's own node are
told at once. Who comes back goes on where it was.
"""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import grpc
import grpc.aio

from agent.certificates import Files
from agent.cluster.address_list.gathering import Gathering
from agent.cluster.addresses import AddressIndex
from agent.cluster.freshness import OLD_SECONDS, Freshness
from agent.links import PLAIN, bind
from proto.v1.addresses_pb2 import WatchRequest

MOST_FOLLOWERS = 20_000
"""Interceptors served at once, some 40 KiB each."""
LARGEST_MESSAGE_BYTES = 64 << 20
"""A list of a million scattered IPv6 addresses fits."""
LEAST_PING_MS = 10_000
"""Connections that ask more often whether we are there are ended."""
GATHER_SECONDS = 1.0
LOOK_SECONDS = 0.1
"""Changes of a follower's own node wait at most so long."""
BEAT_SECONDS = 15.0
"""Without news a follower hears so often that this is so."""
AT_ONCE = 64
"""Whole lists that are being sent: they are copied."""
COMPLETE_SECONDS = 10.0
"""So long a digger without names keeps a follower: another digger may have them."""
STOP_SECONDS = 0.5
MOST_OWN = 100
"""Updates of its own node that wait for one follower; they are gathered as well."""


class ListenError(Exception):
    """The address to listen on cannot be had."""


class _Follower:
    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.own: list[bytes] = []
        self.is_due = False


class Server:
    """Serves the index at `listen` until closed; use as a context."""

    def __init__(
        self,
        index: AddressIndex,
        listen: str,
        files: Files = PLAIN,
        freshness: Freshness | None = None,
    ) -> None:
        """Raises ListenError, CertificateError."""
        self._index = index
        self._freshness = freshness or Freshness()
        self._gathering = Gathering(index)
        self._followers: dict[str, set[_Follower]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="addresses", daemon=True
        )
        self._thread.start()
        try:
            self.port = self._do(self._start(listen, files), 30)
        except BaseException:
            self._end()
            raise

    @property
    def followers(self) -> int:
        return sum(map(len, self._followers.values()))

    def close(self) -> None:
        self._do(self._stop(), STOP_SECONDS + 5)
        self._end()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, task: Coroutine[Any, Any, Any], seconds: float) -> Any:
        return asyncio.run_coroutine_threadsafe(task, self._loop).result(seconds)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS + 5)
        if not self._thread.is_alive():
            self._loop.close()

    async def _start(self, listen: str, files: Files) -> int:
        self._first = asyncio.Semaphore(AT_ONCE)
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
                ("grpc.http2.min_ping_interval_without_data_ms", LEAST_PING_MS),
            ],
            maximum_concurrent_rpcs=MOST_FOLLOWERS,
        )
        # What is sent is encoded already.
        watch: Any = grpc.unary_stream_rpc_method_handler(
            self._watch, request_deserializer=WatchRequest.FromString
        )
        methods = {"Watch": watch}
        handler = grpc.method_handlers_generic_handler(
            "vethscope.v1.Addresses", methods
        )
        self._server.add_generic_rpc_handlers((handler,))
        try:
            port = bind(files, self._server, listen)
        except RuntimeError as error:
            raise ListenError(
                f"addresses.listen: {listen}: the port is in use or not ours"
            ) from error
        await self._server.start()
        self._looking = asyncio.create_task(self._look())
        return port

    async def _stop(self) -> None:
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)
        await self._server.stop(STOP_SECONDS)

    async def _look(self) -> None:
        """Tells nodes at once, and everybody what was gathered."""
        steps = round(GATHER_SECONDS / LOOK_SECONDS)
        step = 0
        while True:
            if self._index.is_complete:
                if self._gathering.revision < 0:
                    # Names last. Looking through all of them for garbage takes 0.1 s,
                    # now and then, while interceptors wait.
                    gc.freeze()
                for node, update in self._gathering.fresh().items():
                    for follower in self._followers.get(node, ()):
                        if len(follower.own) < MOST_OWN:
                            follower.own.append(update)
                        follower.woken.set()
                if step % steps == 0 and self._gathering.gather(self._age()):
                    for followers in self._followers.values():
                        for follower in followers:
                            follower.is_due = True
                            follower.woken.set()
            step += 1
            await asyncio.sleep(LOOK_SECONDS)

    async def _watch(
        self, request: WatchRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> AsyncIterator[bytes]:
        if not await self._is_complete():
            await context.abort(grpc.StatusCode.UNAVAILABLE, "no names yet")
        follower = _Follower()
        of_node = self._followers.setdefault(request.node, set())
        of_node.add(follower)
        try:
            async for update in self._updates(request, follower):
                yield update
        finally:
            of_node.discard(follower)
            if not of_node and self._followers.get(request.node) is of_node:
                del self._followers[request.node]

    async def _updates(
        self, request: WatchRequest, follower: _Follower
    ) -> AsyncIterator[bytes]:
        gathering = self._gathering
        epoch, revision = request.epoch, request.revision
        async with self._first:
            updates = gathering.since(epoch, revision)
            epoch, revision = gathering.epoch, gathering.revision
            for update in updates or [gathering.update(self._age())]:
                yield update
        while True:
            try:
                await asyncio.wait_for(follower.woken.wait(), BEAT_SECONDS)
            except TimeoutError:
                yield gathering.update(self._age())
                continue
            follower.woken.clear()
            own, follower.own = follower.own, []
            for update in own:
                yield update
            if follower.is_due:
                follower.is_due = False
                updates = gathering.since(epoch, revision)
                revision = gathering.revision
                for update in updates:
                    yield update

    async def _is_complete(self) -> bool:
        end = self._loop.time() + COMPLETE_SECONDS
        while not self._index.is_complete or self._gathering.revision < 0:
            if self._loop.time() > end:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    def _age(self) -> int:
        age = self._freshness.age_seconds
        return int(age) if age > OLD_SECONDS else 0
