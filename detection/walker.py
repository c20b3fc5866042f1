# cython: annotation_typing=False
"""Finds the JSON fields that hits stand in, by one walk over the raw bytes.

In come a buffer, the part of it that is one document, and the hits in it, sorted.
Out come the fields: the value (or key) that holds a hit or follows a telling key, with
its key and its place in the document (`containers.py`). What stands under a key that
only says that it is a value has the name that stands above or beside it (`names.py`).
Nothing is decoded, and only places that hold a field are made. The walk follows the
grammar of RFC 8259 where the text does and never fails where it does not: what it
cannot read is stepped over, so several documents in a row, cut ones and broken ones
give what they have. Beyond DEPTH_LIMIT containers are folded into the last one, beyond
FIELD_LIMIT fields the walk ends.
"""

from collections.abc import Callable, Sequence

import cython

from detection import fields
from detection.containers import Containers
from detection.fields import Field, Place
from detection.names import Bearer, Names

if not cython.compiled:
    from detection.memory import string_end

DEPTH_LIMIT = 128
FIELD_LIMIT = 4096

_KEY_HIT = fields.KEY_HIT
_ESCAPE_HIT = fields.ESCAPE_HIT
_FIRST_RULE = fields.FIRST_RULE
_HIT_BITS = fields.HIT_BITS
_HIT_MASK = fields.HIT_MASK
_FIELD_LIMIT = FIELD_LIMIT
_KEY_LIMIT = fields.KEY_LIMIT
_NEVER = 1 << 60
_KEY = fields.KEY
_STRING = fields.STRING
_NUMBER = fields.NUMBER
_WORD = fields.WORD
_QUOTE = 34
_COMMA = 44
_COLON = 58
_BACKSLASH = 92
_OPEN_ARRAY = 91
_CLOSE_ARRAY = 93
_OPEN_OBJECT = 123
_CLOSE_OBJECT = 125


class Walker:
    """Walks one document at a time; keeps its memory between walks."""

    def __init__(
        self,
        says: Callable[[bytes], bool],
        tells: Callable[[bytes], bool],
        lone_hits: Sequence[int] = (),
    ) -> None:
        """`says` answers whether a telling key says anything at all: a hit ends more
        keys than are telling, and values of the others need no field. `tells` answers
        whether it tells a type, as names have to. `lone_hits` are numbers of hits on
        digits, void where something joins them to what is before."""
        self.says = says
        self.names = Names(tells, DEPTH_LIMIT)
        self.lone = bytearray(_HIT_MASK + 1)
        for number in lone_hits:
            self.lone[number] = 1
        self.data: bytes = b""
        self.position = 0
        self.end = 0
        self.containers = Containers(DEPTH_LIMIT)
        self.hits: list[int] = []
        self.hit_index = 0
        self.hit_stop = 0
        self.hit_end = 0
        """Where the next hit ends, or never."""
        self.fields: list[Field] = []
        self.key_start = -1
        self.key_end = -1
        self.is_told = False
        self.answers: dict[bytes, bool] = {}

    def walk(
        self,
        data: bytes,
        start: int,
        end: int,
        hits: list[int],
        first: int,
        stop: int,
        root: Place,
    ) -> list[Field]:
        """Fields of data[start:end] for hits[first:stop] (ends absolute in data)."""
        self.data = data
        self.position = start
        self.end = end
        self.hits = hits
        self.hit_stop = stop
        self._seek(first)
        self.fields = []
        self.containers.start(root, start)
        self.names.start()
        self._forget_key()
        self._run()
        fields, self.fields = self.fields, []
        self.data, self.hits = b"", []
        return fields

    def _run(self) -> None:
        text = self.data
        position = self.position
        end = self.end
        while position < end:
            octet = text[position]
            if octet == _QUOTE:
                position = self._string(text, position + 1, end)
            elif octet <= 32 or octet in (_COMMA, _COLON):
                position += 1
            elif octet in (_OPEN_OBJECT, _OPEN_ARRAY):
                position += 1
                self._open(octet == _OPEN_ARRAY, position)
            elif octet in (_CLOSE_OBJECT, _CLOSE_ARRAY):
                position += 1
                self._close()
            else:
                position = self._bare(text, position, end)
            if self._is_done():
                return

    def _is_done(self) -> bool:
        return (
            self.hit_end == _NEVER
            and not self.is_told
            and self.containers.told == 0
            and self.names.count == 0
        ) or len(self.fields) >= _FIELD_LIMIT

    def _seek(self, index: int) -> None:
        """Goes to a hit."""
        self.hit_index = index
        is_left = index < self.hit_stop
        self.hit_end = self.hits[index] >> _HIT_BITS if is_left else _NEVER

    def _string(self, text: bytes, start: int, end: int) -> int:
        close = string_end(text, start, end)
        is_cut = close >= end
        position = close + 1
        while position < end and text[position] <= 32 and text[position] > 0:
            position += 1
        if not is_cut and position < end and text[position] == _COLON:
            self._take_key(start, close, position + 1)
            return position + 1
        self._take_value(_STRING, start, close, close + 1, is_cut)
        return close + 1

    def _bare(self, text: bytes, start: int, end: int) -> int:
        octet = text[start]
        is_number = octet == 45 or 48 <= octet <= 57
        position = start + 1
        while position < end:
            octet = text[position]
            if octet <= 32 or octet in (_COMMA, _QUOTE, _COLON):
                break
            if octet in (_CLOSE_OBJECT, _CLOSE_ARRAY):
                break
            position += 1
        is_cut = position >= end
        self._take_value(
            _NUMBER if is_number else _WORD, start, position, position, is_cut
        )
        return position

    def _open(self, is_array: bool, position: int) -> None:
        if self.containers.open(
            is_array, self.key_start, self.key_end, self.is_told, position
        ):
            self.names.open(self.containers.depth)
        self._forget_key()

    def _close(self) -> None:
        self._forget_key()
        depth = self.containers.depth
        if self.containers.close():
            self.names.close(depth)

    def _take_key(self, start: int, close: int, after: int) -> None:
        self.is_told = False
        self.key_start = start
        self.key_end = close
        field = None
        while self.hit_end <= after:
            end = self.hit_end
            number = self.hits[self.hit_index] & _HIT_MASK
            self._seek(self.hit_index + 1)
            if number == _KEY_HIT:
                self.is_told = self.is_told or end > close
            elif number < _FIRST_RULE and number != _ESCAPE_HIT:
                continue
            elif start < end <= close + 1:
                if field is None:
                    field = self._add(_KEY, start, close, None, False, False)
                field.rules.append(number)

    def _take_value(
        self, kind: int, start: int, close: int, after: int, is_cut: bool
    ) -> None:
        is_told = self.is_told or self.containers.inside.is_told
        is_bearer = self.key_start >= 0 and self.names.is_bearer(
            self.data, self.key_start, self.key_end
        )
        is_named = is_bearer and self.names.is_named(self.containers.depth)
        if not is_told and not is_named and self.hit_end > after:
            if is_bearer:
                self._bear(None, kind, start, close, is_cut)
            self._forget_key()
            return
        key = None
        if self.key_start >= 0:
            key = self.data[self.key_start : self.key_end]
            is_told = is_named or (is_told and (is_bearer or self._says(key)))
        field = None
        if is_told:
            field = self._add(kind, start, close, key, True, is_cut)
        is_name = False
        while self.hit_end <= after:
            end = self.hit_end
            number = self.hits[self.hit_index] & _HIT_MASK
            self._seek(self.hit_index + 1)
            if number == _KEY_HIT:
                is_name = is_name or end == close + 1
            elif self.lone[number] and self._is_joined(self.data, start, end):
                continue
            elif end > start:
                if field is None:
                    field = self._add(kind, start, close, key, False, is_cut)
                field.rules.append(number)
        if is_bearer:
            self._bear(field, kind, start, close, is_cut)
        elif is_name and kind == _STRING and self.key_start >= 0:
            self._name(start, close)
        self._forget_key()

    def _bear(
        self, field: Field | None, kind: int, start: int, close: int, is_cut: bool
    ) -> None:
        """Names a bearer's field, or lets it wait for a name."""
        depth = self.containers.depth
        is_told = self.containers.inside.is_told
        above = self.containers.key(self.data) if is_told else None
        name = self.names.name(depth, above)
        if field is not None:
            field.name = name
        if name is None:
            bearer = Bearer(
                field, self.key_start, self.key_end, kind, start, close, is_cut
            )
            self.names.wait(depth, bearer)

    def _name(self, start: int, close: int) -> None:
        """Takes the name for the open object, and for the bearer that waits in it."""
        key = self.data[self.key_start : self.key_end]
        name = self.data[start:close]
        bearer = self.names.take(self.containers.depth, key, name)
        if bearer is None:
            return
        field = bearer.field
        if field is None:
            key = self.data[bearer.key_start : bearer.key_end]
            field = bearer.field = self._add(
                bearer.kind, bearer.start, bearer.close, key, True, bearer.is_cut
            )
        field.name = name

    def _is_joined(self, text: bytes, start: int, end: int) -> bool:
        """Whether a letter, digit or one of `_.+/-` stands before the digits that end
        there; the letter of an escaped line break is none."""
        position = end - 1
        while position >= start and 48 <= text[position] <= 57:
            position -= 1
        if position < start:
            return False
        octet = text[position]
        if octet in (95, 46, 43, 47, 45):
            return True
        is_letter = 65 <= octet <= 90 or 97 <= octet <= 122
        return is_letter and (position == start or text[position - 1] != _BACKSLASH)

    def _says(self, key: bytes) -> bool:
        if len(key) > _KEY_LIMIT:
            return False
        answer = self.answers.get(key)
        if answer is None:
            answer = self.answers[key] = self.says(key)
        return answer

    def made(self) -> int:
        """Places and answers kept so far."""
        return self.containers.made + len(self.answers)

    def forget(self) -> None:
        """Forgets the answers; the places are forgotten with their root."""
        self.answers = {}
        self.containers.made = 0

    def _add(
        self,
        kind: int,
        start: int,
        close: int,
        key: bytes | None,
        is_told: bool,
        is_cut: bool,
    ) -> Field:
        if key is None and kind != _KEY:
            key = self.containers.element_key(self.data)
        container = self.containers.nearest_object()
        field = Field(
            self.containers.place(self.data),
            key,
            kind,
            start,
            close,
            is_told,
            is_cut,
            container.serial,
            container.opened,
        )
        self.fields.append(field)
        return field

    def _forget_key(self) -> None:
        self.key_start = -1
        self.key_end = -1
        self.is_told = False
