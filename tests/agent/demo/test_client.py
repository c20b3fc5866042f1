"""The company's clients against its services, on loopback."""

import asyncio

from agent.demo.calls import SERVERS
from agent.demo.client import Client, Counts
from agent.demo.services import listener, serve

RATE = 2000.0


def client(port: int) -> Client:
    return Client(dict.fromkeys(SERVERS, ("127.0.0.1",)), port=port)


def exchange(seconds: float, is_switched: bool = False) -> Counts:
    """What the client counts when its end comes after so long."""

    async def run() -> Counts:
        listening = listener("127.0.0.1", 0)
        async with await serve(listening) as server:
            made = client(server.sockets[0].getsockname()[1])
            await made.connect()
            ended = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, ended.set)
            if is_switched:
                addresses = dict.fromkeys(SERVERS, ("127.0.0.2",))
                listening = listener("127.0.0.2", made.port)
                other = await serve(listening, is_rolled_out=True)
                loop.call_later(seconds / 2, made.switch, addresses)
            await made.run(RATE, ended)
            if is_switched:
                other.close()
            return made.counts

    return asyncio.run(run())


def test_all_exchanges_are_answered_and_counted() -> None:
    counts = exchange(0.3)
    assert counts.failed == 0
    assert 50 < counts.exchanges <= 0.3 * RATE + 2
    assert 0.9 * counts.exchanges < counts.json_exchanges <= counts.exchanges


def test_nothing_fails_when_servers_are_switched() -> None:
    counts = exchange(0.4, is_switched=True)
    assert counts.failed == 0
    assert counts.exchanges > 50


def test_an_end_before_the_beginning_sends_next_to_nothing() -> None:
    counts = exchange(0)
    assert counts.exchanges <= 2
    assert counts.failed == 0


def test_a_server_that_hangs_up_is_counted_as_failed_and_tried_again() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def run() -> Counts:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            made = client(server.sockets[0].getsockname()[1])
            await made.connect()
            ended = asyncio.Event()
            asyncio.get_running_loop().call_later(0.1, ended.set)
            await made.run(RATE, ended)
            return made.counts

    counts = asyncio.run(run())
    assert counts.exchanges == 0
    assert counts.failed > 8
