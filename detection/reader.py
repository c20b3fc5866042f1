"""Reads one document with its hits: fields, their surroundings, their findings.

In come a document within a buffer and its hits, out go candidates to a sink with the
location and path of their field. Keys are judged first: those that are data are shown
by their type in all paths of the document. What is encoded in a string is read as a
document of its own, at most NESTING_LIMIT deep.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import NamedTuple

from detection import fields
from detection.database import (
    ENCODED_HIT,
    ESCAPE_HIT,
    FIRST_RULE,
    NESTED_HIT,
    SPOKEN_HIT,
)
from detection.documents import Document
from detection.fields import Field, Place, Walker
from detection.finding import Location
from detection.judge import NOWHERE, Candidate, Judge, Surroundings, best
from detection.paths import field_path, shown
from detection.tokens import decode_base64
from detection.words import NOTHING, Notes, PhraseBook, Words

NESTING_LIMIT = 4
TEXT_LIMIT = 1 << 17
"""Bytes of one string that are judged."""
ABOVE_LIMIT = 3
"""Named containers above a field whose keys count as context."""

Scan = Callable[[bytes], list[int]]
Sink = Callable[[Candidate, bool, Location, str], None]
"""Takes each candidate, whether it stays, and where it stands."""

NOT_TOLD: Mapping[str, int] = {}
_JSON_START = (b"{", b"[", b'"')
_LITERALS = (b"true", b"false", b"null")


class Part(NamedTuple):
    """A document within a buffer, and the path of its root."""

    document: Document
    data: bytes
    start: int
    root: str
    depth: int


class Circle(NamedTuple):
    """What the keys of an object's members and of the objects above say."""

    above: tuple[Words, ...]
    above_types: frozenset[str]
    beside: tuple[tuple[bytes, Notes], ...]


class Reader:
    """Reads documents one after the other."""

    def __init__(self, scan: Scan, judge: Judge, book: PhraseBook) -> None:
        self._scan = scan
        self._judge = judge
        self._book = book
        self._walker = Walker()

    def read(
        self, part: Part, hits: list[int], span: tuple[int, int], sink: Sink
    ) -> None:
        """Judges the fields that hits[span] (ends absolute in the buffer) stand in."""
        end = part.start + len(part.document.data)
        found = self._walker.walk(part.data, part.start, end, hits, *span)
        Reading(self, part, found, sink).run()

    def nested(self, part: Part, data: bytes, root: str, sink: Sink) -> None:
        """Reads what was decoded from a string."""
        document = part.document._replace(data=data, starts=(), names=())
        hits = self._scan(data)
        if hits and part.depth < NESTING_LIMIT:
            inner = Part(document, data, 0, root, part.depth + 1)
            self.read(inner, hits, (0, len(hits)), sink)


class Reading:
    """One document's fields on their way to findings."""

    def __init__(
        self, reader: Reader, part: Part, found: list[Field], sink: Sink
    ) -> None:
        self._reader = reader
        self._judge = reader._judge
        self._book = reader._book
        self._part = part
        self._fields = found
        self._sink = sink
        self._known: dict[bytes, str] = {}
        self._told: dict[int, list[bytes]] = {}

    def run(self) -> None:
        for field in self._fields:
            if field.kind == fields.KEY:
                self._judge_key(field)
            elif field.key is not None and self._book.notes(field.key).speaks:
                self._told.setdefault(id(_container(field)), []).append(field.key)
        for field in self._fields:
            if field.kind == fields.KEY:
                continue
            notes = NOTHING if field.key is None else self._book.notes(field.key)
            told = self._told_types(field, notes) if notes.told else NOT_TOLD
            if told or field.rules:
                self._judge_value(field, notes, told)

    def _judge_key(self, field: Field) -> None:
        location = self._part.document.location
        if location in (Location.PATH, Location.HEADER):
            return
        raw = self._part.data[field.start : field.end]
        text, hits = self._text(field, raw)
        kept = best(self._judge.candidates(text, hits, NOWHERE), self._judge.rules)
        if kept:
            self._known[raw] = self._judge.rules[kept[0].number].data_type
        for candidate in kept:
            self._sink(candidate, True, location, self._path(field, raw))

    def _judge_value(self, field: Field, notes: Notes, told: Mapping[str, int]) -> None:
        raw = self._part.data[field.start : field.end]
        if not raw or (field.kind == fields.WORD and raw in _LITERALS):
            return
        text, hits = self._text(field, raw)
        path = self._path(field, field.key)
        if self._read_inside(field, text, path):
            return
        is_spoken = SPOKEN_HIT in field.rules
        if not hits and not told and not is_spoken:
            return
        around = self._surroundings(field, notes, told)
        candidates = self._judge.candidates(
            text, hits, around, self._is_cut(field), is_spoken
        )
        kept = best(candidates, self._judge.rules)
        for candidate in candidates:
            self._sink(candidate, candidate in kept, self._part.document.location, path)

    def _is_cut(self, field: Field) -> bool:
        return field.is_cut and self._part.document.is_cut

    def _text(self, field: Field, raw: bytes) -> tuple[str, set[int]]:
        """The decoded text and the rules that may match it."""
        raw = raw[:TEXT_LIMIT]
        rules = set(field.rules)
        text = _unescaped(raw)
        if ESCAPE_HIT in rules:
            again = self._reader._scan(text.encode("utf-8", "replace"))
            rules.update(hit & fields.HIT_MASK for hit in again)
        return text, {rule - FIRST_RULE for rule in rules if rule >= FIRST_RULE}

    def _read_inside(self, field: Field, text: str, path: str) -> bool:
        """Whether the text is a document itself, which is then read instead."""
        if ENCODED_HIT in field.rules:
            data = decode_base64(text) or b""
        elif NESTED_HIT in field.rules:
            data = text.strip().encode("utf-8", "replace")
        else:
            return False
        is_document = data.startswith(_JSON_START)
        if is_document:
            self._reader.nested(self._part, data, path, self._sink)
        return is_document

    def _path(self, field: Field, key: bytes | None) -> str:
        document = self._part.document
        if not document.names:
            return field_path(field.place, key, self._part.root, self._known)
        index = bisect_right(document.starts, field.start - self._part.start) - 1
        name = document.names[index]
        if document.location is Location.PATH:
            return name
        shown_key = shown(key or b"", self._known)
        return shown_key if name == "header" else name + shown_key

    def _told_types(self, field: Field, notes: Notes) -> Mapping[str, int]:
        """Types that the field's key tells where it stands; how many letters do."""
        if not notes.is_conditional:
            return notes.always
        circle = self._circle(_container(field))
        told: dict[str, int] = {}
        for part in notes.told:
            if part.above and not any(
                words.holds(part.above) for words in circle.above
            ):
                continue
            if part.beside and not any(
                other.words.holds(part.beside) for _, other in circle.beside
            ):
                continue
            told[part.data_type] = max(part.letters, told.get(part.data_type, 0))
        return told

    def _surroundings(
        self, field: Field, notes: Notes, told: Mapping[str, int]
    ) -> Surroundings:
        circle = self._circle(_container(field))
        beside: frozenset[str] = frozenset()
        for key, other in circle.beside:
            if key != field.key:
                beside |= other.near
        return Surroundings(
            told, circle.above_types, beside, notes.near, notes.is_doubtful
        )

    def _circle(self, place: Place) -> Circle:
        if not isinstance(place.notes, Circle):
            above = [self._book.notes(key) for key in _keys_above(place)]
            place.notes = Circle(
                tuple(notes.words for notes in above),
                frozenset().union(*(notes.near for notes in above)),
                tuple(
                    (key, self._book.notes(key))
                    for key in dict.fromkeys(self._told.get(id(place), ()))
                ),
            )
        return place.notes


def _container(field: Field) -> Place:
    """The object that a field belongs to, through arrays."""
    place = field.place
    while place.is_array and place.parent is not None:
        place = place.parent
    return place


def _keys_above(place: Place) -> list[bytes]:
    keys: list[bytes] = []
    inner: Place | None = place
    while inner is not None and len(keys) < ABOVE_LIMIT:
        if inner.key is not None:
            keys.append(inner.key)
        inner = inner.parent
    return keys


def _unescaped(raw: bytes) -> str:
    """A JSON string's text; what is broken is kept as it is."""
    text = raw.decode("utf-8", "replace")
    if "\\" not in text:
        return text
    try:
        decoded: str = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text
    return decoded
