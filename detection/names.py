# cython: annotation_typing=False
"""Names that stand apart from their values, in the containers that are open.

In come members whose key only says that it is a value (bearers), and members that may
name what stands beside them. Out goes the name of a bearer: what stands above it
(`"phone": {"value": …}`) or beside it (`"name": "phone", "value": …`, in either order).
What tells no type is no name. Fields are the walker's: a bearer that waits for its name
keeps what it takes to make one.
"""

from collections.abc import Callable

from detection import fields
from detection.fields import Field

_KEY_LIMIT = fields.KEY_LIMIT

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
        self.count = 0
        """Open containers with such a name."""

    def start(self) -> None:
        """Only the root is open."""
        self.count = 0
        self.open(0)

    def open(self, depth: int) -> None:
        self._names[depth] = None
        self._bearers[depth] = None

    def close(self, depth: int) -> None:
        if self._names[depth] is not None:
            self.count -= 1

    def is_bearer(self, text: bytes, start: int, end: int) -> bool:
        """Whether the key text[start:end] only says that a value follows."""
        size = end - start
        if size > _BEARER_SIZE or not size:
            return False
        if not _BEARER_STARTS[(size << 8) + text[start]]:
            return False
        return text[start:end] in BEARERS

    def is_named(self, depth: int) -> bool:
        """Whether a naming key of the container had a name."""
        return self._names[depth] is not None

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
        if key.lower() not in NAMING_KEYS or not self._is_name(name):
            return None
        if self._names[depth] is None:
            self.count += 1
        self._names[depth] = name
        return self._bearers[depth]

    def _is_name(self, name: bytes) -> bool:
        return len(name) <= _KEY_LIMIT and self._tells(name)
