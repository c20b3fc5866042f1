"""Many interceptors in one process: raw calls that count what comes.

In: a port, how many, the number of the first, and three files for TLS. Out, as JSON
lines on standard output: that it is ready; after the first lists, for which a
line on standard input is awaited, how long each took, with its connection; then, at
each further line, what came since.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from proto.v1.addresses_pb2 import AddressUpdate, WatchRequest


class Follower:
    """As far as the server can tell, an interceptor."""

    def __init__(
        self, port: int, number: int, trust: grpc.ChannelCredentials | None
    ) -> None:
        self._port = port
        self._trust = trust
        self._number = number
        self.received = self.updates = 0
        self.first_seconds = 0.0
        self.epoch = self.revision = 0
        self.listed_at = 0.0

    async def run(self) -> None:
        """Follows, and comes back after a while if it must."""
        while True:
            options = [
                ("grpc.max_receive_message_length", 64 << 20),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 500),
            ]
            address = f"127.0.0.1:{self._port}"
            async with self._channel(address, options) as channel:
                watch: Any = channel.unary_stream(
                    "/vethscope.v1.Addresses/Watch",
                    request_serializer=WatchRequest.SerializeToString,
                )
                began = time.monotonic()
                request = WatchRequest(
                    node=f"n{self._number}", epoch=self.epoch, revision=self.revision
                )
                try:
                    async for data in watch(request):
                        self._take(data, began)
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.5 + self._number % 10 / 10)

    def _channel(self, address: str, options: Any) -> Any:
        if self._trust is None:
            return grpc.aio.insecure_channel(address, options)
        options.append(("grpc.ssl_target_name_override", "digger"))
        return grpc.aio.secure_channel(address, self._trust, options)

    def _take(self, data: bytes, began: float) -> None:
        self.received += len(data)
        self.updates += 1
        update = AddressUpdate.FromString(data)
        self.epoch = update.epoch
        if update.complete:
            self.first_seconds = time.monotonic() - began
            self.listed_at = time.monotonic()
        if update.complete or update.revision:
            self.revision = update.revision


async def follow(port: int, count: int, first: int, pem: list[str]) -> None:
    trust = None
    if pem:
        ca, certificate, key = (Path(name).read_bytes() for name in pem)
        trust = grpc.ssl_channel_credentials(ca, key, certificate)
    followers = [Follower(port, first + n, trust) for n in range(count)]
    tell(followers=count)
    sys.stdin.readline()
    tasks = [asyncio.create_task(one.run()) for one in followers]
    while not all(one.listed_at for one in followers):
        await asyncio.sleep(0.1)
    tell(firsts=[one.first_seconds for one in followers])
    loop = asyncio.get_running_loop()
    while (line := await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if line.strip() == "again":
            since = time.monotonic()
            while not all(one.listed_at > since for one in followers):
                await asyncio.sleep(0.1)
            tell(all_seconds=max(one.listed_at for one in followers) - since)
        else:
            tell(
                received=sum(one.received for one in followers),
                updates=sum(one.updates for one in followers),
            )
    for task in tasks:
        task.cancel()


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    port, count, first = map(int, sys.argv[1:4])
    asyncio.run(follow(port, count, first, sys.argv[4:]))
