"""Schemas of services: by the path of a call, the types of its messages.

In come FileDescriptorSets, one a service (`services.py`), from several sources; out
come `Types`. What a person gave goes before what was found in programs, and that before
what servers told about themselves on the wire. Several versions of a service are taken
together: numbers of fields are never used again, so each version only adds, and where
two differ the one that was told last counts. Sets are read when a call of their service
comes. May be used by several threads.
"""

import threading
import zlib
from enum import IntEnum

from detection.protobuf.types import MalformedFileError, Types

MOST_SERVICES = 20_000
MOST_BYTES = 64 << 20
"""Of all sets, compressed; beyond it the service told longest ago is forgotten."""
MOST_VERSIONS = 4
"""Of one service; a roll-out has two."""
MOST_READ = 500
"""Services whose types are held; then all are read anew when they are asked for."""


class Source(IntEnum):
    """Where a set is from; the greatest goes first."""

    ANSWER = 0
    """A server's answer to a reflection request."""
    PROGRAM = 1
    FILE = 2


class _Known:
    """The sets of one service, of its best source, the newest last."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.sets: dict[int, bytes] = {}
        """By the hash of what they hold."""

    @property
    def size(self) -> int:
        return sum(map(len, self.sets.values()))


class Schemas:
    """All services that are known."""

    def __init__(self) -> None:
        self.conflicts = 0
        """Fields that had another name in another version, as far as they were read."""
        self.malformed = 0
        self._known: dict[str, _Known] = {}
        self._read: dict[str, Types] = {}
        self._bytes = 0
        self._nothing = Types()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, service: str, files: bytes, source: Source) -> None:
        """Takes the FileDescriptorSet of a service."""
        held, digest = zlib.compress(files, 6), hash(files)
        with self._lock:
            known = self._known.pop(service, None)
            if known is not None and known.source > source:
                self._known[service] = known
                return
            self._bytes -= known.size if known else 0
            if known is None or known.source < source:
                known = _Known(source)
            is_newest = next(reversed(known.sets), None) == digest
            known.sets.pop(digest, None)
            known.sets[digest] = held
            if len(known.sets) > MOST_VERSIONS:
                del known.sets[next(iter(known.sets))]
            self._known[service] = known
            self._bytes += known.size
            if not is_newest:
                self._read.pop(service, None)
            self._make_room()

    def of(self, path: bytes) -> Types:
        """The types of a call's messages; none if its service is not known. The path is
        `/package.Service/Method`, also where something stands before it."""
        whole, _, _ = path.partition(b"?")[0].rpartition(b"/")
        name = whole.rpartition(b"/")[2].decode("latin-1")
        with self._lock:
            found = self._read.get(name)
            if found is None:
                known = self._known.get(name)
                found = self._nothing if known is None else self._load(name, known)
            return found

    def _load(self, name: str, known: _Known) -> Types:
        types = Types()
        for held in known.sets.values():
            try:
                types.add_set(zlib.decompress(held))
            except MalformedFileError:
                self.malformed += 1
        self.conflicts += types.renamed
        if len(self._read) >= MOST_READ:
            self._read.clear()
        self._read[name] = types
        return types

    def _make_room(self) -> None:
        while self._bytes > MOST_BYTES or len(self._known) > MOST_SERVICES:
            name = next(iter(self._known))
            self._bytes -= self._known.pop(name).size
            self._read.pop(name, None)
