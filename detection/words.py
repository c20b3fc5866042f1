# cython: annotation_typing=False, wraparound=True
"""Words of keys and texts: what a key says about the value beside it.

A key is split into words at case changes, digits and separators (`cardNumber`,
`card_number`, `CARD-NO`); Chinese, Japanese and Korean letters are words each. A phrase
is telling if the key ends with it, apart from modifiers (`email_home`, `phone2`) and a
plural; it is near if it stands anywhere in it. Words are compared joined, on word
boundaries, so `creditcard_number` and `creditCardNumber` are the same.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from detection.catalog import Catalog
from detection.countries import ends_key, of_key
from detection.fields import KEY_LIMIT

_UNSPACED = "\u3005-\u30ff\u3400-\u9fff\uac00-\ud7a3"
"""Letters of scripts that do not part words, or seldom: each stands for a word."""
_WORD = re.compile(rf"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z{_UNSPACED}]+|\d+|[{_UNSPACED}]")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")

WORD_LIMIT = 12
"""Words of a key looked at; longer keys are texts."""
PHRASE_WORDS = 5
"""Words of the longest phrase looked for in texts."""
LABEL_LIMIT = 40
"""Characters of a value that may name its own type."""
CACHE_LIMIT = 8192
"""Keys remembered; then all are forgotten."""

LAST_LATIN = "\u024f"
_LETTERS = {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "\u0131": "i"}
"""Letters that have no decomposition."""

MODIFIERS = frozenset(
    """
    home work office mobile primary secondary main business private personal
    current old new value raw text string input field confirm confirmation again
    billing shipping delivery alternate alternative backup recovery default
    original full normalized formatted plain clear enc encoded
""".split()
)
"""Words after a phrase that leave it telling."""
DENIALS = frozenset(
    """
    is has have no not num count show hide allow allows allowed enable enabled
    disable require requires required include includes needs can should must use
    max min total invalid missing wrong incorrect
""".split()
)
"""First words that make a key speak about something, not hold it."""


CONTAINERS = frozenset(
    """
    s details detail info information data profile record object list input request
    response attributes fields sdetails sinfo sdata 1 2
""".split()
)
"""What may follow the name of a thing in the key of its container."""
FILLERS = frozenset("is are was no nr num number numbers of the my code id =".split())
"""Words that may stand between a phrase and the value that it names."""
_ENDING = re.compile(r"\w[\s:#=('\"-]{1,4}$")


class Words(NamedTuple):
    """A key's words joined in lower case, and where they begin and end in it."""

    joined: str
    bounds: tuple[int, ...]

    def holds(self, phrase: str) -> bool:
        """Whether the joined phrase stands in it on word boundaries."""
        return any(start + len(phrase) in self.bounds for start in self._starts(phrase))

    def names(self, phrase: str) -> bool:
        """Whether it is a container of what the phrase names: `billingCustomers`,
        `customer_details`, but not `customer_orders`."""
        rests = (self.joined[s + len(phrase) :] for s in self._starts(phrase))
        return any(not rest or rest in CONTAINERS for rest in rests)

    def _starts(self, phrase: str) -> Iterator[int]:
        start = self.joined.find(phrase)
        while start >= 0:
            if start in self.bounds:
                yield start
            start = self.joined.find(phrase, start + 1)


class Told(NamedTuple):
    """A key tells a type; if named, only below or beside such a key."""

    data_type: str
    phrase: str
    above: str
    beside: str

    @property
    def letters(self) -> int:
        """How much of the keys tells it."""
        return len(self.phrase) + len(self.above) + len(self.beside)


class Notes(NamedTuple):
    """All that a key says."""

    words: Words
    told: tuple[Told, ...]
    near: frozenset[str]
    is_doubtful: bool
    speaks: bool
    """Whether it says anything for the fields beside it."""
    is_conditional: bool
    """Whether a type is told below or beside certain keys only."""
    always: Mapping[str, int]
    """Types that it tells anywhere, and how many letters of it do."""
    country: str
    """The code of the country that it names; empty: none."""


class Phrase(NamedTuple):
    """A telling phrase as written in the catalog."""

    data_type: str
    words: tuple[str, ...]
    is_whole: bool
    above: tuple[str, ...]
    beside: str
    accented: tuple[str, ...]
    """The words as written, with accents."""

    @property
    def joined(self) -> str:
        return "".join(self.words)


NONE: frozenset[str] = frozenset()
NOTHING = Notes(Words("", (0,)), (), frozenset(), False, False, False, {}, "")


def split(key: str, limit: int = WORD_LIMIT) -> list[str]:
    """The first words in lower case, Latin letters without accents."""
    if not key.isascii():
        key = "".join(_plain(letter) for letter in key)
    return [word.lower() for word in _WORD.findall(key)][:limit]


def _plain(letter: str) -> str:
    if letter > LAST_LATIN or letter.isascii():
        return letter
    return _LETTERS.get(letter) or unicodedata.normalize("NFKD", letter)[0]


def join(words: list[str]) -> Words:
    bounds = [0]
    for word in words:
        bounds.append(bounds[-1] + len(word))
    return Words("".join(words), tuple(bounds))


def decode_key(key: bytes) -> str:
    """A raw JSON key as text; broken escapes and bytes are replaced."""
    text = key.decode("utf-8", "replace")
    if "\\" not in text:
        return text
    text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return re.sub(r"\\(.)", r"\1", text)


def parse_phrase(data_type: str, text: str) -> Phrase:
    """`[above/][=]words[ & beside]`"""
    text, _, beside = text.partition(" & ")
    above, _, text = text.rpartition("/")
    is_whole = text.startswith("=")
    words = tuple(split(text.removeprefix("=")))
    accented = tuple(_WORD.findall(text.lower()))
    return Phrase(
        data_type,
        words,
        is_whole,
        tuple(split(above)),
        "".join(split(beside)),
        accented,
    )


class PhraseBook:
    """What keys say, by the catalog's phrases; remembers the keys it has seen."""

    def __init__(self, catalog: Catalog) -> None:
        self.phrases = [
            parse_phrase(name, text)
            for name, kind in catalog.types.items()
            for text in kind.keys
        ]
        self._telling: dict[str, list[Phrase]] = {}
        for phrase in self.phrases:
            self._telling.setdefault(phrase.joined, []).append(phrase)
        self._near: dict[str, set[str]] = {}
        for name, kind in catalog.types.items():
            for text in kind.near:
                self._near.setdefault("".join(split(text)), set()).add(name)
        for phrase in self.phrases:
            if not phrase.is_whole and not phrase.above and not phrase.beside:
                self._near.setdefault(phrase.joined, set()).add(phrase.data_type)
        self._beginnings = {
            joined[:size] for joined in self._near for size in range(1, len(joined) + 1)
        }
        self._doubtful = {"".join(split(text)) for text in catalog.doubtful}
        self._silent = {"".join(split(text)) for text in catalog.silent}
        self._notes: dict[bytes, Notes] = {}

    def notes(self, key: bytes) -> Notes:
        """What a raw key says."""
        notes = self._notes.get(key)
        if notes is None:
            if len(key) > KEY_LIMIT:
                return NOTHING
            if len(self._notes) >= CACHE_LIMIT:
                self._notes.clear()
            notes = self._notes[key] = self._read(key)
        return notes

    def is_label(self, text: str, data_type: str) -> bool:
        """Whether a value only names its type, as in `"password": "Passwort"`."""
        if len(text) > LABEL_LIMIT:
            return False
        words = [text.lower()] if text.isascii() and text.isalpha() else split(text)
        phrases = self._telling.get("".join(words), ())
        return any(phrase.data_type == data_type for phrase in phrases)

    def _read(self, key: bytes) -> Notes:
        words = split(decode_key(key))
        joined = join(words)
        near: set[str] = set()
        is_doubtful = False
        for part in _parts(joined, 0):
            near |= self._near.get(part, set())
            is_doubtful = is_doubtful or part in self._doubtful
        told = tuple(self._told(words, joined))
        return Notes(
            joined,
            told,
            frozenset(near),
            is_doubtful,
            bool(told or near),
            any(part.above or part.beside for part in told),
            {part.data_type: part.letters for part in reversed(told)},
            of_key(words),
        )

    def _told(self, words: list[str], joined: Words) -> Iterator[Told]:
        """The longest phrase speaks: an e-mail address is no postal address, and a page
        token tells nothing."""
        if words and words[0] in DENIALS and len(words) > 1:
            return
        seen: set[tuple[str, str, str]] = set()
        for end in _ends(words):
            is_told = False
            for start in range(end):
                if is_told:
                    break
                text = joined.joined[joined.bounds[start] : joined.bounds[end]]
                if text in self._silent or text.removesuffix("s") in self._silent:
                    return
                for phrase in self._telling.get(text, ()) or self._telling.get(
                    text.removesuffix("s"), ()
                ):
                    is_whole = start == 0 and end == len(words)
                    above = "".join(phrase.above)
                    told = phrase.data_type, above, phrase.beside
                    if (is_whole or not phrase.is_whole) and told not in seen:
                        seen.add(told)
                        is_told = is_told or not (above or phrase.beside)
                        yield Told(
                            phrase.data_type, phrase.joined, above, phrase.beside
                        )

    def near_in(self, text: str) -> frozenset[str]:
        """Types whose phrases stand in a text."""
        found: set[str] = set()
        words = split(text, len(text))
        for start in range(len(words)):
            part = ""
            for word in words[start : start + PHRASE_WORDS]:
                part += word
                if part[-1] == "s":
                    found |= self._near.get(part[:-1], NONE)
                if part not in self._beginnings:
                    break
                found |= self._near.get(part, NONE)
        return frozenset(found)

    def told_before(self, text: str) -> frozenset[str]:
        """Types whose phrases end the text, but for words like `number is`."""
        if not _ENDING.search(text):
            return NONE
        found: set[str] = set()
        words = split(text, len(text))
        end = len(words)
        while end > 0:
            for start in range(max(0, end - PHRASE_WORDS), end):
                found |= self._near.get("".join(words[start:end]), NONE)
            end -= 1
            if words[end] not in FILLERS:
                break
        return frozenset(found)


def _parts(words: Words, start: int) -> Iterator[str]:
    """Every run of whole words."""
    bounds = words.bounds
    for first in range(start, len(bounds) - 1):
        for last in range(first + 1, len(bounds)):
            yield words.joined[bounds[first] : bounds[last]]


def _ends(words: list[str]) -> Iterator[int]:
    """Where a telling phrase may end: at the end, or before modifiers and countries."""
    end = len(words)
    while end > 0:
        yield end
        end -= 1
        word = words[end]
        if word not in MODIFIERS and not word.isdigit() and not ends_key(word):
            return
