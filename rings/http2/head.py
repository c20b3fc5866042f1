# cython: annotation_typing=False
"""Heads: from a header block's fields to a message's head (RFC 9113 section 8).

In come fields in order, out goes the head in the form of HTTP/1, with a start line of
the version HTTP/2, then a line for each field, pseudo-fields among them (`:path: /a`):
all that looks for fields or a target finds them in one way. A field without a name is
left out. Where the path or the method is not known, the target is UNKNOWN_TARGET.
"""

import cython

from rings.bodies import media as media_types
from rings.bodies.media import media
from rings.http2.lines import Lines
from rings.memory import Octets
from rings.pairs.message import Message

if not cython.compiled:
    from rings.http2.lines import (
        AUTHORITY,
        CODING,
        METHOD,
        PATH,
        PROTOCOL,
        PSEUDO,
        SCHEME,
        STATUS,
        TYPE,
        UNKNOWN,
    )
    from rings.memory import copy, equals

UNKNOWN_TARGET = b"?"
"""No target begins so (RFC 9112 section 3.2)."""
MALFORMED = -1

_GENERIC = media_types.GENERIC
_SPACE = b" "
_REQUEST_VERSION = b" HTTP/2\r\n"
_RESPONSE_VERSION = b"HTTP/2 "
_UNKNOWN_STATUS = b"000"
_CONNECT = b"CONNECT"
_HEAD = b"HEAD"
_END = b"\r\n"
_REQUEST_BYTES = 16
"""Of a start line beside method and target, and of a head's end; at most."""


class Head:
    """What a head's fields say. One object serves many in turn. Places are of the
    fields' text."""

    def __init__(self, fields: Lines) -> None:
        self.fields = fields
        self.seen = 0
        """Bits of the pseudo-fields that were there."""
        self.is_open = True
        """No other field was there yet."""
        self.method_start = self.method_end = 0
        self.path_start = self.path_end = 0
        self.authority_start = self.authority_end = 0
        self.status_start = 0
        self.status = 0
        self.type_start = self.type_end = 0
        self.coding_start = self.coding_end = 0
        self.typed = b""
        """The last media type that was looked up, for most repeat …"""
        self.kind = _GENERIC
        """… and what it is, and where in it the type stands."""
        self.named_start = self.named_end = 0

    def fill(self, message: Message, unknown: int) -> int:
        """Gives the message its head; the kind of its media type, or MALFORMED
        (section 8.1.1): then it is none. `unknown`: how many fields have no name.
        """
        fields = self.fields
        self.seen = self.status = 0
        self.is_open = True
        self.method_end = self.method_start = 0
        self.path_end = self.path_start = 0
        self.authority_end = self.authority_start = 0
        self.type_end = self.coding_end = 0
        for place in range(fields.first, fields.last):
            fields.look(place)
            if fields.kind != UNKNOWN and not self._take(fields.kind):
                return MALFORMED
        if message.is_request:
            start = self._begin_request(message, unknown)
        else:
            start = self._begin_response(message, unknown)
        if start < 0:
            return MALFORMED
        text = fields.text
        fields.append(text, 0, fields.end)
        fields.append(_END, 0, 2)
        message.head = fields.taken()
        return self._place(message, start)

    def _take(self, kind: int) -> bool:
        """The field that is looked at; false if it cannot stand here."""
        fields = self.fields
        if not fields.mark & 1:
            return False
        start = fields.name_end + 2
        end = fields.until - 2
        if 0 < kind <= PSEUDO:
            return self._take_pseudo(kind, start, end)
        self.is_open = False
        if kind == TYPE and self.type_end == 0:
            self.type_start, self.type_end = start, end
        elif kind == CODING:
            self.coding_start, self.coding_end = start, end
        return True

    def _take_pseudo(self, kind: int, start: int, end: int) -> bool:
        """Before all others, and once (section 8.3)."""
        if not self.is_open or self.seen >> kind & 1:
            return False
        self.seen |= 1 << kind
        if kind == METHOD:
            self.method_start, self.method_end = start, end
        elif kind == PATH:
            self.path_start, self.path_end = start, end
        elif kind == AUTHORITY:
            self.authority_start, self.authority_end = start, end
        elif kind == STATUS:
            text = self.fields.text
            self.status_start = start
            self.status = _status(text, start, end)
        return self.status >= 0

    def _begin_request(self, message: Message, unknown: int) -> int:
        """Writes the start line; its length, below zero if this is no request."""
        fields = self.fields
        text = fields.text
        method, start, end = self.method_start, self.path_start, self.path_end
        message.asks_tunnel = self._asks_tunnel(text)
        message.asks_head = equals(text, method, self.method_end, _HEAD)
        if message.asks_tunnel and start == end:
            start, end = self.authority_start, self.authority_end
        if self.seen >> STATUS & 1:
            return -1
        if start == end or method == self.method_end:
            if not unknown:
                return -1
            message.is_path_unknown = True
        begun = fields.tip
        # Nothing moves from here on: what is copied stands in the same buffer.
        fields.reserve(self.method_end - method + end - start + begun + _REQUEST_BYTES)
        text = fields.text
        fields.append(text, method, self.method_end)
        fields.append(_SPACE, 0, 1)
        message.method_end = fields.tip - begun - 1
        message.target_start = fields.tip - begun
        if start == end:
            fields.append(UNKNOWN_TARGET, 0, 1)
        else:
            fields.append(text, start, end)
        message.target_end = fields.tip - begun
        fields.append(_REQUEST_VERSION, 0, 9)
        return fields.tip - begun

    def _asks_tunnel(self, text: Octets) -> bool:
        """CONNECT, which alone has :protocol (RFC 8441) and may lack :scheme."""
        if self.method_start != self.method_end:
            return equals(text, self.method_start, self.method_end, _CONNECT)
        return self.seen >> PROTOCOL & 1 != 0 or not self.seen >> SCHEME & 1

    def _begin_response(self, message: Message, unknown: int) -> int:
        """The same of a response. Status 000: not known."""
        if self.seen & ~(1 << STATUS) or not (self.seen or unknown):
            return -1
        fields = self.fields
        message.status = self.status
        fields.reserve(fields.end + _REQUEST_BYTES)
        fields.append(_RESPONSE_VERSION, 0, 7)
        if self.seen:
            text = fields.text
            fields.append(text, self.status_start, self.status_start + 3)
        else:
            fields.append(_UNKNOWN_STATUS, 0, 3)
        fields.append(_END, 0, 2)
        return 12

    def _place(self, message: Message, start: int) -> int:
        """Where in the head type and coding stand; the kind of media."""
        if self.coding_end:
            message.coding_start = start + self.coding_start
            message.coding_end = start + self.coding_end
        if self.type_end == 0:
            return _GENERIC
        text = self.fields.text
        if not equals(text, self.type_start, self.type_end, self.typed):
            self.typed = copy(text, self.type_start, self.type_end)
            self.kind, self.named_start, self.named_end = media(self.typed)
        start += self.type_start
        message.type_start = start + self.named_start
        message.type_end = start + self.named_end
        return self.kind


def add_trailers(fields: Lines, message: Message) -> bool:
    """Puts trailer fields behind the head's; false if they are none."""
    for place in range(fields.first, fields.last):
        fields.look(place)
        if 0 < fields.kind <= PSEUDO or not fields.mark & 1:
            return False
    data = message.head
    fields.reserve(len(data) + fields.end)
    fields.append(data, 0, len(data) - 2)
    text = fields.text
    fields.append(text, 0, fields.end)
    fields.append(_END, 0, 2)
    message.head = fields.taken()
    return True


def status_of(fields: Lines) -> int:
    """What stands in :status; zero if it is not there, or not known."""
    for place in range(fields.first, fields.last):
        fields.look(place)
        if fields.kind == STATUS:
            text = fields.text
            return max(_status(text, fields.name_end + 2, fields.until - 2), 0)
    return 0


def is_request(fields: Lines) -> bool:
    """Whether a pseudo-field stands there that only requests have: :method and :scheme
    are in the static table, so one is known whatever was missed.
    """
    for place in range(fields.first, fields.last):
        fields.look(place)
        if 0 < fields.kind < STATUS:
            return True
    return False


def _status(text: Octets, start: int, end: int) -> int:
    """Three digits; below zero if it is anything else."""
    if end - start != 3:
        return -1
    status = 0
    for place in range(start, end):
        if not 48 <= text[place] <= 57:
            return -1
        status = status * 10 + text[place] - 48
    return status
