# cython: annotation_typing=False, wraparound=True
"""A protobuf message as JSON text, with or without its type.

In come the bytes of a message (protobuf.dev, "Encoding") and its type if it is known;
out comes a JSON object, which is then scanned as any other. Fields whose names are
known stand under them, the others under their numbers; what the JSON mapping of proto3
gives a form of its own (times, wrappers, maps, structures) has that form.

What a length-delimited field without a name is, its bytes tell: a message if they are
one to their end and are no text, or text if they are UTF-8 without control characters;
else they are left out. A message without type holds fields of plausible numbers. Packed
numbers without a name are not told from other bytes and left out.

Bytes that are no message end the reading: what was read before them is kept, so cut
messages give what they have. Work is bounded by WORK_RATIO, whatever is nested in what.
"""

import base64
import re
import struct
from datetime import UTC, datetime
from typing import Any

import cython

from detection.protobuf.types import Field, Type, Types

DEPTH_LIMIT = 64
FIELD_LIMIT = 100_000
"""Fields of one message read, those within it too."""
WORK_RATIO = 16
"""A byte is looked at so often on average; deeper messages are left out then."""
WORK_BYTES = 1 << 14
"""Looked at in any case."""
MOST_NUMBER = 2047
"""Of a field without a name: those above take three bytes, and are very rare."""

_VARINT = 0
_FIXED64 = 1
_BYTES = 2
_GROUP = 3
_END_GROUP = 4
_FIXED32 = 5
_DEPTH_LIMIT = DEPTH_LIMIT
_FIELD_LIMIT = FIELD_LIMIT
_MOST_NUMBER = MOST_NUMBER
_MOST_FIELD = (1 << 29) - 1
_MOST_BYTES = (1 << 31) - 1
_MOST_SHIFT = 63
_MOST_VALUE = (1 << 64) - 1
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPED = re.compile(r'[\x00-\x1f\\"]')
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_LARGEST_DOUBLE = 1e15
_LEAST_DOUBLE = 1e-6
_WRAPPERS = frozenset(
    f"google.protobuf.{name}Value"
    for name in "Double Float Int64 UInt64 Int32 UInt32 Bool String Bytes".split()
)
_STRUCTURES = frozenset(
    ("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue")
)
"""They stand for what their only field holds."""
_SIGNED = frozenset(("sint32", "sint64"))
_NUMBERS = frozenset(
    "double float int64 uint64 int32 fixed64 fixed32 bool uint32 enum sfixed32 "
    "sfixed64 sint32 sint64".split()
)
_FORMATS = {
    "double": "<d",
    "fixed64": "<Q",
    "sfixed64": "<q",
    "float": "<f",
    "fixed32": "<I",
    "sfixed32": "<i",
}
_LAST_SECOND = 253402300799
"""Of the year 9999."""


@cython.no_gc
@cython.cclass
class Parsed:
    """A field on the wire."""

    def __init__(
        self, number: int, wire: int, start: int, end: int, value: int
    ) -> None:
        self.number = number
        self.wire = wire
        self.start = start
        self.end = end
        """What is within: of a group, its fields."""
        self.value = value


class Transcoder:
    """Messages to JSON, by types that are known."""

    def __init__(self, types: Types | None = None) -> None:
        self.types = types or Types()
        self._data = b""
        self._out = bytearray()
        self._work = 0
        self._fields = 0
        self._position = self._begin = self._stop = self._read = 0
        self.is_unnamed = False
        """The last message had a field whose name is not known."""

    def json(self, data: bytes, kind: Type | None = None) -> bytes:
        """One message as a JSON object; empty if there is no field to be read."""
        self._data = data
        self._out = bytearray()
        self._work = WORK_BYTES + WORK_RATIO * len(data)
        self._fields = _FIELD_LIMIT
        self.is_unnamed = False
        fields = self._parse(0, len(data), False)
        if fields:
            self._message(fields, kind, 0)
        out, self._out, self._data = bytes(self._out), bytearray(), b""
        return out

    def _parse(self, start: int, end: int, is_strict: bool) -> list[Parsed] | None:
        """The fields of data[start:end]; if strict, none unless they fill it with
        plausible numbers."""
        fields: list[Parsed] = []
        most = _MOST_NUMBER if is_strict else _MOST_FIELD
        self._position = start
        while self._position < end:
            at = self._position
            tag = self._varint(end)
            number = tag >> 3
            wire = tag & 7
            if number == 0 or number > most or not self._skip(tag, end, 0):
                return None if is_strict else fields
            if self._stop > end:
                if is_strict:
                    return None
                self._stop = self._position = end
            self._work -= self._begin - at
            self._fields -= 1
            if self._fields < 0 or self._work < 0:
                return None if is_strict else fields
            fields.append(Parsed(number, wire, self._begin, self._stop, self._read))
        return fields

    def _varint(self, end: int) -> int:
        """Reads one; 0 and a position behind `end` if it is broken."""
        data = self._data
        position = self._position
        value = 0
        shift = 0
        octet = 128
        while octet & 128:
            if position >= end or shift > _MOST_SHIFT:
                self._position = end + 1
                return 0
            octet = data[position]
            part = octet & 127
            value |= part << shift
            shift += 7
            position += 1
        self._position = position
        return value & _MOST_VALUE

    def _skip(self, tag: int, end: int, depth: int) -> bool:
        """Goes behind the field whose tag was read, and tells where it stands; the end
        of bytes may be behind `end`. False: it is broken."""
        wire = tag & 7
        self._read = 0
        if wire == _VARINT:
            self._read = self._varint(end)
            self._begin = self._stop = self._position
        elif wire == _BYTES:
            size = self._varint(end)
            if size > _MOST_BYTES:
                return False
            self._begin = self._position
            self._stop = self._position = self._position + size
            return self._begin <= end
        elif wire in (_FIXED64, _FIXED32):
            self._begin = self._position
            self._stop = self._position = self._begin + (8 if wire == _FIXED64 else 4)
        elif wire == _GROUP and depth < _DEPTH_LIMIT:
            return self._skip_group(tag + _END_GROUP - _GROUP, end, depth + 1)
        else:
            return False
        return self._position <= end

    def _skip_group(self, end_tag: int, end: int, depth: int) -> bool:
        begin = self._position
        while self._position < end:
            at = self._position
            tag = self._varint(end)
            if tag == end_tag:
                self._begin = begin
                self._stop = at
                return True
            if tag < 8 or not self._skip(tag, end, depth) or self._position > end:
                return False
            self._work -= self._position - at
            if self._work < 0:
                return False
        return False

    def _message(self, fields: list[Parsed], kind: Type | None, depth: int) -> None:
        """Writes an object; a field that comes several times is an array."""
        groups: dict[int, list[Parsed]] = {}
        for parsed in fields:
            found = groups.get(parsed.number)
            if found is None:
                groups[parsed.number] = [parsed]
            else:
                found.append(parsed)
        out = self._out
        out += b"{"
        is_first = True
        for number, group in groups.items():
            field = None if kind is None else kind.fields.get(number)
            mark = len(out)
            if not is_first:
                out += b","
            out += b'"%b":' % (
                b"%d" % number if field is None else _escaped(field.name).encode()
            )
            begun = len(out)
            if field is None:
                self.is_unnamed = True
                self._unnamed(group, depth)
            else:
                self._named(group, field, depth)
            if len(out) == begun:
                del out[mark:]
            else:
                is_first = False
        out += b"}"

    def _unnamed(self, group: list[Parsed], depth: int) -> None:
        """Writes the values of a field by what its bytes tell; nothing for others."""
        out = self._out
        is_many = len(group) > 1
        mark = len(out)
        if is_many:
            out += b"["
        is_first = True
        for parsed in group:
            before = len(out)
            if not is_first:
                out += b","
            begun = len(out)
            if parsed.wire == _VARINT:
                out += b"%d" % parsed.value
            elif parsed.wire == _BYTES:
                self._guess(parsed, depth)
            elif parsed.wire == _GROUP:
                self._within(parsed, None, depth)
            else:
                out += _fixed(self._data, parsed.start, parsed.wire)
            if len(out) == begun:
                del out[before:]
            else:
                is_first = False
        if is_first:
            del out[mark:]
        elif is_many:
            out += b"]"

    def _guess(self, parsed: Parsed, depth: int) -> None:
        start = parsed.start
        end = parsed.end
        text = self._text(start, end)
        first = self._data[start] if start < end else 0
        if text is not None and first not in (9, 10, 13):
            self._out += b'"%b"' % _escaped(text).encode()
            return
        fields = None
        if start < end and depth < _DEPTH_LIMIT:
            fields = self._parse(start, end, True)
        if fields:
            self._message(fields, None, depth + 1)
        elif text is not None:
            self._out += b'"%b"' % _escaped(text).encode()

    def _text(self, start: int, end: int) -> str | None:
        """The text that stands there, if it is one."""
        data = self._data
        if start == end:
            return ""
        if _CONTROL.search(data, start, min(end, start + 64)):
            self._work -= 64
            return None
        self._work -= end - start
        if self._work < 0 or _CONTROL.search(data, start, end):
            return None
        try:
            return data[start:end].decode()
        except UnicodeDecodeError as error:
            # Cut off within a character.
            if end == len(data) and error.start > end - start - 4 > 0:
                return data[start : start + error.start].decode()
            return None

    def _within(self, parsed: Parsed, kind: Type | None, depth: int) -> None:
        """Writes a message, or nothing."""
        if depth < _DEPTH_LIMIT:
            fields = self._parse(parsed.start, parsed.end, False)
            self._message(fields or [], kind, depth + 1)

    def _named(self, group: list[Parsed], field: Field, depth: int) -> None:
        """Writes the values of a field whose type is known."""
        kind = self.types.type(field.type_name) if field.type_name else None
        if kind is not None and kind.is_map_entry:
            self._map(group, kind, depth)
            return
        out = self._out
        if not field.is_repeated:
            self._value(group[-1], field, kind, depth)
            return
        mark = len(out)
        out += b"["
        is_first = True
        for parsed in group:
            begun = len(out)
            if parsed.wire == _BYTES and field.kind in _NUMBERS:
                self._packed(parsed, field)
            else:
                self._value(parsed, field, kind, depth)
            if len(out) > begun:
                out += b","
                is_first = False
        if is_first:
            del out[mark:]
        else:
            del out[-1:]
            out += b"]"

    def _map(self, group: list[Parsed], kind: Type, depth: int) -> None:
        """Writes an object whose members are the entries."""
        out = self._out
        out += b"{"
        is_first = True
        value_field = kind.fields.get(2)
        for parsed in group:
            key = ""
            value = None
            for part in self._parse(parsed.start, parsed.end, False) or []:
                if part.number == 1:
                    key = (
                        self._data[part.start : part.end].decode("utf-8", "replace")
                        if part.wire == _BYTES
                        else str(part.value)
                    )
                elif part.number == 2:
                    value = part
            if value is None or value_field is None:
                continue
            mark = len(out)
            out += b'"%b":' % _escaped(key).encode()
            begun = len(out)
            named = value_field.type_name
            inner = self.types.type(named) if named else None
            self._value(value, value_field, inner, depth + 1)
            if len(out) == begun:
                del out[mark:]
            else:
                out += b","
                is_first = False
        if is_first:
            out += b"}"
        else:
            del out[-1:]
            out += b"}"

    def _value(
        self, parsed: Parsed, field: Field, kind: Type | None, depth: int
    ) -> None:
        """Writes one value; one that is not as its type says tells by its bytes."""
        out = self._out
        declared = field.kind
        wire = parsed.wire
        if declared == "string" and wire == _BYTES:
            text = self._data[parsed.start : parsed.end].decode("utf-8", "replace")
            out += b'"%b"' % _escaped(text).encode()
        elif declared == "bytes" and wire == _BYTES:
            coded = base64.b64encode(self._data[parsed.start : parsed.end])
            out += b'"%b"' % coded
        elif declared in ("message", "group") and wire in (_BYTES, _GROUP):
            self._typed(parsed, field, kind, depth)
        elif declared in _NUMBERS and wire == _VARINT:
            out += self._number(parsed.value, field)
        elif declared in _FORMATS and wire in (_FIXED64, _FIXED32):
            shape = _FORMATS[declared]
            if struct.calcsize(shape) == parsed.end - parsed.start:
                out += _told(struct.unpack_from(shape, self._data, parsed.start)[0])
        else:
            self._unnamed([parsed], depth)

    def _typed(
        self, parsed: Parsed, field: Field, kind: Type | None, depth: int
    ) -> None:
        name = field.type_name
        if kind is None:
            self.is_unnamed = True
        elif name == "google.protobuf.Timestamp":
            self._out += self._timestamp(parsed)
            return
        elif name in _WRAPPERS:
            for inner in self._parse(parsed.start, parsed.end, False) or []:
                if inner.number == 1:
                    self._value(inner, kind.fields[1], None, depth + 1)
                    return
            return
        elif name in _STRUCTURES and depth < _DEPTH_LIMIT:
            fields = self._parse(parsed.start, parsed.end, False) or []
            known = kind.fields.get(fields[0].number) if fields else None
            if known is not None:
                self._named(fields, known, depth + 1)
            return
        self._within(parsed, kind, depth)

    def _timestamp(self, parsed: Parsed) -> bytes:
        seconds = 0
        for part in self._parse(parsed.start, parsed.end, False) or []:
            if part.number == 1 and part.wire == _VARINT:
                seconds = _signed(part.value, 64)
        if not -_LAST_SECOND // 4 < seconds <= _LAST_SECOND:
            return b"%d" % seconds
        return b'"%b"' % _day_and_time(seconds).encode()

    def _packed(self, parsed: Parsed, field: Field) -> None:
        """Writes numbers, with commas between."""
        out = self._out
        data = self._data
        position, end = parsed.start, parsed.end
        shape = _FORMATS.get(field.kind)
        self._work -= end - position
        if shape is not None:
            size = struct.calcsize(shape)
            stop = position + (end - position) // size * size
            numbers = struct.iter_unpack(shape, data[position:stop])
            out += b",".join([_told(number) for (number,) in numbers])
            return
        told = []
        self._position = position
        while self._position < end:
            value = self._varint(end)
            if self._position <= end:
                told.append(self._number(value, field))
        out += b",".join(told)

    def _number(self, value: int, field: Field) -> bytes:
        kind = field.kind
        if kind == "bool":
            return b"true" if value else b"false"
        if field.type_name == "google.protobuf.NullValue":
            return b"null"
        if kind == "enum":
            name = self.types.enum(field.type_name).get(_signed(value, 32))
            return b"%d" % value if name is None else b'"%b"' % name.encode()
        if kind in _SIGNED:
            return b"%d" % ((value >> 1) ^ -(value & 1))
        if kind[:1] == "i":
            return b"%d" % _signed(value, 64)
        return b"%d" % value


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _day_and_time(seconds: int) -> str:
    """RFC 3339, for any second of the years 1 to 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _fixed(data: bytes, start: int, wire: int) -> bytes:
    """Eight or four bytes without a type: a number with a fraction if that is one of
    usual size, else a whole one of usual size, else nothing."""
    is_long = wire == _FIXED64
    shape = "<d" if is_long else "<f"
    number: float = struct.unpack_from(shape, data, start)[0]
    if number == 0 or _LEAST_DOUBLE < abs(number) < _LARGEST_DOUBLE:
        return _told(number) if is_long else b"%.7g" % number
    whole: int = struct.unpack_from("<Q" if is_long else "<I", data, start)[0]
    return b"%d" % whole if whole < _LARGEST_DOUBLE else b""


def _told(number: float | int) -> bytes:
    if isinstance(number, int):
        return b"%d" % number
    if number != number or number in (float("inf"), float("-inf")):
        return b"null"
    return repr(number).encode()


def _escaped(text: str) -> str:
    """As it stands in a JSON string."""
    if _ESCAPED.search(text) is None:
        return text
    return _ESCAPED.sub(_escape, text)


def _escape(found: Any) -> str:
    character: str = found[0]
    return _ESCAPES.get(character, " ")
