"""Turns: bounded bytes, and clusters that never wait for each other's queues."""

import asyncio
import threading
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from sqlalchemy import Connection

from cloud.doors.clusters.turns import (
    ROOM_BYTES,
    WAITING_BYTES,
    WAITING_BYTES_OF_CLUSTER,
    Turns,
)
from cloud.errors import BusyError, UnavailableError
from cloud.store.store import Store
from cloud.store.writer import Waiting
from proto.v1.collector_pb2_grpc import CollectorStub
from tests.cloud.packages import endpoint, offsets, package
from tests.cloud.running import collecting_openly, wait_until
from tests.cloud.test_store import pairs

HALF = ROOM_BYTES // 2
SMALL = 1 << 16


class Senders:
    """Messages of clusters that want room, and in which order they got it."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.gate = asyncio.Event()

    async def _one(self, owner: str, size: int) -> None:
        async with self.turns.of(owner, size):
            self.order.append(owner)
            await self.gate.wait()

    async def send(self, owner: str, size: int, times: int = 1) -> None:
        for _ in range(times):
            self.tasks.append(asyncio.create_task(self._one(owner, size)))
        await asyncio.sleep(0)

    async def finish(self) -> list[BaseException | None]:
        self.gate.set()
        return await asyncio.gather(*self.tasks, return_exceptions=True)


def test_a_room_that_is_full_is_waited_for() -> None:
    async def run() -> None:
        senders = Senders()
        await senders.send("a", HALF, 3)
        assert senders.order == ["a", "a"]
        assert await senders.finish() == [None] * 3
        assert senders.order == ["a", "a", "a"]

    asyncio.run(run())


def test_a_cluster_with_a_long_queue_delays_no_other() -> None:
    async def run() -> None:
        senders = Senders()
        await senders.send("full", ROOM_BYTES)
        await senders.send("greedy", SMALL, 100)
        await senders.send("modest", SMALL)
        await senders.finish()
        assert senders.order.index("modest") <= 2
        assert senders.order.count("greedy") == 100

    asyncio.run(run())


def test_clusters_share_bytes_not_messages() -> None:
    async def run() -> None:
        senders = Senders()
        await senders.send("full", ROOM_BYTES)
        await senders.send("large", 8 * SMALL, 10)
        await senders.send("small", SMALL, 80)
        await senders.finish()
        first = senders.order[1:46]
        assert 4 <= first.count("large") <= 6

    asyncio.run(run())


def test_what_waits_is_bounded_for_each_cluster_and_for_all() -> None:
    async def run() -> None:
        senders = Senders()
        await senders.send("full", ROOM_BYTES)
        await senders.send("a", WAITING_BYTES_OF_CLUSTER // 2, 2)
        await senders.send("a", 1)
        clusters = WAITING_BYTES // WAITING_BYTES_OF_CLUSTER
        for number in range(1, clusters):
            await senders.send(f"b{number}", WAITING_BYTES_OF_CLUSTER // 2, 2)
        await senders.send("c", 1)
        outcomes = await senders.finish()
        assert isinstance(outcomes[3], BusyError)
        assert isinstance(outcomes[-1], UnavailableError)
        assert outcomes.count(None) == len(outcomes) - 2
        async with senders.turns.of("a", ROOM_BYTES):
            pass

    asyncio.run(run())


def test_who_goes_while_waiting_leaves_no_hole() -> None:
    async def run() -> None:
        senders = Senders()
        await senders.send("full", ROOM_BYTES)
        await senders.send("gone", HALF)
        senders.tasks[1].cancel()
        outcomes = await senders.finish()
        assert isinstance(outcomes[1], asyncio.CancelledError)
        async with asyncio.timeout(5), senders.turns.of("next", ROOM_BYTES):
            pass

    asyncio.run(run())


def test_packages_that_wait_hold_no_threads(store: Store) -> None:
    """Forty come while the writer is busy; all are in one group afterwards."""
    groups: list[int] = []
    write = store._writer._write

    def counted(group: list[Waiting]) -> int:
        groups.append(len(group))
        return write(group)

    store._writer._write = counted  # type: ignore[method-assign]
    gate = threading.Event()

    def job(_: Connection) -> bool:
        return not gate.wait(10)

    held = store.run(job)
    with (
        collecting_openly(store) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        stub = CollectorStub(channel)
        sent = [
            stub.Send.future(
                package(offsets(0, 1, partition=n), endpoints=[endpoint()]), timeout=20
            )
            for n in range(40)
        ]
        wait_until(lambda: store._writer._queue.qsize() == 40)
        assert not any(call.done() for call in sent)
        gate.set()
        assert not held.result(10)
        assert not any(call.result().duplicate for call in sent)
    assert groups == [40]
    assert pairs(store) == 40


def test_a_call_that_ends_early_leaves_its_package_to_the_store(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/cloud.sqlite3"
    with closing(Store(url)) as store:
        gate, begun = threading.Event(), threading.Event()

        def job(_: Connection) -> bool:
            begun.set()
            return not gate.wait(10)

        held = store.run(job)
        assert begun.wait(10)
        with (
            collecting_openly(store) as port,
            grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            stub = CollectorStub(channel)
            sent = package(offsets(0, 1), endpoints=[endpoint()])
            with pytest.raises(grpc.RpcError):
                stub.Send(sent, timeout=0.5)
            gate.set()
            assert not held.result(10)
            assert stub.Send(sent, timeout=10).duplicate
        assert pairs(store) == 1
