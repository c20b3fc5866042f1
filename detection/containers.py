# cython: annotation_typing=False
"""The containers that are open around the walk's position.

In come the objects and arrays that open and close, with the keys that they stand under;
out come, for a value there, its object, its place, and the key that it has in arrays.
Places are made when they are asked for, from the last one known on, and kept in those
above, unless their key is long. Containers deeper than the limit are folded into the
last one; closings without an opening are nothing.
"""

from detection import fields
from detection.fields import Place

_KEY_LIMIT = fields.KEY_LIMIT
_RESOURCE = fields.RESOURCE.encode()


class Container:
    """An open object or array; the next one as deep takes its memory."""

    def __init__(self, outer: "Container | None") -> None:
        self.outer: Container = self if outer is None else outer
        """The root's is the root."""
        self.place: Place | None = None
        """None: not asked for yet."""
        self.key_start = -1
        """Where the key begins and ends; -1: it has none."""
        self.key_end = -1
        self.is_array = False
        self.is_bearer = False
        """Whether it is an array under a bearer's key (`names.py`), or within one."""
        self.is_headed = False
        """Whether its first row may name the columns of the others."""
        self.is_told = False
        """Whether its own key, or that of the arrays that it stands in, is telling."""
        self.table = 0
        """The part of a table that it is, as its key says (`names.py`)."""
        self.is_unnamed = False
        """Whether rows stood in it before the names of their columns."""
        self.elements = 0
        """How many an array has had, the last one too."""
        self.serial = 0
        self.opened = 0
        """Where its members begin."""
        self.type_start = -1
        """Where the type of the resource that it is begins and ends; -1: it is none."""
        self.type_end = -1

    def key(self, data: bytes) -> bytes | None:
        return None if self.key_start < 0 else data[self.key_start : self.key_end]


class Containers:
    """All that are open, one within the other."""

    def __init__(self, limit: int) -> None:
        """`limit` is how many can be open beside the root."""
        self.inside = Container(None)
        """The innermost."""
        self.depth = 0
        self.told = 0
        """How many are told."""
        self.typed = 0
        """How many are resources with a type."""
        self.made = 0
        """Places made so far."""
        self._limit = limit
        self._excess = 0
        self._serial = 0
        self._all = [self.inside]
        for depth in range(limit):
            self._all.append(Container(self._all[depth]))

    def start(self, root: Place, position: int) -> None:
        """Only the root is open."""
        self.inside = self._all[0]
        self.inside.place = root
        self.inside.opened = position
        self.inside.type_start = -1
        self.inside.is_unnamed = False
        self.depth = 0
        self.told = 0
        self.typed = 0
        self._excess = 0
        self._serial = 0

    def open(
        self, is_array: bool, key_start: int, key_end: int, is_told: bool, position: int
    ) -> bool:
        """Whether it is not folded; the key is told or not, without one what the array
        around is."""
        if self.depth >= self._limit:
            self._excess += 1
            return False
        outer = self.inside
        outer.elements += 1
        self.depth += 1
        self._serial += 1
        inside = self.inside = self._all[self.depth]
        inside.place = None
        inside.key_start = key_start
        inside.key_end = key_end
        inside.is_array = is_array
        inside.is_bearer = False
        inside.is_headed = False
        inside.is_told = is_told or (key_start < 0 and outer.is_array and outer.is_told)
        inside.table = 0
        inside.is_unnamed = False
        inside.elements = 0
        inside.serial = self._serial
        inside.opened = position
        inside.type_start = -1
        if inside.is_told:
            self.told += 1
        return True

    def close(self) -> bool:
        """Whether one is closed that was not folded."""
        if self._excess:
            self._excess -= 1
            return False
        if not self.depth:
            return False
        if self.inside.is_told:
            self.told -= 1
        if self.inside.type_start >= 0:
            self.typed -= 1
        self.depth -= 1
        self.inside = self.inside.outer
        return True

    def type(self, start: int, close: int) -> None:
        """The innermost is a resource of the type that stands there."""
        inside = self.inside
        if inside.is_array or inside.type_start >= 0 or close - start > _KEY_LIMIT:
            return
        inside.type_start = start
        inside.type_end = close
        inside.place = None
        self.typed += 1

    def nearest_object(self) -> Container:
        """The innermost that is no array."""
        container = self.inside
        while container.is_array:
            container = container.outer
        return container

    def key(self, data: bytes) -> bytes | None:
        """Of the innermost, or of the arrays that it stands in."""
        container = self.inside
        while container.key_start < 0 and container.outer.is_array:
            container = container.outer
        return container.key(data)

    def element_key(self, data: bytes) -> bytes | None:
        """The key that elements of the innermost have: that of the arrays."""
        container = self.inside
        while container.is_array and container.key_start < 0:
            container = container.outer
        return container.key(data) if container.is_array else None

    def place(self, data: bytes) -> Place:
        """Of the innermost."""
        return self._place(self.inside, data)

    def _place(self, container: Container, data: bytes) -> Place:
        place = container.place
        if place is None:
            parent = self._place(container.outer, data)
            key = container.key(data)
            inner = parent.arrays if container.is_array else parent.objects
            place = inner.get(key)
            if place is None:
                place = Place(parent, key, container.is_array)
                self.made += 1
                if key is None or len(key) <= _KEY_LIMIT:
                    inner[key] = place
            if container.type_start >= 0:
                place = self._typed(place, container, data)
            container.place = place
        return place

    def _typed(self, place: Place, container: Container, data: bytes) -> Place:
        """The place of a resource: its type speaks as a key above does."""
        name = _RESOURCE + data[container.type_start : container.type_end]
        typed = place.types.get(name)
        if typed is None:
            typed = place.types[name] = Place(place, name, False, is_type=True)
            self.made += 1
        return typed
