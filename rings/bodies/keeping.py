# cython: annotation_typing=False
"""Keeping: which bytes of a body are held until its message is handed on.

In come a message's kind of media and its body's bytes in pieces, out goes the body that
is kept: of JSON and forms by what their type says (`media`), of others by their first
bytes where it says nothing; a prefix of at most `body_bytes`, while the budget lasts.
A body of many messages is its cutter's (`cutting`), once it may be told in parts; a
coded one only if there is room for what undoes its coding. Other bytes are counted
without being touched.
"""

from typing import Any

import cython

from rings.bodies import media
from rings.bodies.content import codings, decode, only_coding
from rings.bodies.cutting import Cutter
from rings.bodies.media import division, has_json_event, has_json_part, is_json_text
from rings.bodies.undoing import FIRST_BYTES, Undoing, undoing
from rings.limits import Budget, Limits
from rings.memory import Octets
from rings.pairs.message import Message
from rings.stats import Stats

if not cython.compiled:
    from rings.memory import append, copy

_JSON = media.JSON
_FORM = media.FORM
_MULTIPART = media.MULTIPART
_EVENTS = media.EVENTS
_GENERIC = media.GENERIC
_JUDGED_BYTES = media.JUDGED_BYTES
_DECODED_BYTES = 512
"""Of a coded body without a type, to see whether it is JSON …"""
_CODED_BYTES = 4_096
"""… and coded bytes for that."""

UNDOING_SHARE = 2
"""Another coding is undone only while less than half of the budget is held."""


@cython.no_gc
@cython.cclass
class Keeper:
    """The bodies of all messages of an interface."""

    def __init__(self, stats: Stats, limits: Limits, budget: Budget) -> None:
        self.budget = budget
        self.limits = limits
        self.stats = stats

    def begin(self, message: Message, kind: int) -> None:
        """The body of a message of this kind of media follows."""
        message.kind = kind
        message.is_json = kind == _JSON
        message.division = -1 if kind in (_JSON, _EVENTS) else 0
        message.is_judged = kind not in (_MULTIPART, _EVENTS) and (
            kind != _GENERIC or not self.limits.json_by_structure
        )
        is_told = kind in (_JSON, _FORM)
        message.keeps_body = (
            is_told or not message.is_judged or self.limits.keep_all_bodies
        )

    def keep(
        self, message: Message, data: Octets, start: int, size: int, is_all: bool
    ) -> bool:
        """Takes data[start:start + size]; `is_all`: nothing else comes. Whether a part
        of the body should be told."""
        message.body_bytes += size
        if message.cutter is not None:
            return self._cut(message, data, start, start + size)
        if not message.keeps_body or message.gap_bytes:
            return False
        kept = len(message.body)
        if kept + size > min(self.limits.part_bytes, self.limits.body_bytes):
            if self.divide(message):
                return self._cut(message, data, start, start + size)
            if kept + size > self.limits.body_bytes:
                message.truncated = True
                size = self.limits.body_bytes - kept
        if size == 0:
            return False
        if self.is_refused(size):
            message.truncated = True
            message.keeps_body = False
            return False
        self.hold(message, size)
        if kept == 0 and is_all:
            message.body = copy(data, start, start + size)
            return False
        if kept == 0:
            message.body = bytearray()
        body: Any = message.body
        append(body, data, start, start + size)
        if not message.is_judged and _is_told(message, kept + size):
            self._judge(message)
        return False

    def miss(self, message: Message, length: int) -> None:
        """So many bytes of the body are missing here."""
        is_cut = self.divide(message)
        message.gap_bytes += length
        message.body_bytes += length
        message.truncated = True
        if is_cut:
            cutter: Cutter = message.cutter
            cutter.miss(message, length)

    def divide(self, message: Message) -> bool:
        """Whether the body may be told in parts; from now on its cutter keeps it."""
        if message.cutter is not None:
            return True
        if message.division == 0 or not self.limits.in_parts:
            return False
        if message.division < 0:
            message.division = division(message.content_type)
        if message.division == 0 or not message.keeps_body or message.truncated:
            return False
        coding: Undoing | None = None
        if message.coding_end > message.coding_start:
            coding = self._undoing(message)
            if coding is None:
                return False
        message.cutter = Cutter(message, coding, self.stats, self.limits, self.budget)
        return True

    def end(self, message: Message) -> None:
        """The message ended, whatever it lacks."""
        if not message.is_judged and message.body_bytes:
            self._judge(message)

    def hold(self, message: Message, size: int) -> None:
        """Counts so many bytes more of the message."""
        message.held_bytes += size
        self.budget.held_bytes += size

    def is_refused(self, size: int) -> bool:
        """Whether the budget has no room for so many bytes."""
        if self.budget.held_bytes + size <= self.budget.limit_bytes:
            return False
        self.stats.memory_refusals += 1
        return True

    def _cut(self, message: Message, data: Octets, start: int, end: int) -> bool:
        cutter: Cutter = message.cutter
        return cutter.take(message, data, start, end)

    def _undoing(self, message: Message) -> Undoing | None:
        """What undoes the body's coding from now on; its head names none any more."""
        if len(message.body) < FIRST_BYTES:
            return None
        first = bytes(message.body[:FIRST_BYTES])
        found = undoing(only_coding(message.head), first)
        room = self.budget.limit_bytes // UNDOING_SHARE - self.budget.held_bytes
        if found is None or found.state_bytes > room:
            self.stats.coded_streams_left += 1
            message.division = 0
            return None
        self.hold(message, found.state_bytes)
        start, end = message.coding_start, message.coding_end
        head = message.head
        message.head = head[:start] + b" " * (end - start) + head[end:]
        message.coding_end = start
        return found

    def _judge(self, message: Message) -> None:
        """Whether a body is JSON whose type does not say it, by what came of it."""
        message.is_judged = True
        body = bytes(message.body)
        is_multipart = message.kind == _MULTIPART
        if body and message.coding_end > message.coding_start:
            size = len(body) if is_multipart else _CODED_BYTES
            most = self.limits.body_bytes if is_multipart else _DECODED_BYTES
            body = decode(codings(message.head), body[:size], most)[0]
        if body and is_multipart:
            message.is_json = has_json_part(body)
            return
        is_events = message.kind == _EVENTS
        message.is_json = has_json_event(body) if is_events else is_json_text(body)
        if message.is_json or self.limits.keep_all_bodies or message.cutter is not None:
            return
        self.hold(message, -len(message.body))
        message.keeps_body = False
        message.truncated = False
        message.body = b""


def _is_told(message: Message, size: int) -> bool:
    """Whether so much of a plain body tells what it is."""
    return (
        size >= _JUDGED_BYTES
        and message.kind == _GENERIC
        and message.coding_end == message.coding_start
    )
