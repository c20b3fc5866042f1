# cython: annotation_typing=False
"""Reads one document with its hits: fields, their surroundings, their findings.

In come a document within a buffer and its hits, out go candidates to a sink with the
location and path of their field. Keys are judged first: those that are data are shown
by their type in all paths of the document. What is encoded in a string is read as a
document of its own, at most NESTING_LIMIT deep.

What keys say depends on keys only, so it is worked out once for each place and key
(a plan) and kept, together with the places, until KEPT_LIMIT of them are there.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from detection import fields
from detection.candidate import Candidate, best
from detection.database import (
    ENCODED_HIT,
    NESTED_HIT,
    PERCENT_HIT,
    SPOKEN_HIT,
)
from detection.documents import Document
from detection.fields import ESCAPE_HIT, FIRST_RULE, RESOURCE, Field, Place
from detection.finding import Location
from detection.judge import BY_KEY, BY_NAME, NOWHERE, WORK_LIMIT, Judge, Surroundings
from detection.paths import field_path, shown
from detection.rule import Judged
from detection.scripts import fold
from detection.validators import countries
from detection.validators.tokens import decode_base64
from detection.walker import FIELD_LIMIT, Walker
from detection.words import (
    CONTAINERS,
    NOTHING,
    Notes,
    PhraseBook,
    Told,
    Words,
    decode_key,
    split,
)

NESTING_LIMIT = 4
TEXT_LIMIT = 1 << 17
"""Bytes of one string that are judged."""
ABOVE_LIMIT = 5
"""Named containers above a field whose keys count as context."""
KEPT_LIMIT = 8192
"""Places, circles and plans kept; then all are forgotten."""

_KEY = fields.KEY
_WORD = fields.WORD
_KEY_LIMIT = fields.KEY_LIMIT
_TEXT_LIMIT = TEXT_LIMIT
_KEPT_LIMIT = KEPT_LIMIT
_WORK_LIMIT = WORK_LIMIT
_FIRST_RULE = FIRST_RULE
_HIT_MASK = fields.HIT_MASK
_HIT_LIMIT = fields.HIT_LIMIT
_FIELD_LIMIT = FIELD_LIMIT
_SPOKEN_HIT = SPOKEN_HIT
_PERCENT_HIT = PERCENT_HIT
_BROKEN_LINE = re.compile(r"(?<=\d-)[ \t]*\r?\n[ \t]*(?=\d)")
"""Within a number that goes on in the next line."""

Scan = Callable[[bytes], list[int]]


class Sink(Protocol):
    """Takes the candidates of each field, where it stands, and its text."""

    def take(
        self, candidates: list[Candidate], location: Location, path: str, text: str, /
    ) -> None: ...


_NO_HITS: set[int] = set()
_NOT_KNOWN: Mapping[bytes, str] = {}
_CODING = "coding"
_DISPLAY = "display"
"""Words of a code stand there; elsewhere they name who or what is referred to."""
_FORMAL = frozenset(
    """
    category clinicalstatus verificationstatus status statusreason class severity
    criticality priority intent use role relationship participant performertype
    adjudication
""".split()
)
"""Elements of resources that say how one is kept, or who took part."""
_WRAPPING = CONTAINERS.union(
    """
    basic demographics general identity individual main metadata personal properties
    name names legal human
""".split()
)
"""Last words of keys that name nothing of their own: what is below them is of what is
above."""
_OWN_NAMES = ("name", "names")
_SAYING = frozenset(
    """
    error errors fielderrors validation validationerrors permission permissions scopes
    labels placeholders hints messages translations strings
""".split()
)
"""Keys of what is said of members, or shown for them."""
_BESIDE = re.compile(
    rb'"([^"\\]{1,64})"\s*,\s*"\w{0,16}[vV]al(?:ue)?"\s*:\s*(?:\{\s*"\w{1,16}"\s*:\s*)?"?\Z'
)
"""Ends with a name and the key of its value."""
_BESIDE_BYTES = 160
_COUNTRY = b"country"
_JSON_START = (b"{", b"[", b'"')
_decode = json.JSONDecoder(strict=False).decode
_DIGIT = re.compile(r"\d")
_LEAST_LABELS = 2
_LITERALS = (b"true", b"false", b"null")


class Part(NamedTuple):
    """A document within a buffer, and the path of its root."""

    document: Document
    data: bytes
    start: int
    root: str
    depth: int


class Circle:
    """What the keys of an object's members and of the objects above say."""

    def __init__(
        self,
        above: tuple[Words, ...],
        above_types: frozenset[str],
        beside: tuple[tuple[bytes, Notes], ...],
    ) -> None:
        self.above = above
        self.above_types = above_types
        self.beside = beside
        self.plans: dict[object, Plan] = {}
        """By key; in arrays, which have none of their own, by place."""


class Plan:
    """What is known of a field before its value is read."""

    def __init__(self, around: Surroundings, path: str, is_said: bool) -> None:
        self.around = around
        self.path = path
        self.is_said = is_said
        """Whether it stands in what is said of members, not in their values."""
        self.is_told = bool(around.told)


class Reader:
    """Reads documents one after the other."""

    def __init__(self, scan: Scan, judge: Judge, book: PhraseBook) -> None:
        self.scan = scan
        self.judge = judge
        self.book = book
        self._walker = Walker(self._says, self._tells, judge.lone_hits)
        self._roots: dict[str, Place] = {}
        self._speaking: dict[bytes, bool] = {}
        self._kept = 0

    def read(
        self, part: Part, hits: list[int], first: int, stop: int, sink: Sink
    ) -> None:
        """Judges the fields that hits[first:stop] (ends absolute in the buffer) stand
        in."""
        if self._kept + self._walker.made() > _KEPT_LIMIT:
            self._roots = {}
            self._kept = 0
            self._walker.forget()
            self._speaking = {}
        if part.depth == 0:
            self.judge.work = 0
            self.judge.is_ended = len(hits) >= _HIT_LIMIT
        root = self._roots.get(part.root)
        if root is None:
            root = self._roots[part.root] = Place(None, None, False, part.root)
            self._kept += 1
        start = part.start
        end = start + len(part.document.data)
        found = self._walker.walk(part.data, start, end, hits, first, stop, root)
        if len(found) >= _FIELD_LIMIT:
            self.judge.is_ended = True
        Reading(self, part, found, sink).run()

    def nested(self, part: Part, data: bytes, root: str, sink: Sink) -> None:
        """Reads what was decoded from a string, while work on the document is left."""
        self.judge.work += 1 + (len(data) >> 6)
        if self.judge.work > _WORK_LIMIT or part.depth >= NESTING_LIMIT:
            self.judge.is_ended = True
            return
        document = part.document._replace(data=data, starts=(), names=())
        hits = self.scan(data)
        if hits:
            inner = Part(document, data, 0, root, part.depth + 1)
            self.read(inner, hits, 0, len(hits), sink)

    def speaks(self, key: bytes) -> bool:
        """Whether a key says anything for the fields beside it."""
        speaks = self._speaking.get(key)
        if speaks is None:
            speaks = self.book.notes(key).speaks
            if len(key) <= _KEY_LIMIT:
                self._speaking[key] = speaks
                self._kept += 1
        return speaks

    def _says(self, key: bytes) -> bool:
        notes = self.book.notes(key)
        return bool(notes.told) or notes.speaks

    def _tells(self, name: bytes) -> bool:
        told = self.book.notes(name).told
        return any(not part.beside for part in told)

    def circle(self, container: Place, keys: tuple[bytes, ...]) -> Circle:
        """What the keys around the container's members say, `keys` beside them."""
        circle = container.circles.get(keys)
        if circle is None:
            above = [self.book.notes(key) for key in _keys_above(container)]
            circle = container.circles[keys] = Circle(
                tuple([notes.words for notes in above]),
                frozenset().union(*[notes.near for notes in above]),
                tuple([(key, self.book.notes(key)) for key in keys]),
            )
            self._kept += 1 + len(keys)
        return circle

    def plan(self, circle: Circle, field: Field) -> Plan:
        """What is known of the field before its value is read."""
        place, key, name = field.place, field.key, field.name
        at: object = place if place.is_array else key
        if name is not None:
            at = at, name
        plan = circle.plans.get(at)
        if plan is None:
            notes = NOTHING if key is None else self.book.notes(key)
            told = _told_types(circle, notes)
            context = BY_KEY
            if name is not None:
                named = self.book.notes(name)
                told_by_name = _told_types(circle, named)
                if told_by_name or not told:
                    context = BY_NAME
                    notes = named
                    told = _both(told, told_by_name)
            around = Surroundings(
                told,
                self._rules(told, circle.above),
                circle.above_types,
                _near_beside(circle, key),
                notes.near,
                notes.is_doubtful,
                notes.country,
                context,
                self._phrases(told, notes),
            )
            is_said = not _SAYING.isdisjoint([words.joined for words in circle.above])
            plan = Plan(around, field_path(place, key, _NOT_KNOWN), is_said)
            if len(key or b"") + len(name or b"") <= _KEY_LIMIT:
                circle.plans[at] = plan
                self._kept += 1
        return plan

    def _rules(self, told: Mapping[str, int], above: tuple[Words, ...]) -> list[Judged]:
        """Those of the types, but for rules that ask for a key that is not above."""
        return [
            rule
            for rule in self.judge.rules_of(told)
            if not rule.above or any(words.names(rule.above) for words in above)
        ]

    def _phrases(self, told: Mapping[str, int], notes: Notes) -> dict[str, str]:
        """The catalog's phrases that tell the types."""
        return {
            part.data_type: self.book.written(part)
            for part in notes.told
            if told.get(part.data_type) == part.letters
        }


class Reading:
    """One document's fields on their way to findings."""

    def __init__(
        self, reader: Reader, part: Part, found: list[Field], sink: Sink
    ) -> None:
        self._reader = reader
        self._judge = reader.judge
        self._part = part
        self._data = part.data
        self._document = part.document
        self._location = part.document.location
        self._is_cut = part.document.is_cut
        self._is_flat = bool(part.document.names)
        self._fields = found
        self._sink = sink
        self._known: dict[bytes, str] = {}
        self._told: dict[int, dict[bytes, None]] = {}
        self._circles: dict[int, Circle] = {}
        self._countries: dict[int, str] = {}
        self._judged: list[tuple[int, list[Candidate], str, str]] = []
        """Of each field: its object's serial, its candidates, path and text."""
        self._labels: dict[int, int] = {}
        """How many values of an object only name their types."""

    def run(self) -> None:
        for field in self._fields:
            if field.kind == _KEY:
                self._judge_key(field)
                continue
            key = field.key
            if field.name is not None and field.place.is_array:
                key = field.name
            if key is not None and self._reader.speaks(key):
                keys = self._told.get(field.serial)
                if keys is None:
                    keys = self._told[field.serial] = {}
                keys[key] = None
        for field in self._fields:
            if field.kind != _KEY:
                plan = self._plan(field)
                if plan.is_told or field.rules:
                    self._judge_value(field, plan)
        self._give()

    def _give(self) -> None:
        """Gives the sink what was judged. Where several values of an object are labels,
        as in translations, its other words are too."""
        for serial, candidates, path, text in self._judged:
            if self._labels.get(serial, 0) >= _LEAST_LABELS and not _DIGIT.search(text):
                candidates = [part for part in candidates if not part.judged.needs_key]
            self._sink.take(candidates, self._location, path, text)

    def _plan(self, field: Field) -> Plan:
        circle = self._circles.get(field.serial)
        if circle is None:
            keys = self._told.get(field.serial)
            beside = () if keys is None else tuple(keys)
            circle = self._reader.circle(field.place.container, beside)
            self._circles[field.serial] = circle
        return self._reader.plan(circle, field)

    def _judge_key(self, field: Field) -> None:
        if self._location in (Location.PATH, Location.HEADER):
            return
        raw = self._data[field.start : field.end]
        text = _unescaped(raw[:_TEXT_LIMIT])
        candidates = self._judge.candidates(text, self._rules(field, text), NOWHERE)
        kept = best(candidates)
        if kept:
            self._known[raw] = kept[0].judged.data_type
        self._sink.take(candidates, self._location, self._path(field, raw), text)

    def _judge_value(self, field: Field, plan: Plan) -> None:
        data = self._data
        raw = data[field.start : min(field.end, field.start + _TEXT_LIMIT)]
        if not raw or (field.kind == _WORD and raw in _LITERALS):
            return
        if len(raw) == _TEXT_LIMIT:
            self._judge.is_ended = True
        text = _unescaped(raw)
        path = plan.path
        if self._is_flat or self._known:
            path = self._path(field, field.key)
        hits = _NO_HITS
        is_spoken = False
        if field.rules and self._read_inside(field, text, path):
            return
        if _PERCENT_HIT in field.rules:
            text = unquote(text)
            if "%" in text:
                text = unquote(text)
        text = fold(text)
        if "-" in text and "\n" in text:
            text = _BROKEN_LINE.sub("", text)
        if field.rules:
            hits = self._rules(field, text)
            is_spoken = _SPOKEN_HIT in field.rules
            if not hits and not plan.is_told and not is_spoken:
                return
        is_cut = field.is_cut and self._is_cut
        beside = self._country_beside(field) if plan.around.seeks_country else ""
        is_plain = len(text) == len(raw) and text.isascii() and "%" not in text
        labels = self._judge.labels
        candidates = self._judge.candidates(
            text, hits, plan.around, is_cut, is_spoken, beside, is_plain
        )
        if candidates:
            candidates = self._undoubted(field, plan, text, candidates)
            self._judged.append((field.serial, candidates, path, text))
        elif self._judge.labels > labels:
            self._labels[field.serial] = self._labels.get(field.serial, 0) + 1

    def _undoubted(
        self, field: Field, plan: Plan, text: str, candidates: list[Candidate]
    ) -> list[Candidate]:
        """Without words that are said of a secret, and what nothing but its form tells,
        where a name beside speaks against it: `"key": "app.version", "value":
        "5.12.0.4"`."""
        if plan.is_said and not _DIGIT.search(text):
            candidates = [part for part in candidates if not part.judged.is_secret]
        kept = [part for part in candidates if part.context or not part.judged.doubts]
        if len(kept) == len(candidates):
            return candidates
        start = max(self._part.start, field.start - _BESIDE_BYTES)
        name = _BESIDE.search(self._data[start : field.start])
        if name is None or not self._reader.book.is_doubtful(decode_key(name[1])):
            return candidates
        return kept

    def _country_beside(self, field: Field) -> str:
        """The country that the field's object names."""
        country = self._countries.get(field.serial)
        if country is None:
            end = self._part.start + len(self._document.data)
            end = min(end, field.opened + fields.MEMBERS_LIMIT)
            country = ""
            if _COUNTRY in self._data[field.opened : end].lower():
                country = _named_country(self._data, field.opened, end)
            self._countries[field.serial] = country
        return country

    def _rules(self, field: Field, text: str) -> set[int]:
        """The rules that may match the decoded text."""
        found = field.rules
        if ESCAPE_HIT in found or _PERCENT_HIT in found:
            self._judge.work += 1 + (len(text) >> 6)
            written = text.replace('"', '\\"').encode("utf-8", "replace")
            found = found + [hit & _HIT_MASK for hit in self._reader.scan(written)]
        return {rule - _FIRST_RULE for rule in found if rule >= _FIRST_RULE}

    def _read_inside(self, field: Field, text: str, path: str) -> bool:
        """Whether the text is a document itself, which is then read instead; base64 of
        one may be a token, too."""
        if ENCODED_HIT in field.rules:
            data = decode_base64(text) or b""
        elif NESTED_HIT in field.rules:
            data = text.strip().encode("utf-8", "replace")
        else:
            return False
        if not data.startswith(_JSON_START):
            return False
        self._reader.nested(self._part, data, path, self._sink)
        return NESTED_HIT in field.rules or max(field.rules) < _FIRST_RULE

    def _path(self, field: Field, key: bytes | None) -> str:
        document = self._document
        if not document.names:
            return field_path(field.place, key, self._known)
        index = bisect_right(document.starts, field.start - self._part.start) - 1
        name = document.names[index]
        if document.location is Location.PATH:
            return name
        shown_key = shown(key or b"", self._known)
        return shown_key if name == "header" else name + shown_key


def _named_country(data: bytes, start: int, end: int) -> str:
    """The country that the object beginning there names; none if it names several."""
    named = {
        countries.of_value("".join(split(decode_key(value))))
        for key, value in fields.strings(data, start, end, len(_COUNTRY))
        if _COUNTRY in key.lower() and len(value) <= _KEY_LIMIT
    } - {""}
    return named.pop() if len(named) == 1 else ""


def _told_types(circle: Circle, notes: Notes) -> Mapping[str, int]:
    """Types that a key tells where it stands; how many letters do."""
    if not notes.is_conditional:
        return notes.always
    told: dict[str, int] = {}
    for part in notes.told:
        holds = not part.above or any(
            words.names(part.above) for words in _owners(circle, part)
        )
        if holds and part.above.startswith(RESOURCE):
            holds = _is_content(circle, part)
        if holds and part.beside:
            holds = any(other.words.holds(part.beside) for _, other in circle.beside)
        if holds:
            told[part.data_type] = max(part.letters, told.get(part.data_type, 0))
    return told


def _owners(circle: Circle, part: Told) -> tuple[Words, ...]:
    """What above can be what the phrase means. A name is that of the nearest: a user's
    team has a name of its own."""
    if not part.phrase.endswith(_OWN_NAMES):
        return circle.above
    for number, words in enumerate(circle.above):
        if words.last not in _WRAPPING:
            return circle.above[: number + 1]
    return circle.above


def _is_content(circle: Circle, part: Told) -> bool:
    """Whether a member of a resource says what it is about."""
    key = circle.above[0].joined
    if part.phrase == _DISPLAY:
        if key != _CODING:
            return False
        key = circle.above[1].joined
    return key not in _FORMAL


def _both(own: Mapping[str, int], named: Mapping[str, int]) -> Mapping[str, int]:
    """Types that a key and its name tell; what the name tells comes first."""
    letters = max(own.values(), default=0)
    return {**own, **{name: letters + count for name, count in named.items()}}


def _near_beside(circle: Circle, key: bytes | None) -> frozenset[str]:
    """Types that the other keys of the object support."""
    near = [notes.near for other, notes in circle.beside if other != key]
    return frozenset().union(*near)


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
        decoded: str = _decode(f'"{text}"')
    except ValueError:
        return text
    return decoded
