# cython: annotation_typing=False
"""The gatherer: pairs in, packed batches out.

It has each exchange's shape computed, asks the chooser whether its bodies are wanted,
and adds it to the batch of its server. A batch ends when it is large or half a second
old, or when too much is held in all. Time is the capture's.
"""

from collections.abc import Callable, Container

import cython

from rings.pairs.message import Message, Pair
from rings.records.batch import Batch
from rings.records.chooser import Chooser
from rings.records.operation import LOOKED_AT
from rings.records.shape import Shapes

if not cython.compiled:
    from rings.records.batch import fact_key, record_bytes
    from rings.records.operation import operation as called

_AGE_NS = 500_000_000
"""A batch is told after so long: the less often, the more exchanges share it."""
_MOST_HELD = 8 << 20
"""Bytes of all open batches, beside the one that is being added to."""
_BATCH_BYTES = 128 << 10
"""A batch ends when it has grown to this; a single record may be larger."""

Packed = tuple[bytes, bytes, int]
"""Kafka key, value, and the number of exchanges in it."""


class Gatherer:
    """Of one worker. `chooser` is None: all are sent whole."""

    def __init__(
        self,
        version: int,
        node: str,
        chooser: Chooser | None,
        identify: Callable[[bytes], bytes],
    ) -> None:
        """`identify` tells from a request's head who asks behind a mesh's proxy."""
        self.most_bytes = 4 * _BATCH_BYTES
        """No batch is larger; a record that would be is cut."""
        self.behind_proxy: Container[int] = frozenset()
        """Interfaces whose clients are a proxy."""
        self.records = 0
        """Exchanges sent whole."""
        self.records_cut = 0
        self._version = version
        self._node = node.encode()
        self._chooser = chooser
        self._shapes = Shapes()
        self._identify = identify
        self._open: dict[bytes, Batch] = {}
        self._done: list[Packed] = []
        self._held = 0

    @property
    def delayed(self) -> int:
        """Exchanges that were due whole, and over the chooser's budget."""
        return 0 if self._chooser is None else self._chooser.delayed

    def feed(self, pairs: list[Pair], now_ns: int) -> list[Packed]:
        """Takes pairs; those without a response are left out."""
        for pair in pairs:
            response = pair.response
            if response is not None:
                self._take(pair, response, now_ns)
        return self._taken()

    def expire(self, now_ns: int) -> list[Packed]:
        """The batches that are old at capture time `now_ns`."""
        while self._open:
            batch = next(iter(self._open.values()))
            if now_ns - batch.opened_ns < _AGE_NS:
                break
            self._finish(batch)
        return self._taken()

    def close(self) -> list[Packed]:
        """All that is open."""
        for batch in list(self._open.values()):
            self._finish(batch)
        return self._taken()

    def _take(self, pair: Pair, response: Message, now_ns: int) -> None:
        request = pair.request
        shape = self._shapes.of_both(request, response)
        body = bytes(request.body[:LOOKED_AT]) if request.body else b""
        operation = called(request.head, request.target, body)
        server = server_key(pair)
        client = pair.client
        port = pair.client_port
        identity = b""
        if self.behind_proxy and pair.interface in self.behind_proxy:
            client = bytes(len(client))
            port = 0
            identity = self._identify(request.head)
        key = fact_key(request, response, client, identity, shape, operation)
        batch = self._batch(server, pair, now_ns)
        if self._chooser is None or self._chooser.wants(
            request, response, server, shape, operation
        ):
            most = self.most_bytes - batch.size
            if batch.size and record_bytes(request, response, key) > most:
                self._finish(batch)
                batch = self._batch(server, pair, now_ns)
            size = batch.size
            self.records += 1
            if batch.add_record(key, pair, response, port, self.most_bytes):
                self.records_cut += 1
        else:
            size = batch.size
            batch.add_fact(key, pair, response)
        self._held += batch.size - size
        if batch.size >= _BATCH_BYTES:
            self._finish(batch)
        elif self._held > _MOST_HELD:
            self._finish(next(iter(self._open.values())))

    def _batch(self, key: bytes, pair: Pair, now_ns: int) -> Batch:
        batch = self._open.get(key)
        if batch is None:
            batch = Batch(key, pair.server, pair.server_port, now_ns)
            self._open[key] = batch
        return batch

    def _finish(self, batch: Batch) -> None:
        del self._open[batch.key]
        self._held -= batch.size
        value = batch.packed(self._version, self._node)
        self._done.append((batch.key, value, batch.exchanges))

    def _taken(self) -> list[Packed]:
        if not self._done:
            return []
        done = self._done[:]
        self._done.clear()
        return done


def server_key(pair: Pair) -> bytes:
    """Address and port, as the Kafka key has them (`agent/record.py`)."""
    octets = bytearray(2)
    octets[0] = pair.server_port >> 8
    octets[1] = pair.server_port & 255
    return pair.server + octets
