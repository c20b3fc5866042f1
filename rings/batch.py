# cython: annotation_typing=False
"""Batch: what is told of the exchanges with one server, in the making.

In come exchanges, out goes one MessagePack array: facts, where exchanges that differ
only in sizes and times are one, and whole records. `agent/record.py` names its fields
and reads it. A record is copied once, from the stream's buffer into the batch.
"""

import cython

from rings.message import Message

if not cython.compiled:
    from rings.memory import append
    from rings.packing import (
        pack_array,
        pack_integer,
        pack_octets,
        pack_text,
        pack_truth,
    )

_FACT_FIELDS = 14
_LONGEST_TARGET = 2_048
_LONGEST_OPERATION = 512
_TALLY_BYTES = 48
"""Of the numbers of one fact, packed; about."""
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
        self.truncated = 0
        self.request_bytes = 0
        self.response_bytes = 0
        self.first_ns = 0
        self.last_ns = 0
        self.waited_ns = 0

    def add(self, request: Message, response: Message) -> None:
        self.exchanges += 1
        if (
            request.truncated
            or response.truncated
            or request.gap_bytes
            or response.gap_bytes
        ):
            self.truncated += 1
        self.request_bytes += len(request.head) + request.body_bytes
        self.response_bytes += len(response.head) + response.body_bytes
        if self.exchanges == 1 or request.first_ns < self.first_ns:
            self.first_ns = request.first_ns
        if request.first_ns > self.last_ns:
            self.last_ns = request.first_ns
        if response.first_ns > request.first_ns:
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

    def add_fact(self, key: bytes, request: Message, response: Message) -> None:
        """`key` is the fact's (`fact_key`)."""
        tally = self._tallies.get(key)
        if tally is None:
            tally = Tally()
            self._tallies[key] = tally
            self.size += len(key) + _TALLY_BYTES
        tally.add(request, response)
        self.exchanges += 1

    def add_record(
        self, key: bytes, request: Message, response: Message, port: int, most: int
    ) -> bool:
        """Adds it whole, or cut to about `most` bytes; true if it was cut.

        `port` is the client's. Of two bodies that do not fit, each has half of the room
        or what it needs of it.
        """
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
        target = self._records
        size = len(target)
        pack_array(target, 4)
        tally = Tally()
        tally.add(request, response)
        if is_cut:
            tally.truncated = 1
        tally.pack(target, key)
        pack_integer(target, port)
        _pack_message(target, request, request_keep)
        _pack_message(target, response, response_keep)
        self.size += len(target) - size
        self.records += 1
        self.exchanges += 1
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
        append(target, self._records, 0, len(self._records))
        return bytes(target)


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
    pack_octets(target, head, request.target_start, place)
    pack_integer(target, response.status)
    pack_integer(target, shape)
    pack_octets(target, operation, 0, min(len(operation), _LONGEST_OPERATION))
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


def _pack_message(target: bytearray, message: Message, keep: int) -> None:
    pack_array(target, 5)
    pack_octets(target, message.head, 0, len(message.head))
    body = message.body
    data = body
    pack_octets(target, data, 0, keep)
    pack_integer(target, message.body_bytes)
    pack_truth(target, message.truncated or keep < len(message.body))
    pack_integer(target, message.gap_bytes)
