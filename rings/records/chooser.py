# cython: annotation_typing=False
"""Chooser: which exchanges are sent whole, so that they can be inspected.

In comes an exchange, out goes whether its bodies are wanted: at the first sight of its
kind, then again after an interval, and beyond that at a rate that the active kinds
share evenly. A kind is server, method, skeleton of the path, status class, shape of
the bodies and operation. Time is the capture's; nothing waits or is random.

First sights have a budget. One that is over it is not marked as seen, so a later one
of the same kind is sent. A server that makes new kinds without end has one more kind
for all that are beyond its bound; so it takes nothing from others. The skeleton must be
as fine as the endpoints of whoever inspects, else their first sight waits for the rate
or the interval; where it is finer it only costs.
"""

import cython

from rings.memory import Octets
from rings.pairs.message import Message

if not cython.compiled:
    from rings.records.shape import hashed, mixed

_SECOND_NS = 1_000_000_000
_NANO = 1e-9
_ACTIVE_NS = 10 * _SECOND_NS
"""A kind counts as active for so long: its share of the rate."""
_SIGHTS_A_SECOND = 500.0
"""First sights and those due by the interval: a start among new endpoints is over
within seconds, and no flood of new paths sends more bodies than that."""
_MOST_SAVED_SECONDS = 2.0
_MOST_KINDS = 32_768
"""Of one generation; there are two, of some 100 bytes a kind."""
_MOST_OF_SERVER = 2_048
"""New kinds in one generation."""

_MOST_SEGMENTS = 16
_LONGEST_WORD = 48
_MOST_DIGITS = 2
"""As in v2, oauth2, es256."""
_SLASH = 47
_QUERY = 63
_FRAGMENT = 35
_DIGIT = 1
_ENDING = 2
_BEGIN = 0x736B_656C


def _flags(octet: int) -> int:
    """What a byte tells of its segment."""
    text = chr(octet)
    if "0" <= text <= "9":
        return _DIGIT
    if text in ".:":
        return _ENDING
    if text.isascii() and text.isalpha():
        return 0
    return {"-": 4, "_": 4, "@": 8, "%": 16, "+": 32}.get(text, 64)


_OCTETS = bytes(_flags(octet) for octet in range(256))


@cython.no_gc
@cython.cclass
class Kind:
    """When one kind was seen and sent whole."""

    def __init__(self) -> None:
        self.whole_ns = 0
        self.seen_ns = 0


class Chooser:
    """Decides exchange by exchange."""

    def __init__(self, per_second: float, interval_seconds: float, seed: int) -> None:
        """`seed`: 64 bits that nobody outside knows."""
        self.delayed = 0
        """Exchanges that were due, and over the budget."""
        self._per_second = per_second
        self._interval_ns = int(interval_seconds * _SECOND_NS)
        self._seed = seed
        self._tokens = 0.0
        self._sights = _SIGHTS_A_SECOND * _MOST_SAVED_SECONDS
        self._now_ns = 0
        self._window_ns = 0
        self._active = 0
        self._active_before = 0
        self._young: dict[int, Kind] = {}
        self._old: dict[int, Kind] = {}
        self._new: dict[bytes, int] = {}
        """By server: kinds that are new in this generation."""

    def wants(
        self,
        request: Message,
        response: Message,
        server: bytes,
        shape: int,
        operation: bytes,
    ) -> bool:
        """Whether to send this whole; `server` is address and port."""
        now_ns = self._advance(response.first_ns)
        place = mixed(self._seed, hashed(server, 0, len(server), 0))
        number = _number(request, response, mixed(place, shape), operation)
        kind = self._known(number)
        if kind is None and self._is_crowded(server):
            number = place
            kind = self._known(number)
        if kind is None:
            if not self._has_sight():
                return False
            self._learn(number, server, now_ns)
            return True
        if kind.seen_ns < self._window_ns:
            self._active += 1
        kind.seen_ns = now_ns
        if now_ns - kind.whole_ns >= self._interval_ns:
            if not self._has_sight():
                return False
        elif not self._is_affordable(kind, now_ns):
            return False
        kind.whole_ns = now_ns
        return True

    def _known(self, number: int) -> Kind | None:
        kind = self._young.get(number)
        if kind is None and self._old:
            kind = self._old.pop(number, None)
            if kind is not None:
                self._young[number] = kind
        return kind

    def _is_crowded(self, server: bytes) -> bool:
        count = self._new.get(server, 0)
        return count >= _MOST_OF_SERVER

    def _learn(self, number: int, server: bytes, now_ns: int) -> None:
        if len(self._young) >= _MOST_KINDS:
            self._old = self._young
            self._young = {}
            self._new = {}
        kind = Kind()
        kind.whole_ns = kind.seen_ns = now_ns
        self._young[number] = kind
        self._new[server] = self._new.get(server, 0) + 1
        self._active += 1

    def _advance(self, at_ns: int) -> int:
        """Capture time never runs back here; what is unused lasts for a burst."""
        if at_ns > self._now_ns:
            earned = (at_ns - self._now_ns) * _NANO
            if earned > _MOST_SAVED_SECONDS:
                earned = _MOST_SAVED_SECONDS
            self._now_ns = at_ns
            self._tokens = min(
                self._tokens + earned * self._per_second,
                self._per_second * _MOST_SAVED_SECONDS,
            )
            self._sights = min(
                self._sights + earned * _SIGHTS_A_SECOND,
                _SIGHTS_A_SECOND * _MOST_SAVED_SECONDS,
            )
            if at_ns - self._window_ns >= _ACTIVE_NS:
                self._window_ns = at_ns
                self._active_before = self._active
                self._active = 0
        return self._now_ns

    def _is_affordable(self, kind: Kind, now_ns: int) -> bool:
        """Whether the rate allows it, and the kind's even share of it."""
        active = max(self._active, self._active_before)
        if (
            self._tokens < 1.0
            or (now_ns - kind.whole_ns) * self._per_second < active * _SECOND_NS
        ):
            return False
        self._tokens -= 1.0
        return True

    def _has_sight(self) -> bool:
        if self._sights < 1.0:
            self.delayed += 1
            return False
        self._sights -= 1.0
        return True


def _number(request: Message, response: Message, number: int, operation: bytes) -> int:
    head = request.head
    number = mixed(number, hashed(head, 0, request.method_end, 0))
    number = skeleton(head, request.target_start, request.target_end, number)
    number = mixed(number, response.status // 100)
    if operation:
        number = mixed(number, hashed(operation, 0, len(operation), 0))
    return number


def skeleton(data: Octets, start: int, end: int, number: int) -> int:
    """Mixes the path of a target into `number`, segments of data as their kind."""
    segments = 0
    place = start
    while place < end and segments < _MOST_SEGMENTS:
        stop = place
        octet = _SLASH
        while stop < end:
            octet = data[stop]
            if octet in (_SLASH, _QUERY, _FRAGMENT):
                break
            stop += 1
        if stop > place:
            number = mixed(number, _segment(data, place, stop))
            segments += 1
        if octet in (_QUERY, _FRAGMENT):
            break
        place = stop + 1
    return number


def _segment(data: Octets, start: int, end: int) -> int:
    """A word as it is; else the kinds of its bytes, and its ending (.json, :verb)."""
    kinds = _OCTETS
    flags = 0
    digits = 0
    ending = end
    for place in range(start, end):
        octet_flags = kinds[data[place]]
        flags |= octet_flags
        if octet_flags == _DIGIT:
            digits += 1
        elif octet_flags == _ENDING:
            ending = place
    is_word = (
        end - start <= _LONGEST_WORD
        and digits <= _MOST_DIGITS
        and flags < 8
        and kinds[data[start]] != _DIGIT
    )
    if is_word:
        return hashed(data, start, end, 0)
    number = mixed(_BEGIN, flags)
    if end - ending <= _MOST_SEGMENTS:
        for place in range(ending, end):
            if kinds[data[place]] & _DIGIT:
                return number
        number = mixed(number, hashed(data, ending, end, 0))
    return number
