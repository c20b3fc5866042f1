# cython: annotation_typing=False
"""Names that stand apart from their values, in the containers that are open.

In come members whose key only says that it is a value (bearers), and members that may
name what stands beside them. Out goes the name of a bearer: what stands above it
(`"phone": {"value": …}`) or beside it (`"name": "phone", "value": …`, in either order).
A container under a bearer's key has the name that stands beside that key
(`"key": "phone", "value": {"stringValue": …}`), and so have an array's elements there.
A name may stand in an object (`"name": {"value": "phone"}`, `"type": {"coding":
[{"display": "phone"}]}`). The columns of a table name the values of its rows by their
positions (`"columns": ["phone"], "rows": [[…]]`); those that come after their rows are
told beforehand when the document is walked again. So do the first elements of rows
those below, and the first of a pair the second, or what an operator parts from it,
where a digit is in the value. A system of codes names its codes. What tells no type is
no name. Fields are the walker's: a bearer that waits for its name keeps what it takes
to make one.
"""

from collections.abc import Callable

from detection import fields
from detection.fields import Field

_KEY_LIMIT = fields.KEY_LIMIT

NAMING_KEYS = frozenset(
    b"""
    attr attribute claimtype code column entity field fieldid field_id header id
    identifier k kind label linkid param parameter path predicate property
    propertyid question ref reference system tag title type typ variable q fieldtype
    field_type inputtype documenttype document_type doctype doc_type idtype id_type
    identificationtype identification_type identitytype contacttype contact_type
    infotype info_type entitytype entity_type attributetype text
""".split()
)
"""Lower case; their values may name what stands beside them, and so may those of keys
that end with `name` or `key`."""
_NAMING_ENDS = (b"name", b"key", b"namecode", b"system")
_SYSTEMS = (b"system", b"systemname")
_CODES = (b"code", b"@code", b"_code")
_NAMING_SIZE = 24
"""Bytes of a naming key."""
_DEFINITION = b"/StructureDefinition/"
"""In the `url` of an extension of FHIR (R4, 2.4), which names its value."""
_CHANGED = frozenset(
    b"""
    to from after before toString fromString vStr prediction mentionText object
    data
    ValueDetection
""".split()
)
"""Bearers that only a name beside them names."""
BEARERS = _CHANGED.union(
    b"""
    value Value values val v text Text answer raw string number formatted plain
    $value #text _text __text $ $t _ @value content Content cdata _cdata __cdata S N
    @code amount Amount identification Identification magnitude display coding extension
    elements children $date $numberLong $numberInt $numberDecimal seconds _seconds
    betrag wert montant valeur importe valor importo valore bedrag waarde belopp kwota
    iso cents money units old new versions #cdata-section _content_ extracted query
    equals eq response $eq $ne $in $nin $gt $gte $lt $lte _eq _in documentNumber
    document_number docNumber doc_number docNo doc_no idNumber id_number
    identificationNumber identification_number documentId document_id
""".split()
)
"""Keys of what another key, or the value of a naming key, is the name of; so are all
short ones that end with `value`, and those that FHIR makes of it (`valueString`)."""
_COLUMNS = 1
_ROWS = 2
COLUMNS = _COLUMNS
"""Arrays of the names of columns, or of objects that hold them."""
ROWS = _ROWS
"""Arrays of rows, which are arrays of values or hold one."""
TABLE_PARTS = {
    **dict.fromkeys(
        b"""
        columns cols fields header headers columnnames column_names columninfo
        columnmetadata rowtype schema meta metadata keys names
""".split(),
        COLUMNS,
    ),
    **dict.fromkeys(
        b"rows data values records rowset resultset items results tuples points body"
        b"".split(),
        ROWS,
    ),
}
"""By the key of the array, in lower case."""
COLUMN_KEYS = frozenset(b"column field header id key label title text".split())
"""Lower case; one of them, or what ends with `name`, names the column that an object
describes."""
_PART_SIZE = max(map(len, TABLE_PARTS))
_ENDING_SIZE = 16
"""Bytes of a key that is a bearer by its end."""
_BEARER_SIZE = max(map(len, BEARERS))
_BEARER_STARTS = bytes(
    any(len(key) == size and key[0] == octet for key in BEARERS)
    for size in range(_BEARER_SIZE + 1)
    for octet in range(256)
)
"""Whether a bearer of this size, in 256s, begins with this octet."""


COLUMNS_LIMIT = 1024
"""Columns of a table that are named."""


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


class Names:
    """Names and bearers of the open containers, by depth."""

    def __init__(self, tells: Callable[[bytes], bool], depth_limit: int) -> None:
        """`tells` answers whether a name tells a type."""
        self._tells = tells
        self._names: list[bytes | None] = [None] * (depth_limit + 1)
        """What a naming key of the container has."""
        self._bearers: list[Bearer | None] = [None] * (depth_limit + 1)
        """The member of the container that waits for a name."""
        self._columns: list[dict[int, bytes] | None] = [None] * (depth_limit + 1)
        """Names of columns by their positions, of the table that the container is."""
        self._is_lent = bytearray(depth_limit + 1)
        """Whether the columns are those of a container within."""
        self.tables = 0
        """Open containers with columns."""
        self._is_system = bytearray(depth_limit + 1)
        """Whether that name is one of a system of codes."""
        self.count = 0
        """Open containers with a name."""

    def start(self) -> None:
        """Only the root is open."""
        self.count = 0
        self.tables = 0
        self.open(0)

    def open(self, depth: int, is_lent: bool = False) -> None:
        """If lent, with the name of the bearers around."""
        name = self._names[depth - 1] if is_lent else None
        self._names[depth] = name
        self._bearers[depth] = None
        self._columns[depth] = None
        if name is not None:
            self._is_system[depth] = 0
            self.count += 1

    def close(self, depth: int) -> None:
        """The columns of what closes, as `schema`, are those of what is around it."""
        if self._names[depth] is not None:
            self.count -= 1
        columns = self._columns[depth]
        if columns is None:
            return
        if self._is_lent[depth] or self._columns[depth - 1] is not None:
            self.tables -= 1
        else:
            self._columns[depth - 1] = columns
            self._is_lent[depth - 1] = 1

    def part(self, text: bytes, start: int, end: int) -> int:
        """The part of a table that an array under that key is; 0: none."""
        if end - start > _PART_SIZE:
            return 0
        return TABLE_PARTS.get(text[start:end].lower(), 0)

    def add_column(self, depth: int, position: int, name: bytes) -> None:
        """A column of the container is named, unless it is already."""
        if len(name) > _KEY_LIMIT or position >= COLUMNS_LIMIT:
            return
        columns = self._columns[depth]
        if columns is None:
            columns = self._columns[depth] = {}
            self._is_lent[depth] = 0
            self.tables += 1
        columns.setdefault(position, name)

    def add_heading(self, depth: int, position: int, name: bytes) -> None:
        """The same of a table without a name, which is an array whose first row holds
        the names."""
        self.add_column(depth, position, name)
        self._is_lent[depth] = 1

    def foretell(self, depth: int, columns: dict[int, bytes]) -> None:
        """The container's columns, known from an earlier walk."""
        self._columns[depth] = columns
        self._is_lent[depth] = 0
        self.tables += 1

    def columns(self, depth: int) -> dict[int, bytes] | None:
        """Those of the container, if it is a table."""
        return self._columns[depth]

    def is_bearer(self, text: bytes, start: int, end: int) -> bool:
        """Whether the key text[start:end] only says that a value follows."""
        size = end - start
        if 5 < size <= _ENDING_SIZE and text[end - 1] == 101 and text[end - 2] == 117:
            return text[end - 5] | 32 == 118 and text[end - 4 : end] == b"alue"
        if size > 5 and text[start] == 118 and 65 <= text[start + 5] <= 90:
            return text[start : start + 5] == b"value"
        if size > _BEARER_SIZE or not size:
            return False
        if not _BEARER_STARTS[(size << 8) + text[start]]:
            return False
        return text[start:end] in BEARERS

    def is_code(self, depth: int, key: bytes) -> bool:
        """Whether it is a code whose system the container names (`"system":
        "http://loinc.org", "code": …`); beside other names a code is an error's."""
        return (
            self._names[depth] is not None
            and self._is_system[depth] == 1
            and key in _CODES
        )

    def is_named(self, depth: int) -> bool:
        """Whether a naming key of the container had a name."""
        return self._names[depth] is not None

    def is_column(self, key: bytes) -> bool:
        """Whether a key's value names the column that its object describes."""
        key = key.lower()
        return key in COLUMN_KEYS or key.endswith(b"name")

    def is_changed(self, key: bytes) -> bool:
        """Whether a bearer's key tells what became of a value: the key above is the
        change's then."""
        return key in _CHANGED

    def name(self, depth: int, above: bytes | None) -> bytes | None:
        """The name of the container's bearers: beside them, else in the key above."""
        name = self._names[depth]
        if name is None and above is not None and self._is_name(above):
            return above
        return name

    def wait(self, depth: int, bearer: Bearer) -> None:
        self._bearers[depth] = bearer

    def take(self, depth: int, key: bytes, name: bytes) -> Bearer | None:
        """Takes the name for the container if key and name say anything; gives the
        bearer that waited for it."""
        if not _is_naming(key, name) or not self._is_name(name):
            return None
        if self._names[depth] is None:
            self.count += 1
        self._names[depth] = name
        self._is_system[depth] = key.lower().endswith(_SYSTEMS)
        return self._bearers[depth]

    def _is_name(self, name: bytes) -> bool:
        return len(name) <= _KEY_LIMIT and self._tells(name)


def _is_naming(key: bytes, name: bytes) -> bool:
    if len(key) > _NAMING_SIZE:
        return False
    key = key.lower()
    if key in NAMING_KEYS or key.endswith(_NAMING_ENDS):
        return True
    return key == b"url" and _DEFINITION in name
