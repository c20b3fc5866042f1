"""The address list between digger and interceptors (gRPC, addresses.proto).

The digger serves its index: the whole list first, then changes. The interceptor's
client keeps a snapshot and stays connected, with growing pauses while the digger is
away; meanwhile the last list goes on to hold. Any of several diggers may serve: each
connection begins with the whole list, so revisions of two never mix.
"""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from agent import links
from agent.certificates import Files
from agent.cluster.addresses import NODE, AddressIndex
from agent.links import PLAIN, Link, bind
from agent.outage import Outage
from proto.v1 import addresses_pb2, addresses_pb2_grpc

MOST_FOLLOWERS = 2_000
"""Interceptors served at once; each takes a thread, made when it comes."""
PAUSE_SECONDS = (0.2, 10.0)
"""First and longest pause before the client asks again."""
LARGEST_MESSAGE_BYTES = 64 << 20
"""A list of a million IPv6 addresses fits."""

PING_MS = 20_000
"""The client asks whether the digger is still there, though nothing changes."""
LEAST_PING_MS = PING_MS // 2
"""The server ends connections that ask more often."""

_WAIT_SECONDS = 0.5
COMPLETE_TURNS = 20
"""So many waits a digger without names keeps a client: another digger may have them."""


class ListenError(Exception):
    """The address to listen on cannot be had."""


class Server(addresses_pb2_grpc.AddressesServicer):
    """Serves the index at `listen` until closed; use as a context."""

    def __init__(self, index: AddressIndex, listen: str, files: Files = PLAIN) -> None:
        """Raises ListenError, CertificateError."""
        self._index = index
        self._closing = threading.Event()
        self._server = grpc.server(
            ThreadPoolExecutor(MOST_FOLLOWERS, "addresses"),
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
                ("grpc.http2.min_ping_interval_without_data_ms", LEAST_PING_MS),
            ],
        )
        addresses_pb2_grpc.add_AddressesServicer_to_server(self, self._server)
        try:
            self.port = bind(files, self._server, listen)
        except RuntimeError as error:
            raise ListenError(
                f"addresses.listen: {listen}: the port is in use or not ours"
            ) from error
        self._server.start()

    def Watch(  # noqa: N802
        self, request: addresses_pb2.WatchRequest, context: grpc.ServicerContext
    ) -> Iterator[addresses_pb2.AddressUpdate]:
        revision, patience = -1, COMPLETE_TURNS
        while context.is_active() and not self._closing.is_set():
            if self._index.is_complete and self._index.revision > revision:
                update = self._update(revision)
                revision = update.revision
                yield update
            elif not self._index.is_complete:
                patience -= 1
                if patience < 0:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "no names yet")
            self._index.wait(revision, _WAIT_SECONDS)

    def close(self) -> None:
        self._closing.set()
        self._server.stop(0.5).wait(1.5)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _update(self, revision: int) -> addresses_pb2.AddressUpdate:
        changes = self._index.changes_since(revision) if revision >= 0 else None
        if changes is None:
            now, kinds = self._index.snapshot()
            return _message(now, True, kinds, [])
        last = {change.ip: change.kind for change in changes}
        added = {ip: kind for ip, kind in last.items() if kind is not None}
        gone = [ip for ip, kind in last.items() if kind is None]
        return _message(changes[-1].revision, False, added, gone)


class AddressClient:
    """The interceptor's list, kept current by `run`."""

    def __init__(self, server: str, node: str, files: Files = PLAIN) -> None:
        """Raises CertificateError."""
        self.monitored: frozenset[bytes] = frozenset()
        """Addresses of pods and services of the cluster; replaced, never changed."""
        self.is_complete = threading.Event()
        """Set once the first whole list is here."""
        self.is_up = False
        """The digger's list comes."""
        options = [
            ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
            ("grpc.keepalive_time_ms", PING_MS),
            ("grpc.http2.max_pings_without_data", 0),
        ]
        self._link = Link(server, files, options)
        self._outage = Outage("addresses", server)
        self._node = node
        self._kinds: dict[bytes, int] = {}
        self._is_fresh = False

    @property
    def wanted(self) -> frozenset[bytes] | None:
        """The list; none: it did not come yet, or nobody knows any names."""
        return self.monitored or None

    def run(self, stop: threading.Event) -> None:
        """Follows the server until `stop` is set."""
        pause = PAUSE_SECONDS[0]
        while not stop.is_set():
            reason = self._follow(stop)
            self.is_up = False
            if self._is_fresh:
                pause = PAUSE_SECONDS[0]
            if not stop.is_set():
                self._outage.tell(reason)
            stop.wait(random.uniform(pause / 2, pause))
            pause = min(2 * pause, PAUSE_SECONDS[1])

    def _follow(self, stop: threading.Event) -> str:
        """One connection; returns why it ended."""
        self._is_fresh = False
        with self._link.open() as channel:
            updates = addresses_pb2_grpc.AddressesStub(channel).Watch(
                addresses_pb2.WatchRequest(node=self._node)
            )
            watcher = threading.Thread(
                target=_cancel_on, args=(stop, updates), daemon=True
            )
            watcher.start()
            try:
                for update in updates:
                    self._take(update)
            except grpc.RpcError as error:
                return links.reason("addresses", error)
            finally:
                updates.cancel()
                watcher.join()
        return "ended the list"

    def _take(self, update: addresses_pb2.AddressUpdate) -> None:
        kinds = {} if update.complete else dict(self._kinds)
        kinds.update((address.ip, address.kind) for address in update.added)
        for ip in update.removed:
            kinds.pop(ip, None)
        self._kinds = kinds
        self.monitored = frozenset(ip for ip, kind in kinds.items() if kind != NODE)
        self._is_fresh = self.is_up = True
        self._outage.end()
        self.is_complete.set()


def _cancel_on(stop: threading.Event, call: "grpc.Future[Any]") -> None:
    while not stop.wait(0.1):
        if call.done():
            return
    call.cancel()


def _message(
    revision: int, is_complete: bool, added: dict[bytes, Any], removed: list[bytes]
) -> addresses_pb2.AddressUpdate:
    return addresses_pb2.AddressUpdate(
        revision=revision,
        complete=is_complete,
        added=[addresses_pb2.Address(ip=ip, kind=kind) for ip, kind in added.items()],
        removed=removed,
    )
