"""The collector: packages come in over gRPC and are stored.

In: proto/v1/collector.proto's Send, Resume and Correct, and gRPC's standard health
service. Out: rows in the store, and receipts. A sender acts on the status: UNAVAILABLE
means the same again later, FAILED_PRECONDITION ask Resume and read again from there,
INVALID_ARGUMENT that this package never will be taken.

Calls are awaited in one thread, where a call that sends nothing takes no more than its
place; a call is let in by its token before its message is read, and a message that does
not arrive in time ends it. What needs the processor or the database is done in threads:
those of the gate never wait for those of the store. A package that waits for its commit
holds no thread, only its bytes (`turns`), so a group may be of many packages. For that
the methods are served as streams of one message, which is the same on the wire.
"""

import asyncio
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn, ParamSpec, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from cloud.doors.clusters.intake import Intake
from cloud.doors.clusters.limits import MESSAGE_BYTES
from cloud.doors.clusters.tokens import Gate
from cloud.doors.clusters.turns import Turns
from cloud.errors import (
    AddressError,
    BusyError,
    CloudError,
    ForeignError,
    OverlapError,
    RefusedError,
    UnavailableError,
    UnknownError,
)
from cloud.refusals import Refusal
from proto.v1 import collector_pb2

log = logging.getLogger("vethscope")

STORE_THREADS = 4
GATE_THREADS = 2
MOST_CALLS = 256
"""At a time; more are answered RESOURCE_EXHAUSTED at once."""
MOST_OF_CLUSTER = 8
"""Calls of one cluster at a time, if it has a token."""
THREADS_OF_CLUSTER = 2
"""The other threads are free for other clusters, however slow this one's packages are.
"""
ARRIVAL_SECONDS = 5.0
"""For a message, from the call's beginning: 4 MB at 7 Mbit/s."""
GRACE_SECONDS = 1.0
"""For calls under way when the collector stops."""
SERVICE = "vethscope.v1.Collector"

_OPTIONS = [
    # Ours is answered INVALID_ARGUMENT; what is far beyond, gRPC does not even read.
    ("grpc.max_receive_message_length", 2 * MESSAGE_BYTES),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.max_concurrent_streams", 64),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ("grpc.max_connection_idle_ms", 900_000),
    ("grpc.so_reuseport", 0),
]

Bind = Callable[[Any, str], int]
"""Makes a server listen on host:port, with TLS or without; gives the port."""

CODES: dict[type[CloudError], grpc.StatusCode] = {
    BusyError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ForeignError: grpc.StatusCode.PERMISSION_DENIED,
    OverlapError: grpc.StatusCode.FAILED_PRECONDITION,
    RefusedError: grpc.StatusCode.INVALID_ARGUMENT,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
    UnknownError: grpc.StatusCode.UNAUTHENTICATED,
}
TOLD_SECONDS = 300.0
"""Between two lines of the log that say the same of a refused package."""
MOST_TOLD = 1_000
_TOLD = (OverlapError, RefusedError, ForeignError)
"""What an operator should read; strangers who knock do not fill the log."""

P = ParamSpec("P")
T = TypeVar("T")
Messages = AsyncIterator[bytes]
Context = grpc.aio.ServicerContext[bytes, bytes]
Work = Callable[[str, bytes, asyncio.Semaphore], Coroutine[Any, Any, T]]
"""With a message, of an owner who may use some threads."""


def plain(server: Any, listen: str) -> int:
    """Without TLS."""
    port: int = server.add_insecure_port(listen)
    return port


class Collector:
    """The service on one intake, behind one gate."""

    def __init__(
        self, intake: Intake, gate: Gate, counts: Counter[str] | None = None
    ) -> None:
        self._intake = intake
        self._gate = gate
        self._counts = Counter[str]() if counts is None else counts
        self._callers: dict[str, Caller] = {}
        self._turns = Turns()
        self._told: dict[str, float] = {}
        """Reasons that the log has, and since when."""
        self._storing = ThreadPoolExecutor(STORE_THREADS, "collector")
        self._asking = ThreadPoolExecutor(GATE_THREADS, "gate")

    async def send(self, messages: Messages, context: Context) -> bytes:
        is_new = await self._answer(messages, context, self._store)
        self._counts["stored" if is_new else "duplicate"] += 1
        receipt = collector_pb2.Receipt(duplicate=not is_new)
        return receipt.SerializeToString()

    async def resume(self, messages: Messages, context: Context) -> bytes:
        ask = partial(self._ask, self._intake.resume)
        return await self._answer(messages, context, ask)

    async def correct(self, messages: Messages, context: Context) -> bytes:
        ask = partial(self._ask, self._intake.correct)
        return await self._answer(messages, context, ask)

    async def _refuse(self, context: Context, error: CloudError) -> NoReturn:
        """Senders try on; the log has each reason once a while."""
        if isinstance(error, _TOLD):
            text, now = str(error), time.monotonic()
            if now > self._told.get(text, -math.inf) + TOLD_SECONDS:
                log.warning("package refused: %s", text)
                self._told[text] = now
                if len(self._told) > MOST_TOLD:
                    self._told.pop(next(iter(self._told)))
        await context.abort(CODES[type(error)], str(error))

    def close(self) -> None:
        """Ends the threads, once no call is left."""
        for pool in (self._storing, self._asking):
            pool.shutdown()

    async def _answer(self, messages: Messages, context: Context, work: Work[T]) -> T:
        owner = ""
        try:
            owner = await self._admitted(context)
            with self._caller(owner) as threads:
                message = await _only(messages)
                return await _to_its_end(work(owner, message, threads))
        except CloudError as error:
            self._refused(owner, CODES[type(error)], str(error))
            await self._refuse(context, error)
        except TimeoutError:
            words = "the message did not come in time"
            self._refused(owner, grpc.StatusCode.DEADLINE_EXCEEDED, words)
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, words)

    async def _store(
        self, owner: str, message: bytes, threads: asyncio.Semaphore
    ) -> bool:
        """Whether the package was new."""
        take = self._intake.take
        async with self._turns.of(owner, len(message)):
            async with threads:
                receipt = await _in_thread(self._storing, take, owner, message)
            return await asyncio.wrap_future(receipt)

    async def _ask(
        self,
        answer: Callable[[str, bytes], bytes],
        owner: str,
        message: bytes,
        threads: asyncio.Semaphore,
    ) -> bytes:
        async with threads:
            return await _in_thread(self._storing, answer, owner, message)

    def _refused(self, owner: str, code: grpc.StatusCode, words: str) -> None:
        refusal = Refusal(code.name.lower())
        self._counts[refusal.value] += 1
        self._intake.refused(owner, refusal, words)

    async def _admitted(self, context: Context) -> str:
        metadata = context.invocation_metadata() or ()
        sent = [value for name, value in metadata if name == "authorization"]
        if len(sent) > 1:
            raise UnknownError("one token at a time")
        shown = str(sent[0]) if sent else None
        return await _in_thread(self._asking, self._gate.owner, shown)

    @contextmanager
    def _caller(self, owner: str) -> Iterator[asyncio.Semaphore]:
        """Without a token nobody can be held to account: that is one's own machine."""
        if not owner:
            yield asyncio.Semaphore(STORE_THREADS)
            return
        caller = self._callers.setdefault(owner, Caller())
        if caller.calls >= MOST_OF_CLUSTER:
            raise BusyError("the cluster has too many calls under way, try again")
        caller.calls += 1
        try:
            yield caller.threads
        finally:
            caller.calls -= 1
            if not caller.calls:
                del self._callers[owner]


class Caller:
    """A cluster that has calls under way."""

    def __init__(self) -> None:
        self.calls = 0
        self.threads = asyncio.Semaphore(THREADS_OF_CLUSTER)


async def _in_thread(
    pool: ThreadPoolExecutor, work: Callable[P, T], *given: P.args, **named: P.kwargs
) -> T:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, lambda: work(*given, **named))


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Also if the caller goes: what is being stored holds its room until it is."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.shield(task)


async def _only(messages: Messages) -> bytes:
    """The one message. Raises TimeoutError, RefusedError."""
    async with asyncio.timeout(ARRIVAL_SECONDS):
        async for message in messages:
            return message
    raise RefusedError("message: did not come")


@contextmanager
def collecting(
    intake: Intake,
    gate: Gate,
    listen: str,
    counts: Counter[str] | None = None,
    bind: Bind = plain,
) -> Iterator[int]:
    """Serves on `listen` (host:port) meanwhile; gives the port. Raises AddressError.

    `counts` gets the number of packages by outcome.
    """
    started: Future[int] = Future()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()
    serving = _serving(Collector(intake, gate, counts), listen, bind, started, stop)
    thread = threading.Thread(target=_run, args=(loop, serving), name="collector")
    thread.start()
    try:
        yield started.result()
    except RuntimeError:
        if not started.exception():
            raise
        raise AddressError(
            f"collector: cannot listen on {listen}: another program has it, or it is "
            "not an address of this machine; set cloud.collector_listen"
        ) from None
    finally:
        if not started.exception():
            loop.call_soon_threadsafe(stop.set)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, serving: Any) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serving)


async def _serving(
    collector: Collector,
    listen: str,
    bind: Bind,
    started: "Future[int]",
    stop: asyncio.Event,
) -> None:
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
    status = health.aio.HealthServicer()
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Send": grpc.stream_unary_rpc_method_handler(collector.send),
        "Resume": grpc.stream_unary_rpc_method_handler(collector.resume),
        "Correct": grpc.stream_unary_rpc_method_handler(collector.correct),
    }
    handler = grpc.method_handlers_generic_handler(SERVICE, methods)
    server.add_generic_rpc_handlers((handler,))
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    try:
        port = bind(server, listen)
        await status.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
        await server.start()
    except Exception as error:
        started.set_exception(error)
        return
    started.set_result(port)
    await stop.wait()
    await status.enter_graceful_shutdown()
    await server.stop(GRACE_SECONDS)
    collector.close()
