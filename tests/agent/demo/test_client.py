"""The demo's client against its shop, on loopback."""

import asyncio

from agent.demo.client import Client, Counts
from agent.demo.shop import serve

RATE = 2000.0


def exchange(seconds: float) -> Counts:
    """What the client counts when its end comes after so long."""

    async def run() -> Counts:
        async with await serve(["127.0.0.1"], port=0) as server:
            client = Client(["127.0.0.1"], server.sockets[0].getsockname()[1])
            await client.connect()
            ended = asyncio.Event()
            asyncio.get_running_loop().call_later(seconds, ended.set)
            await client.run(RATE, ended)
            return client.counts

    return asyncio.run(run())


def test_all_exchanges_are_answered_and_counted() -> None:
    counts = exchange(0.3)
    assert counts.failed == 0
    assert 50 < counts.exchanges <= 0.3 * RATE + 2
    assert 0.9 * counts.exchanges < counts.json_exchanges <= counts.exchanges


def test_an_end_before_the_beginning_sends_next_to_nothing() -> None:
    counts = exchange(0)
    assert counts.exchanges <= 2
    assert counts.failed == 0


def test_a_shop_that_hangs_up_is_counted_as_failed_and_tried_again() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def run() -> Counts:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            client = Client(["127.0.0.1"], server.sockets[0].getsockname()[1])
            await client.connect()
            ended = asyncio.Event()
            asyncio.get_running_loop().call_later(0.1, ended.set)
            await client.run(RATE, ended)
            return client.counts

    counts = asyncio.run(run())
    assert counts.exchanges == 0
    assert counts.failed > 8
