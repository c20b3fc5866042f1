"""The interceptor's side of the address list (gRPC, addresses.proto).

It stays connected, with growing pauses while the digger is away; meanwhile the last
list goes on to hold, and its age is told. Any of several diggers may serve: one that
did not send what we have sends the whole list, so revisions of two never mix.
"""

import random
import threading
import time
from typing import Any, NamedTuple

import grpc

from agent import links
from agent.certificates import Files
from agent.cluster.address_list.blocks import AddressSet, BlocksError, unpacked
from agent.cluster.address_list.service import LARGEST_MESSAGE_BYTES
from agent.cluster.freshness import OLD_SECONDS
from agent.links import PLAIN, Link
from agent.outage import Outage
from proto.v1 import addresses_pb2, addresses_pb2_grpc

PAUSE_SECONDS = (0.2, 10.0)
"""First and longest pause before the client asks again."""
PING_MS = 20_000
"""The client asks whether the digger is still there, though nothing changes."""
CANCEL_SECONDS = 0.25
"""A client that is to stop leaves the server after so long."""
LARGEST_LIST_BYTES = LARGEST_MESSAGE_BYTES
"""Of a whole list once it is unpacked."""
MOST_NEWS = 100
"""Changes that wait to be taken; beyond, the whole list is."""


class News(NamedTuple):
    """Encoded sets (`blocks.py`): first those that went."""

    is_whole: bool
    removed: bytes
    added: bytes
    nodes: bytes | None
    """All of the nodes' own; None: as before."""


class Listed:
    """The list as it is now; another one after each change."""

    def __init__(self, addresses: AddressSet) -> None:
        self._addresses = addresses

    def __contains__(self, ip: object) -> bool:
        return ip in self._addresses


class AddressClient:
    """The interceptor's list, kept current by `run`."""

    def __init__(self, server: str, node: str, files: Files = PLAIN) -> None:
        """Raises CertificateError."""
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
        self._lock = threading.Lock()
        self._addresses = AddressSet()
        self._nodes = b""
        self._news: list[News] = []
        self._epoch = self._revision = 0
        self._current_at = time.monotonic()
        self._is_fresh = False
        self.wanted: Listed | None = None
        """The list; none: it did not come yet, or nobody knows any names."""

    @property
    def monitored(self) -> frozenset[bytes]:
        """Addresses of pods and services of the cluster."""
        with self._lock:
            return frozenset(self._addresses)

    @property
    def age_seconds(self) -> float:
        """How long the list may have been another one; some seconds are usual."""
        return time.monotonic() - self._current_at

    @property
    def is_old(self) -> bool:
        return self.age_seconds > OLD_SECONDS

    def whole(self) -> News:
        """All, as one that knows nothing must hear it."""
        with self._lock:
            return self._whole()

    def news(self) -> list[News]:
        """What changed since this was called last."""
        with self._lock:
            news, self._news = self._news, []
            if len(news) > MOST_NEWS:
                return [self._whole()]
            return news

    def _whole(self) -> News:
        return News(True, b"", self._addresses.encode(), self._nodes)

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
        request = addresses_pb2.WatchRequest(
            node=self._node, epoch=self._epoch, revision=self._revision
        )
        with self._link.open() as channel:
            updates = addresses_pb2_grpc.AddressesStub(channel).Watch(request)
            watcher = threading.Thread(
                target=_cancel_on, args=(stop, updates), daemon=True
            )
            watcher.start()
            try:
                for update in updates:
                    self._take(update)
            except grpc.RpcError as error:
                return links.reason("addresses", error)
            except BlocksError:
                self._epoch = 0
                return "sends no list"
            finally:
                updates.cancel()
                watcher.join()
        return "ended the list"

    def _take(self, update: addresses_pb2.AddressUpdate) -> None:
        added = update.added
        if update.complete:
            added = unpacked(update.all, LARGEST_LIST_BYTES)
        came, went = AddressSet.decode(added), AddressSet.decode(update.removed)
        nodes = update.nodes if update.HasField("nodes") else None
        AddressSet.decode(nodes or b"")
        if update.complete or came or went or nodes is not None:
            self._change(
                came, went, News(update.complete, update.removed, added, nodes)
            )
        self._epoch = update.epoch
        if update.complete or update.revision:
            self._revision = update.revision
        self._current_at = time.monotonic() - update.age_seconds
        self._is_fresh = self.is_up = True
        self._outage.end()
        self.is_complete.set()

    def _change(self, came: AddressSet, went: AddressSet, news: News) -> None:
        with self._lock:
            if news.nodes is not None:
                self._nodes = news.nodes
            if news.is_whole:
                self._addresses = came
                self._news.clear()
            else:
                self._addresses.remove(went)
                self._addresses.update(came)
            if len(self._news) <= MOST_NEWS:
                self._news.append(news)
            self.wanted = Listed(self._addresses) if len(self._addresses) else None


def _cancel_on(stop: threading.Event, call: "grpc.Future[Any]") -> None:
    while not stop.wait(CANCEL_SECONDS):
        if call.done():
            return
    call.cancel()
