# cython: annotation_typing=False
"""Finds the JSON fields that hits stand in, by one walk over the raw bytes.

In come a buffer, the part of it that is one document, and the hits in it, sorted.
Out come the fields: the value (or key) that holds a hit or follows a telling key, with
its key and its place in the document (`containers.py`). What stands under a key that
only says that it is a value has the name that stands above or beside it (`names.py`).
Nothing is decoded, and only places that hold a field are made. The walk follows the
grammar of RFC 8259 where the text does and never fails where it does not: what it
cannot read is stepped over, so several documents in a row, cut ones and broken ones
give what they have. Where a table's columns are named after its rows the document is
walked once more, knowing them. Beyond DEPTH_LIMIT containers are folded into the last
one, beyond FIELD_LIMIT fields the walk ends.
"""

from collections.abc import Callable, Sequence

import cython

from detection import fields
from detection.containers import Container, Containers
from detection.fields import Field, Place
from detection.names import COLUMNS, ROWS, Bearer, Names

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
_TYPE_KEY = b"resourceType"
_REFERENCE_KEY = b"reference"
_RESOURCE = fields.RESOURCE.encode()
_COLUMNS = COLUMNS
_ROWS = ROWS
_OPERATORS = frozenset(b"= == === => : eq is equals like in".split())
"""Lower case; they may part a name from its value in an array of both."""
_NAME_DEPTH = 3
"""Containers from a name to the one whose key says that it is one."""
_ROW_DEPTH = 3
"""Containers from the array that a row is to the table: the rows, and what holds one.
"""


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
        self.is_name = False
        """Whether the last value may name what stands beside it."""
        self.answers: dict[bytes, bool] = {}
        self.late: dict[int, dict[int, bytes]] = {}
        """Columns that were named after their rows, by the serial of their table."""
        self.foretold: dict[int, dict[int, bytes]] = {}
        """Those of the walk before."""
        self.late_types: dict[int, tuple[int, int]] = {}
        """Where types of resources stand that were told after members, by the serial of
        their object."""
        self.foretold_types: dict[int, tuple[int, int]] = {}
        """Those of the walk before."""
        self.pair = b""
        """The element of the open array before this one, if it may name it: names and
        values may take turns (`rawHeaders`)."""

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
        self.end = end
        self.hits = hits
        self.hit_stop = stop
        self._start(start, first, root)
        self._run()
        if self.late or self.late_types:
            self.foretold, self.late = self.late, {}
            self.foretold_types, self.late_types = self.late_types, {}
            self._start(start, first, root)
            self._run()
            self.foretold, self.foretold_types = {}, {}
            self.late, self.late_types = {}, {}
        fields, self.fields = self.fields, []
        self.data, self.hits = b"", []
        return fields

    def _start(self, start: int, first: int, root: Place) -> None:
        self.position = start
        self._seek(first)
        self.fields = []
        self.containers.start(root, start)
        self.names.start()
        self.pair = b""
        self._forget_key()

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
                continue
            elif octet in (_OPEN_OBJECT, _OPEN_ARRAY):
                position += 1
                self._open(octet == _OPEN_ARRAY, position)
            elif octet in (_CLOSE_OBJECT, _CLOSE_ARRAY):
                position += 1
                self._close()
            else:
                position = self._bare(text, position, end)
            if self.hit_end == _NEVER and self._is_done():
                return
            if len(self.fields) >= _FIELD_LIMIT:
                return

    def _is_done(self) -> bool:
        """Whether nothing needs a field after the last hit."""
        return (
            not self.is_told
            and self.containers.told == 0
            and self.containers.typed == 0
            and self.names.count == 0
            and self.names.tables == 0
            and not self.pair
        )

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
        # An expression may look at the sign behind, as at a string's quote.
        kind = _NUMBER if is_number else _WORD
        self._take_value(kind, start, position, position + 1, is_cut)
        return position

    def _open(self, is_array: bool, position: int) -> None:
        outer = self.containers.inside
        if self.key_start < 0:
            is_bearer = outer.is_bearer
        else:
            is_bearer = self.names.is_bearer(self.data, self.key_start, self.key_end)
        is_told = self.is_told
        if is_bearer or (is_array and self.key_start >= 0):
            is_told = is_told or outer.is_told
        self.pair = b""
        if self.containers.open(
            is_array, self.key_start, self.key_end, is_told, position
        ):
            depth, inside = self.containers.depth, self.containers.inside
            self.names.open(depth, is_bearer)
            inside.is_bearer = is_array and is_bearer
            if is_array and self.key_start >= 0:
                inside.table = self.names.part(self.data, self.key_start, self.key_end)
                if inside.table == _ROWS:
                    self._open_rows(depth)
            if self.foretold and inside.serial in self.foretold:
                self.names.foretell(depth, self.foretold[inside.serial])
            if self.foretold_types and inside.serial in self.foretold_types:
                begin, close = self.foretold_types[inside.serial]
                self.containers.type(begin, close)
        self._forget_key()

    def _close(self) -> None:
        self._forget_key()
        self.pair = b""
        depth = self.containers.depth
        if self.containers.close():
            self.names.close(depth)
            if self.names.tables:
                self._keep_late(depth - 1, self.containers.inside)

    def _open_rows(self, depth: int) -> None:
        """Notes that no columns are known where the rows' table may be."""
        container = self.containers.inside
        for above in range(depth - 1, max(depth - _ROW_DEPTH, 0), -1):
            container = container.outer
            if self.names.columns(above) is None:
                container.is_unnamed = True

    def _keep_late(self, depth: int, table: Container) -> None:
        columns = self.names.columns(depth) if table.is_unnamed else None
        if columns is not None:
            self.late[table.serial] = columns

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
        text = self.data
        inside = self.containers.inside
        is_told = self.is_told or inside.is_told or self._is_coded()
        if self.key_start >= 0:
            is_bearer = self._is_bearer()
        else:
            is_bearer = inside.is_bearer
            inside.elements += 1
        is_named = is_bearer and self.names.is_named(self.containers.depth)
        column = None
        if self.pair or self.names.tables:
            column = self._position_name(start, close, is_bearer)
        is_named = is_named or column is not None
        if not is_told and not is_named and self.hit_end > after:
            if is_bearer and self.key_start >= 0:
                self._bear(None, kind, start, close, is_cut)
            self._forget_key()
            return
        key = None
        if self.key_start >= 0:
            key = text[self.key_start : self.key_end]
            self._take_type(kind, start, close, key)
            is_told = is_named or (is_told and (is_bearer or self._says(key)))
        is_told = is_told or column is not None or (is_named and key is None)
        field = None
        if is_told:
            field = self._add(kind, start, close, key, True, is_cut)
        field = self._take_hits(field, kind, start, close, after, is_cut, key)
        if field is not None and column is not None:
            field.name = column
        elif is_bearer:
            self._bear(field, kind, start, close, is_cut)
        if self.is_name and kind == _STRING:
            self._add_column(start, close)
            if self.key_start < 0:
                self._head(start, close)
            else:
                if not is_bearer or field is None or field.name is None:
                    self._name(text[start:close])
                self._name_around(start, close)
        self._forget_key()

    def _is_bearer(self) -> bool:
        """Whether the key only says that a value follows, or the code of a system."""
        if self.names.is_bearer(self.data, self.key_start, self.key_end):
            return True
        if not self.names.count or self.containers.typed:
            return False
        key = self.data[self.key_start : self.key_end]
        return self.names.is_code(self.containers.depth, key)

    def _take_hits(
        self,
        field: Field | None,
        kind: int,
        start: int,
        close: int,
        after: int,
        is_cut: bool,
        key: bytes | None,
    ) -> Field | None:
        """The value's field, made if there is none and it has hits of rules; those of
        the last two are not kept again: a long text has thousands of them."""
        self.is_name = False
        last = previous = -1
        while self.hit_end <= after:
            end = self.hit_end
            number = self.hits[self.hit_index] & _HIT_MASK
            self._seek(self.hit_index + 1)
            if number == _KEY_HIT:
                self.is_name = self.is_name or end == close + 1
            elif self.lone[number] and self._is_joined(self.data, start, end):
                continue
            elif end > start:
                if field is None:
                    field = self._add(kind, start, close, key, False, is_cut)
                if number not in (last, previous):
                    field.rules.append(number)
                previous, last = last, number
        return field

    def _bear(
        self, field: Field | None, kind: int, start: int, close: int, is_cut: bool
    ) -> None:
        """Names a bearer's field, or lets it wait for a name."""
        depth = self.containers.depth
        above = None
        if self.containers.inside.is_told and not (
            self.key_start >= 0
            and self.names.is_changed(self.data[self.key_start : self.key_end])
        ):
            above = self._name_above()
        name = self.names.name(depth, above)
        if field is not None:
            field.name = name
        if name is None and self.key_start >= 0:
            bearer = Bearer(
                field, self.key_start, self.key_end, kind, start, close, is_cut
            )
            self.names.wait(depth, bearer)

    def _name_above(self) -> bytes | None:
        """The key above that is no bearer itself."""
        container = self.containers.inside
        while container.outer is not container:
            start = container.key_start
            if start >= 0 and not self.names.is_bearer(
                self.data, start, container.key_end
            ):
                return container.key(self.data)
            container = container.outer
        return None

    def _take_type(self, kind: int, start: int, close: int, key: bytes) -> None:
        """Takes the type of the open object, or of what it refers to, if this member
        says it."""
        if self.containers.typed and key == _REFERENCE_KEY:
            self._refer(start, close)
        if not self.is_told or kind != _STRING or key != _TYPE_KEY:
            return
        inside = self.containers.inside
        self.containers.type(start, close)
        if self.data[inside.opened : self.key_start].strip() != b'"':
            self.late_types[inside.serial] = (start, close)

    def _is_coded(self) -> bool:
        """Whether it is a member of a resource, which its type may tell; a code and its
        words are, the name of what is referred to is not."""
        if not self.containers.typed or self.key_start < 0:
            return False
        text = self.data
        key = text[self.key_start : self.key_end]
        if key in (b"code", b"display"):
            return self.containers.key(self.data) == b"coding"
        return True

    def _refer(self, start: int, close: int) -> None:
        """What is referred to (`"reference": "Patient/1"`) names what is beside it, by
        its type."""
        end = self.data.rfind(b"/", start, close)
        if end > start:
            begin = max(self.data.rfind(b"/", start, end) + 1, start)
            self._name(_RESOURCE + self.data[begin:end])

    def _name(self, name: bytes) -> None:
        """Takes the name for the open object, and for the bearer that waits in it."""
        text = self.data
        key = text[self.key_start : self.key_end]
        bearer = self.names.take(self.containers.depth, key, name)
        if bearer is None or bearer.key_start == self.key_start:
            return
        field = bearer.field
        if field is None:
            key = text[bearer.key_start : bearer.key_end]
            field = bearer.field = self._add(
                bearer.kind, bearer.start, bearer.close, key, True, bearer.is_cut
            )
        field.name = name

    def _name_around(self, start: int, close: int) -> None:
        """A name in an object is that of the object around it, if the key says so; so
        is one in objects and arrays under keys that say nothing."""
        text = self.data
        container = self.containers.inside
        depth = self.containers.depth
        if container.is_array:
            return
        for _ in range(_NAME_DEPTH):
            if container.outer is container:
                return
            depth -= 1
            key = container.key(self.data)
            if key is not None and not self.names.is_bearer(key, 0, len(key)):
                name = text[start:close]
                bearer = self.names.take(depth, key, name)
                if bearer is not None and bearer.field is not None:
                    bearer.field.name = name
                return
            container = container.outer

    def _head(self, start: int, close: int) -> None:
        """The name may be of the next element, or of a column below, in an array of
        rows whose first holds the names of the columns."""
        text = self.data
        row = self.containers.inside
        name = text[start:close]
        if not row.is_array or not self._says(name):
            return
        if row.elements & 1:
            self.pair = name
        outer = row.outer
        if outer.is_array and outer.elements == 1:
            outer.is_headed = True
            depth = self.containers.depth - 1
            self.names.add_heading(depth, row.elements - 1, name)

    def _add_column(self, start: int, close: int) -> None:
        """The name is of a column if it stands in the array of them, or in an object
        there."""
        depth = self.containers.depth
        array = self.containers.inside
        if self.key_start >= 0:
            array = array.outer
            depth -= 1
        if array.table != _COLUMNS or depth <= 0:
            return
        key = self.data[self.key_start : self.key_end]
        if self.key_start >= 0 and not self.names.is_column(key):
            return
        name = self.data[start:close]
        if self._says(name):
            self.names.add_column(depth - 1, array.elements - 1, name)
            self._keep_late(depth - 1, array.outer)

    def _position_name(self, start: int, close: int, is_bearer: bool) -> bytes | None:
        """The name that the value has by where it stands: the second of a pair, or in a
        column."""
        pair = self.pair
        self.pair = b""
        if pair and self.key_start < 0:
            if self.data[start:close].lower() in _OPERATORS:
                self.pair = pair
            elif _holds_digit(self.data, start, close):
                return pair
        if self.names.tables and (self.key_start < 0 or is_bearer):
            return self._column(start, close)
        return None

    def _column(self, start: int, close: int) -> bytes | None:
        """The name of the column that the value stands in: its position is that in the
        row, which is the nearest array. Names in a first row are believed where a digit
        follows: other rows may be words too."""
        depth = self.containers.depth
        row = self.containers.inside
        if not row.is_array:
            row = row.outer
            depth -= 1
        if not row.is_array:
            return None
        is_in_rows = False
        container = row
        for _ in range(_ROW_DEPTH):
            container = container.outer
            depth -= 1
            if depth < 0:
                return None
            columns = self.names.columns(depth)
            if columns is not None:
                is_in_rows = is_in_rows or (
                    container.is_headed and _holds_digit(self.data, start, close)
                )
                return columns.get(row.elements - 1) if is_in_rows else None
            is_in_rows = is_in_rows or container.table == _ROWS
        return None

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


def _holds_digit(text: bytes, start: int, end: int) -> bool:
    position = start
    while position < end and not 48 <= text[position] <= 57:
        position += 1
    return position < end
