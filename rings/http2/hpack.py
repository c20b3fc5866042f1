# cython: annotation_typing=False
"""HPACK: header blocks into fields (RFC 7541), read by one who may have come late.

In comes a whole header block, out go its fields in order, as lines (`lines`); one of
which nothing is known has none. Indexes count from the newest entry (section 2.3.3), so
a reader that missed the table's beginning knows exactly what was inserted since, and a
reference to anything older is unknown, never wrong. An insertion that the table is too
small for empties it (section 4.4), which makes no difference to a reader: what it would
have known wrongly is never referred to. A block that may be lost shifts all indexes,
and so does one that is wrong: nothing is known from there on. A size update drops what
is older than the table can hold; where the size is not known, the bound is ours.
"""

import cython

from rings.http2.lines import Lines
from rings.memory import Octets

if not cython.compiled:
    from rings.http2.huffman import decoded
    from rings.http2.lines import (
        AUTHORITY,
        CODING,
        LENGTH,
        METHOD,
        OTHER,
        PATH,
        PROTOCOL,
        SCHEME,
        STATUS,
        TYPE,
        UNKNOWN,
        is_clean,
        kind_of,
        mark_of,
    )
    from rings.memory import copy

_KINDS = {
    b":method": METHOD,
    b":path": PATH,
    b":scheme": SCHEME,
    b":authority": AUTHORITY,
    b":status": STATUS,
    b":protocol": PROTOCOL,
    b"content-type": TYPE,
    b"content-encoding": CODING,
    b"content-length": LENGTH,
}

FIRST_BYTES = 4_096
"""Of a table before any size update: the initial value of SETTINGS_HEADER_TABLE_SIZE
(RFC 9113 section 6.5.2)."""
MOST_BYTES = 64 << 10
"""Of a table, as it counts itself, whatever the peers agreed on: what is older is
unknown. The largest that servers in use allow."""
FIELD_BYTES = 32
"""That an entry counts beside its name and value (section 4.1)."""
_COUNTED_BYTES = FIELD_BYTES - 4
"""That it counts beside its line."""

_INTEGER_LIMIT = 1 << 28
_COLON = 58
_C = 99
_CUT = -3
"""No kind: the name is cut, or wrongly coded."""
_BETWEEN = b": "
_END = b"\r\n"

_STATIC = (
    b":authority| :method|GET :method|POST :path|/ :path|/index.html :scheme|http "
    b":scheme|https :status|200 :status|204 :status|206 :status|304 :status|400 "
    b":status|404 :status|500 accept-charset| accept-encoding|gzip,_deflate "
    b"accept-language| accept-ranges| accept| access-control-allow-origin| age| allow| "
    b"authorization| cache-control| content-disposition| content-encoding| "
    b"content-language| content-length| content-location| content-range| content-type| "
    b"cookie| date| etag| expect| expires| from| host| if-match| if-modified-since| "
    b"if-none-match| if-range| if-unmodified-since| last-modified| link| location| "
    b"max-forwards| proxy-authenticate| proxy-authorization| range| referer| refresh| "
    b"retry-after| server| set-cookie| strict-transport-security| transfer-encoding| "
    b"user-agent| vary| via| www-authenticate|"
)
"""Appendix A, from index 1 on."""


def _static() -> Lines:
    table = Lines()
    for entry in _STATIC.split():
        name, _, value = entry.replace(b"_", b" ").partition(b"|")
        line = b"%b: %b\r\n" % (name, value)
        table.append(line, 0, len(line))
        table.close(mark_of(len(name), _KINDS.get(name, OTHER), True))
    return table


_FIELDS = _static()
_STATIC_SIZE = _FIELDS.last


@cython.no_gc
@cython.cclass
class Decoder:
    """One direction's dynamic table, and the fields of its last block."""

    def __init__(self, block_bytes: int, fields: Lines) -> None:
        """`block_bytes`: the most that a block's fields may count. `fields` serves
        several in turn."""
        self.fields = fields
        """Of the block read last, in order; without a name they are empty."""
        self.is_over = False
        """They were more than the bound: the rest is left out."""
        self.unknown = 0
        """How many of them have no name, or no value."""
        self.table = Lines()
        self.table_bytes = 0
        self.most_bytes = FIRST_BYTES
        self.block_bytes = block_bytes
        self.left = 0
        self.place = 0

    def lose(self) -> None:
        """A block may have been missed, or the connection's beginning was."""
        self.table = Lines()
        self.table_bytes = 0
        self.most_bytes = MOST_BYTES

    def decode(self, data: Octets, start: int, end: int) -> bool:
        """Reads a whole block into `fields`; false if it is wrong: then nothing is
        known of the table any more.
        """
        self.fields.clear()
        self.is_over = False
        self.unknown = 0
        self.left = self.block_bytes
        self.place = start
        while self.place < end:
            if not self._read(data, end):
                self.fields.clear()
                self.lose()
                return False
        return True

    def _read(self, data: Octets, end: int) -> bool:
        """One representation (section 6)."""
        octet = data[self.place]
        if octet & 0x80:
            index = self._integer(data, end, 0x7F)
            if index <= 0:
                return False
            self._refer(index)
            return True
        if octet & 0x60 == 0x20:
            return self._resize(self._integer(data, end, 0x1F))
        index = self._integer(data, end, 0x3F if octet & 0x40 else 0x0F)
        return index >= 0 and self._literal(data, end, index, octet & 0x40 != 0)

    def _refer(self, index: int) -> None:
        """The field that an index above zero means, as far as it is known."""
        fields = self.fields
        place = self._place(index)
        if place < 0:
            fields.append(_BETWEEN, 0, 2)
            fields.append(_END, 0, 2)
            self._add(mark_of(0, UNKNOWN, True))
            return
        table = _FIELDS if index <= _STATIC_SIZE else self.table
        table.look(place)
        text = table.text
        fields.append(text, table.begin, table.until)
        self._add(table.mark)

    def _literal(self, data: Octets, end: int, index: int, is_added: bool) -> bool:
        """A field with a value of its own, and a name by index or too."""
        fields = self.fields
        kind = self._name(data, end, index)
        size = fields.tip - fields.end
        fields.append(_BETWEEN, 0, 2)
        if kind == _CUT or not self._string(data, end):
            return False
        fields.append(_END, 0, 2)
        text = fields.text
        mark = mark_of(size, kind, is_clean(text, fields.end, fields.tip - 2))
        if is_added:
            self._insert(mark)
        self._add(mark)
        return True

    def _name(self, data: Octets, end: int, index: int) -> int:
        """Begins a line with a name; the field's kind."""
        fields = self.fields
        if index == 0:
            return _kind_of(fields) if self._string(data, end) else _CUT
        place = self._place(index)
        if place < 0:
            return UNKNOWN
        table = _FIELDS if index <= _STATIC_SIZE else self.table
        table.look(place)
        text = table.text
        fields.append(text, table.begin, table.name_end)
        return table.kind

    def _place(self, index: int) -> int:
        """Of an entry in its table; below zero if it is not known."""
        if index <= _STATIC_SIZE:
            return index - 1
        place = self.table.last - (index - _STATIC_SIZE)
        return place if place >= self.table.first else -1

    def _add(self, mark: int) -> None:
        """Ends the line that is open, if there is room for its field."""
        fields = self.fields
        self.left -= fields.tip - fields.end + _COUNTED_BYTES
        if self.left < 0:
            self.is_over = True
            fields.tip = fields.end
            return
        if kind_of(mark) == UNKNOWN:
            self.unknown += 1
            fields.tip = fields.end
        fields.close(mark)

    def _insert(self, mark: int) -> None:
        """The field whose line is open becomes the table's newest."""
        fields, table = self.fields, self.table
        size = fields.tip - fields.end + _COUNTED_BYTES
        self._evict(self.most_bytes - size)
        if size <= self.most_bytes:
            text = fields.text
            table.append(text, fields.end, fields.tip)
            table.close(mark)
            self.table_bytes += size

    def _evict(self, most: int) -> None:
        """Lets the oldest go until the table counts no more than `most`."""
        table = self.table
        while self.table_bytes > most and table.first < table.last:
            self.table_bytes -= table.let_go() + _COUNTED_BYTES
        if table.first == table.last:
            table.clear()

    def _resize(self, size: int) -> bool:
        if size < 0:
            return False
        self.most_bytes = min(size, MOST_BYTES)
        self._evict(self.most_bytes)
        return True

    def _integer(self, data: Octets, end: int, mask: int) -> int:
        """Section 5.1; below zero if it is cut or larger than any use."""
        value = data[self.place] & mask
        self.place += 1
        if value < mask:
            return value
        shift = 0
        while self.place < end and shift <= 28:
            octet = data[self.place]
            self.place += 1
            value += (octet & 0x7F) << shift
            if value > _INTEGER_LIMIT:
                return -1
            if not octet & 0x80:
                return value
            shift += 7
        return -1

    def _string(self, data: Octets, end: int) -> bool:
        """Adds a string to the open line (section 5.2); false if it is cut or wrongly
        coded."""
        if self.place >= end:
            return False
        is_coded = data[self.place] >> 7
        size = self._integer(data, end, 0x7F)
        if size < 0 or size > end - self.place:
            return False
        fields, start = self.fields, self.place
        self.place += size
        if not is_coded:
            fields.append(data, start, self.place)
            return True
        fields.reserve(size * 8 // 5 + 1)
        target = fields.text
        stop = decoded(data, start, self.place, target, fields.tip)
        if stop < 0:
            return False
        fields.tip = stop
        return True


def _kind_of(fields: Lines) -> int:
    """Of a field whose name is all of the open line."""
    text = fields.text
    size = fields.tip - fields.end
    if size == 0 or text[fields.end] not in (_COLON, _C):
        return OTHER
    return _KINDS.get(copy(text, fields.end, fields.tip), OTHER)
