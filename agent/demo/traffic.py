"""The company's real traffic: services and clients in one process, namespaces apart.

Started by the demo as `python -m agent.demo.traffic PARENT`. It tells the processes
that keep the namespaces, hears which addresses those have, tells when all servers were
reached, begins when it hears a rate, tells its counts while it goes on, moves clients
to a new pod when it hears so, and ends with its standard input.
"""

import asyncio
import socket
import sys
from contextlib import AbstractContextManager

import msgspec

from agent.demo import child
from agent.demo.calls import PAYROLL, SERVERS
from agent.demo.child import Namespace
from agent.demo.client import Client
from agent.demo.company import OUTSIDE, PODS, ROLL_OUT
from agent.demo.network import Ends
from agent.demo.payroll.processes import Payroll
from agent.demo.services import listener, serve

TELL_SECONDS = 0.2


class Order(msgspec.Struct):
    """What the demo wants."""

    rate: float = 0.0
    """Calls a second from now on, over HTTP/1.1."""
    grpc_rate: float = 0.0
    """The same of the payroll."""
    roll_out: bool = False
    """New pods take over."""


class Town:
    """All namespaces, by who is in them."""

    def __init__(self, pids: dict[str, int], ends: dict[str, Ends]) -> None:
        self._namespaces = {name: Namespace(pid) for name, pid in pids.items()}
        self._ends = ends
        self._latest: dict[str, str] = {}
        for name, namespace in self._namespaces.items():
            with namespace.within():
                child.set_up(ends[name])

    def addresses(self, name: str) -> tuple[str, ...]:
        return tuple(end.inside for end in self._ends[name])

    def within(self, name: str) -> AbstractContextManager[None]:
        return self._namespaces[name].within()

    def listeners(self, name: str) -> list[socket.socket]:
        with self.within(name):
            return [listener(address) for address in self.addresses(name)]

    def open_socket(self, name: str, family: socket.AddressFamily) -> socket.socket:
        """Of a client, in the pod that is the latest of its workload."""
        with self.within(self._latest.get(name, name)):
            return socket.socket(family, socket.SOCK_STREAM)

    def roll_out(self) -> dict[str, tuple[str, ...]]:
        """Old pods ask nobody any more; where their services are reached now."""
        self._latest = ROLL_OUT
        return {old: self.addresses(new) for old, new in ROLL_OUT.items()}


class _Traffic:
    """Follows orders until its standard input ends."""

    def __init__(self, town: Town) -> None:
        self._town = town
        addresses = {server: town.addresses(server) for server in SERVERS}
        self._client = Client(addresses, town.open_socket)
        client, server = map(town.within, PAYROLL)
        self._payroll = Payroll(client, server, town.addresses(PAYROLL.server))
        self._ended = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def run(self) -> None:
        servers = [
            await serve(listening, name in ROLL_OUT.values())
            for name in (*SERVERS, *ROLL_OUT.values())
            for listening in self._town.listeners(name)
        ]
        await self._client.connect()
        child.tell({"reached": True})
        telling = asyncio.create_task(self._tell())
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while line := await reader.readline():
            self._follow(msgspec.json.decode(line, type=Order))
        self._ended.set()
        if self._running:
            await self._running
        telling.cancel()
        paid = await asyncio.to_thread(self._payroll.finish)
        self._client.counts.exchanges += paid.exchanges
        self._client.counts.grpc_exchanges = paid.exchanges
        self._client.counts.failed += paid.failed
        self._client.counts.finished = True
        child.tell(msgspec.to_builtins(self._client.counts))
        self._payroll.close()
        for server in servers:
            server.close()

    def _follow(self, order: Order) -> None:
        if order.rate:
            running = self._client.run(order.rate, self._ended)
            self._running = asyncio.create_task(running)
        if order.grpc_rate:
            self._payroll.begin(order.grpc_rate)
        if order.roll_out:
            self._client.switch(self._town.roll_out())

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            child.tell(msgspec.to_builtins(self._client.counts))


def main() -> None:
    child.enter(int(sys.argv[1]))
    pids = child.pause((*PODS, *OUTSIDE))
    child.tell({"entered": pids})
    ends: dict[str, Ends] | None = child.hear(dict[str, Ends] | None)
    if ends is None:
        return
    try:
        asyncio.run(_Traffic(Town(pids, ends)).run())
    except (OSError, TimeoutError):
        child.tell({"reached": False})


if __name__ == "__main__":
    main()
