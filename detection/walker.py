# cython: annotation_typing=False
"""Finds the JSON fields that hits stand in, by one walk over the raw bytes.

In come a buffer, the part of it that is one document, and the hits in it, sorted.
Out come the fields: the value (or key) that holds a hit or follows a telling key, with
its key and its place in the document. What stands under a key that only says that it is
a value has the name that stands above it (`"phone": {"value": …}`) or beside it
(`"name": "phone", "value": …`). Nothing is decoded, and only places that hold a field
are made. The walk follows the grammar of RFC 8259 where the text does and never fails
where it does not: what it cannot read is stepped over, so several documents in a row,
cut ones and broken ones give what they have. Beyond DEPTH_LIMIT containers are folded
into the last one, beyond FIELD_LIMIT fields the walk ends.
"""

from collections.abc import Callable, Sequence

import cython

from detection import fields
from detection.fields import Field, Place

if not cython.compiled:
    from detection.memory import string_end

DEPTH_LIMIT = 128
FIELD_LIMIT = 4096

_KEY_HIT = fields.KEY_HIT
_ESCAPE_HIT = fields.ESCAPE_HIT
_FIRST_RULE = fields.FIRST_RULE
_HIT_BITS = fields.HIT_BITS
_HIT_MASK = fields.HIT_MASK
_DEPTH_LIMIT = DEPTH_LIMIT
_FIELD_LIMIT = FIELD_LIMIT
_KEY_LIMIT = fields.KEY_LIMIT
_NEVER = 1 << 60
_KEY = fields.KEY
_STRING = fields.STRING
_NUMBER = fields.NUMBER
_WORD = fields.WORD

NAMING_KEYS = frozenset(
    b"""
    attribute attributename attribute_name code field fieldname field_name header id key
    kind label name param parameter property propertyname question system title type
""".split()
)
"""Lower case; their values may name what stands beside them."""
BEARERS = frozenset(
    b"""
    value Value val text answer raw string number formatted plain _value $value #text
    stringValue string_value valueString numberValue S N
""".split()
)
"""Keys of what another key, or the value of a naming key, is the name of."""
_BEARER_SIZE = max(map(len, BEARERS))
_BEARER_STARTS = bytes(
    any(len(key) == size and key[0] == octet for key in BEARERS)
    for size in range(_BEARER_SIZE + 1)
    for octet in range(256)
)
"""Whether a bearer of this size, in 256s, begins with this octet."""
_QUOTE = 34
_COMMA = 44
_COLON = 58
_BACKSLASH = 92
_OPEN_ARRAY = 91
_CLOSE_ARRAY = 93
_OPEN_OBJECT = 123
_CLOSE_OBJECT = 125


class Bearer:
    """A member that waits for a name: its field if it has hits, else all to make it."""

    def __init__(
        self,
        field: Field | None,
        key_start: int,
        key_end: int,
        kind: int,
        start: int,
        close: int,
        is_cut: bool,
    ) -> None:
        self.field = field
        self.key_start = key_start
        self.key_end = key_end
        self.kind = kind
        self.start = start
        self.close = close
        self.is_cut = is_cut


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
        self.tells = tells
        self.lone = bytearray(_HIT_MASK + 1)
        for number in lone_hits:
            self.lone[number] = 1
        self.data: bytes = b""
        self.position = 0
        self.end = 0
        self.depth = 0
        self.excess = 0
        self.hits: list[int] = []
        self.hit_index = 0
        self.hit_stop = 0
        self.hit_end = 0
        """Where the next hit ends, or never."""
        self.fields: list[Field] = []
        self.key_start = -1
        self.key_end = -1
        self.is_told = False
        self.places: list[Place | None] = [None] * (_DEPTH_LIMIT + 1)
        self.keys: list[tuple[int, int] | None] = [None] * (_DEPTH_LIMIT + 1)
        self.arrays = bytearray(_DEPTH_LIMIT + 1)
        self.told = bytearray(_DEPTH_LIMIT + 1)
        self.told_depth = 0
        self.serial = 0
        self.serials: list[int] = [0] * (_DEPTH_LIMIT + 1)
        self.opened: list[int] = [0] * (_DEPTH_LIMIT + 1)
        self.names: list[bytes | None] = [None] * (_DEPTH_LIMIT + 1)
        """What a naming key of the open object has."""
        self.named = 0
        """Open objects with such a name."""
        self.bearers: list[Bearer | None] = [None] * (_DEPTH_LIMIT + 1)
        """The member of the open object that waits for a name."""
        self.made = 0
        """Places and answers kept so far."""
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
        self.depth = 0
        self.excess = 0
        self.told_depth = 0
        self.arrays[0] = 0
        self.told[0] = 0
        self.names[0] = None
        self.bearers[0] = None
        self.named = 0
        self.serial = 0
        self.opened[0] = start
        self.places[0] = root
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
            and self.told_depth == 0
            and self.named == 0
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
        if self.depth >= _DEPTH_LIMIT:
            self.excess += 1
            self._forget_key()
            return
        outer = self.depth
        self.depth += 1
        depth = self.depth
        self.places[depth] = None
        self.serial += 1
        self.serials[depth] = self.serial
        self.opened[depth] = position
        self.names[depth] = None
        self.bearers[depth] = None
        self.arrays[depth] = is_array
        self.told[depth] = 0
        if self.key_start < 0:
            self.told[depth] = self.arrays[outer] and self.told[outer]
            self.keys[depth] = None
        else:
            self.keys[depth] = (self.key_start, self.key_end)
            self.told[depth] = self.is_told
        if self.told[depth]:
            self.told_depth += 1
        self._forget_key()

    def _close(self) -> None:
        self._forget_key()
        if self.excess:
            self.excess -= 1
        elif self.depth:
            if self.told[self.depth]:
                self.told_depth -= 1
            if self.names[self.depth] is not None:
                self.named -= 1
            self.depth -= 1

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
        is_told = self.is_told or self.told[self.depth] != 0
        is_bearer = self.key_start >= 0 and self._is_bearer(self.data)
        is_named = is_bearer and self.names[self.depth] is not None
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

    def _is_bearer(self, text: bytes) -> bool:
        """Whether the key only says that a value follows."""
        size = self.key_end - self.key_start
        if size > _BEARER_SIZE or not size:
            return False
        if not _BEARER_STARTS[(size << 8) + text[self.key_start]]:
            return False
        return self.data[self.key_start : self.key_end] in BEARERS

    def _bear(
        self, field: Field | None, kind: int, start: int, close: int, is_cut: bool
    ) -> None:
        """Names a bearer's field, or lets it wait for a name."""
        name = self.names[self.depth]
        if name is None and self.told[self.depth]:
            above = self._container_key()
            name = above if above is not None and self._tells(above) else None
        if field is not None:
            field.name = name
        if name is None:
            self.bearers[self.depth] = Bearer(
                field, self.key_start, self.key_end, kind, start, close, is_cut
            )

    def _name(self, start: int, close: int) -> None:
        """Takes the name for the open object if it says anything."""
        key = self.data[self.key_start : self.key_end].lower()
        name = self.data[start:close]
        if key not in NAMING_KEYS or not self._tells(name):
            return
        if self.names[self.depth] is None:
            self.named += 1
        self.names[self.depth] = name
        bearer = self.bearers[self.depth]
        if bearer is None:
            return
        field = bearer.field
        if field is None:
            key = self.data[bearer.key_start : bearer.key_end]
            field = self._add(
                bearer.kind, bearer.start, bearer.close, key, True, bearer.is_cut
            )
        field.name = name

    def _container_key(self) -> bytes | None:
        """The key of the open object, or of the arrays that it stands in."""
        depth = self.depth
        while depth > 1 and self.keys[depth] is None and self.arrays[depth - 1]:
            depth -= 1
        return self._named(self.keys[depth])

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
            self.made += 1
        return answer

    def _tells(self, name: bytes) -> bool:
        return len(name) <= _KEY_LIMIT and self.tells(name)

    def forget(self) -> None:
        """Forgets the answers; the places are forgotten with their root."""
        self.answers = {}
        self.made = 0

    def _add(
        self,
        kind: int,
        start: int,
        close: int,
        key: bytes | None,
        is_told: bool,
        is_cut: bool,
    ) -> Field:
        depth = self.depth
        if key is None and kind != _KEY:
            while depth > 0 and self.arrays[depth] and self.keys[depth] is None:
                depth -= 1
            if depth > 0 and self.arrays[depth]:
                key = self._named(self.keys[depth])
        depth = self.depth
        while depth > 0 and self.arrays[depth]:
            depth -= 1
        place = self._place(self.depth)
        field = Field(
            place,
            key,
            kind,
            start,
            close,
            is_told,
            is_cut,
            self.serials[depth],
            self.opened[depth],
        )
        self.fields.append(field)
        return field

    def _place(self, depth: int) -> Place:
        place = self.places[depth]
        if place is None:
            parent = self._place(depth - 1)
            key = self._named(self.keys[depth])
            inner = parent.arrays if self.arrays[depth] else parent.objects
            place = inner.get(key)
            if place is None:
                place = Place(parent, key, self.arrays[depth] != 0)
                self.made += 1
                if key is None or len(key) <= _KEY_LIMIT:
                    inner[key] = place
            self.places[depth] = place
        return place

    def _named(self, span: tuple[int, int] | None) -> bytes | None:
        if span is None:
            return None
        return self.data[span[0] : span[1]]

    def _forget_key(self) -> None:
        self.key_start = -1
        self.key_end = -1
        self.is_told = False
