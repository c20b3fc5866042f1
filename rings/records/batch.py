# cython: annotation_typing=False
"""Batch: what is told of the exchanges with one server, in the making.

In come exchanges, out goes one MessagePack array: facts, where exchanges that differ
only in sizes and times are one, and whole records. `agent/record.py` names its fields
and reads it. Large bodies are copied once, when the array is put together.
"""

import cython

from rings.pairs.message import Message, Pair

if not cython.compiled:
    from rings.memory import append, resize
    from rings.records.packing import (
        pack_array,
        pack_integer,
        pack_octets,
        pack_octets_size,
        pack_text,
        pack_truth,
    )

_FACT_FIELDS = 15
_LONGEST_TARGET = 2_048
_LONGEST_OPERATION = 512
_TALLY_BYTES = 48
"""Of the numbers of one fact, packed; about."""
_MESSAGE_END_BYTES = 16
"""Behind a body; about."""
_LARGE_BYTES = 4_096
"""A body of so many is not copied before the batch ends."""
_RECORD_BYTES = 512
"""Of a record beside heads, bodies and key, and of its batch's own fields; at most."""
_MARKS = 3
_INTERVAL_NS = 300_000_000_000
_QUERY = 63
_FRAGMENT = 35


@cython.no_gc
@cython.cclass
class Tally:
    """The numbers of one fact."""

    def __init__(self) -> None:
        self.exchanges = 0
        self.parts = 0
        """Of them, and of those that are counted with another part."""
        self.truncated = 0
        self.request_bytes = 0
        self.response_bytes = 0
        self.first_ns = 0
        self.last_ns = 0
        self.waited_ns = 0

    def add(
        self, request: Message, response: Message, exchanges: int, part: int
    ) -> None:
        """Heads are counted with the first part of an exchange."""
        self.exchanges += exchanges
        self.parts += 1
        if (
            request.truncated
            or response.truncated
            or request.gap_bytes
            or response.gap_bytes
        ):
            self.truncated += 1
        self.request_bytes += request.body_bytes
        self.response_bytes += response.body_bytes
        if part == 0:
            self.request_bytes += len(request.head)
        if exchanges:
            self.response_bytes += len(response.head)
        if self.parts == 1 or request.first_ns < self.first_ns:
            self.first_ns = request.first_ns
        if request.first_ns > self.last_ns:
            self.last_ns = request.first_ns
        if exchanges and response.first_ns > request.first_ns:
            self.waited_ns += response.first_ns - request.first_ns

    def pack(self, target: bytearray, key: bytes) -> None:
        pack_array(target, _FACT_FIELDS)
        append(target, key, 0, len(key) - _MARKS)
        pack_integer(target, self.exchanges)
        pack_integer(target, self.truncated)
        pack_integer(target, self.request_bytes)
        pack_integer(target, self.response_bytes)
        pack_integer(target, self.first_ns)
        pack_integer(target, self.last_ns)
        pack_integer(target, self.waited_ns)


class Batch:
    """One server's."""

    def __init__(self, key: bytes, server: bytes, port: int, now_ns: int) -> None:
        self.key = key
        """Of the Kafka message."""
        self.opened_ns = now_ns
        self.exchanges = 0
        self.size = 0
        """Bytes, about."""
        self.records = 0
        self.server = server
        self.port = port
        self._tallies: dict[bytes, Tally] = {}
        self._records = bytearray()
        """The last of what is packed of them …"""
        self._pieces: list[bytes | bytearray] = []
        """… and what stands before, large bodies as they are."""
        self._room = 0
        """Bytes that `_records` may have before it has to move."""

    def add_fact(self, key: bytes, pair: Pair, response: Message) -> None:
        """`key` is the fact's (`fact_key`)."""
        tally = self._tallies.get(key)
        if tally is None:
            tally = Tally()
            self._tallies[key] = tally
            self.size += len(key) + _TALLY_BYTES
        tally.add(pair.request, response, pair.exchanges, pair.part)
        self.exchanges += pair.exchanges

    def add_record(
        self, key: bytes, pair: Pair, response: Message, port: int, most: int
    ) -> bool:
        """Adds it whole, or cut to about `most` bytes; true if it was cut.

        `port` is the client's. Of two bodies that do not fit, each has half of the room
        or what it needs of it.
        """
        request = pair.request
        request_keep, response_keep = len(request.body), len(response.body)
        room = (
            most - record_bytes(request, response, key) + request_keep + response_keep
        )
        if room < 0:
            room = 0
        is_cut = request_keep + response_keep > room
        if is_cut:
            request_keep = min(request_keep, max(room // 2, room - response_keep))
            response_keep = min(response_keep, room - request_keep)
        self._reserve(request_keep + response_keep + len(key))
        target = self._records
        start = len(target)
        pack_array(target, 6)
        tally = Tally()
        tally.add(request, response, pair.exchanges, pair.part)
        if is_cut:
            tally.truncated = 1
        tally.pack(target, key)
        pack_integer(target, port)
        self.size += len(target) - start
        self._add_message(request, request_keep)
        self._add_message(response, response_keep)
        target = self._records
        pack_integer(target, pair.part)
        pack_truth(target, pair.is_last)
        self.records += 1
        self.exchanges += pair.exchanges
        return is_cut

    def packed(self, version: int, node: bytes) -> bytes:
        """All of it; `node` is fewer than 256 bytes of UTF-8."""
        target = bytearray()
        pack_array(target, 6)
        pack_integer(target, version)
        pack_text(target, node)
        pack_octets(target, self.server, 0, len(self.server))
        pack_integer(target, self.port)
        pack_array(target, len(self._tallies))
        for key, tally in self._tallies.items():
            tally.pack(target, key)
        pack_array(target, self.records)
        return b"".join([target, *self._pieces, self._records])

    def _reserve(self, more: int) -> None:
        """Doubles the room for records if `more` bytes may be too many: by itself a
        bytearray grows by an eighth, and moves all that it has each time."""
        target = self._records
        size = len(target)
        if size > more and size + more > self._room:
            self._room = 2 * size
            resize(target, self._room)
            resize(target, size)

    def _add_message(self, message: Message, keep: int) -> None:
        target = self._records
        start = len(target)
        pack_array(target, 5)
        pack_octets(target, message.head, 0, len(message.head))
        body = message.body
        pack_octets_size(target, keep)
        self.size += len(target) - start + keep + _MESSAGE_END_BYTES
        if keep >= _LARGE_BYTES:
            self._pieces += (target, body if keep == len(body) else body[:keep])
            target = self._records = bytearray()
            self._room = 0
        else:
            data = body
            append(target, data, 0, keep)
        pack_integer(target, message.body_bytes)
        pack_truth(target, message.truncated or keep < len(body))
        pack_integer(target, message.gap_bytes)


def fact_key(
    request: Message,
    response: Message,
    client: bytes,
    identity: bytes,
    shape: int,
    operation: bytes,
) -> bytes:
    """What the exchanges of one fact share: its first fields, packed; at the end marks
    of the interval and of how long they took, to an eighth of an octave: so the mean
    of their times tells it for each (`Latency` in collector.proto)."""
    target = bytearray()
    pack_octets(target, client, 0, len(client))
    pack_text(target, identity)
    head = request.head
    pack_octets(target, head, 0, request.method_end)
    end = min(request.target_end, request.target_start + _LONGEST_TARGET)
    place = request.target_start
    while place < end and head[place] != _QUERY and head[place] != _FRAGMENT:
        place += 1
    if request.is_path_unknown:
        place = end
    pack_octets(target, head, request.target_start, place)
    pack_integer(target, response.status)
    pack_integer(target, shape)
    pack_octets(target, operation, 0, min(len(operation), _LONGEST_OPERATION))
    pack_integer(target, request.protocol)
    waited = max(response.first_ns - request.first_ns, 0) // 1000
    octaves = 0
    while waited >= 16:
        waited >>= 1
        octaves += 1
    target.append(octaves & 255)
    target.append(waited & 255)
    target.append((request.first_ns // _INTERVAL_NS) & 255)
    return bytes(target)


def record_bytes(request: Message, response: Message, key: bytes) -> int:
    """Of a batch with nothing but this record; at most."""
    heads = len(request.head) + len(response.head)
    return heads + len(request.body) + len(response.body) + len(key) + _RECORD_BYTES
