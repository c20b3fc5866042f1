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
from detection.fields import KEY_LIMIT, RESOURCE
from detection.scripts import fold
from detection.validators.countries import ends_key, of_key

_UNSPACED = "\u3005-\u30ff\u3400-\u9fff\uac00-\ud7a3"
"""Letters of scripts that do not part words, or seldom: each stands for a word."""
MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a03"
    "\u0a3c-\u0a51\u0abc-\u0acd\u0b3c-\u0b4d\u0bbe-\u0bcd\u0c3e-\u0c4d\u0cbc-\u0ccd"
    "\u0d3e-\u0d4d\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
)
"""Vowels and signs that stand on a letter, which Python counts as no letters."""
_WORD = re.compile(
    rf"[A-Z]+(?![a-z])|[A-Z]?(?:[^\W\d_A-Z{_UNSPACED}]|[{MARKS}])+|\d+|[{_UNSPACED}]"
)
_ASCII_WORD = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+|[0-9]+")
"""The same in a text that is ASCII, which most are: a third of the time."""
_FLAT = re.compile(r".+/(?=[^/]+/[^/]+$)|:\d+(?=[/|]|$)")
"""What a path as openEHR's flat format has it (`report/result:0/any_event:0/rate|unit`)
says beside the last two names: where they stand, and numbers."""
_FILTER = re.compile(r"\[[^\]]*\](?:\.value$)?")
"""What a path of SCIM (RFC 7644 section 3.5.2) chooses by: `phones[type eq …]`."""
_PLAIN = re.compile(r"[a-z]+(?: [a-z]+){1,3}")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")

WORD_LIMIT = 12
"""Words of a key looked at; longer keys are texts."""
PHRASE_WORDS = 5
"""Words of the longest phrase looked for in texts."""
LABEL_LIMIT = 40
"""Characters of a value that may name its own type."""
PROMPT_LIMIT = 200
"""Characters of a text that speaks of a secret."""
_LEAST_PART = 5
"""Letters of a phrase that is found within a word: languages add endings to it."""
CACHE_LIMIT = 8192
"""Keys remembered; then all are forgotten."""

_ACCENTED = re.compile("[\u0080-\u024f\u0370-\u03ff\u1e00-\u1fff]")
"""Letters of Latin and Greek that lose their accents."""
_SPELT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "æ": "ae", "å": "aa", "đ": "dj"}
)
"""Letters as keyboards without them write them."""
_LETTERS = {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "\u0131": "i"}
"""Letters that have no decomposition."""

MODIFIERS = frozenset(
    """
    home work office mobile primary secondary main business private personal
    current old new value raw text string input field confirm confirmation again
    billing shipping delivery alternate alternative backup recovery default
    original full normalized formatted plain clear enc encoded keyword cents yearly
    monthly brut bruto brutto lordo netto neto annuel annuelle anual mensuel mensuelle
    mensual mensile
""".split()
)
"""Words after a phrase that leave it telling."""
DENIALS = frozenset(
    """
    is has have no not get fetch num count show hide allow allows allowed enable enabled
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
FILLERS = frozenset(
    """
    is are was be been being no nr num number numbers of the a an my his her our your
    their its this that code id new old current should must now reads read equals
    provided given verified stored changed updated replaced has have had to from as up
    ends and gave which customer customers client user holder person patient guest
    s = n value field with for me us at back new
    klienta klientki klient cliente clienti kunden kundin клиента клиентки заявителя
    ist lautet ist war mein meine meinem der die das im nummer unter ihre ihr
    est le la les du de ma mon sa son numero au est
    es el mi su al il lo mio suo e n del della di
    het mijn zijn haar van is uw op
    o meu sua seu do da no ao nº
    to jest moj moja nr numer numeru mojego pod は が も 는 은 이 가
""".split()
)
"""Words that may stand between a phrase and the value that it names."""
_ENDING = re.compile(
    r"(?i:\b(?:n[or]?|num|t[eé]l|cell?|mob|fax|ph))\.[ :]{0,3}$"
    r"|\w(?:[^\w!?.]|_){1,6}$|[はがも는은이가][ :\uff1a]{0,2}$"
)
_ON_FILE = re.compile(r"\bon (?:file|record)\b")
_NAMING = re.compile(
    r"(?:[\s,)'\"]{1,3}(?:on (?:file|record) |there )?"
    r"(?:as|is|was|being|which is|which was|ist|est|es|è|é|jest)"
    r"(?: (?:the|a|an|my|his|her|our|your|their|meine?|die|ma|mon|mi|la|il|mijn"
    r"|m[oó]j))? "
    r"|\s[(\u2010-\u2015-]\s?(?:the )?)(?=\w)"
)
"""Begins what tells the name of the value before it: `… is my tax id`."""


class Words(NamedTuple):
    """A key's words joined in lower case, and where they begin and end in it."""

    joined: str
    bounds: tuple[int, ...]

    @property
    def last(self) -> str:
        """The last word."""
        return self.joined[self.bounds[-2] :] if len(self.bounds) > 1 else ""

    def holds(self, phrase: str) -> bool:
        """Whether the joined phrase stands in it on word boundaries."""
        return any(start + len(phrase) in self.bounds for start in self._starts(phrase))

    def names(self, phrase: str) -> bool:
        """Whether it is a container of what the phrase names: `billingCustomers`,
        `customer_details`, but not `customer_orders`. The type of a resource names its
        own only: what is said below a `condition` is not below a Condition."""
        if self.joined.startswith(RESOURCE) and not phrase.startswith(RESOURCE):
            return False
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
    if key.isascii():
        words = _ASCII_WORD.findall(key)
    else:
        words = _WORD.findall("".join(map(_plain, key)))
    return [word.lower() for word in words[:limit]]


def _plain(letter: str) -> str:
    if _ACCENTED.match(letter) is None:
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


def _keys(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """What keys tell, with the phrase: types, and rules that have keys of their own."""
    for name, kind in catalog.types.items():
        for text in kind.keys:
            yield name, text
        for rule in kind.rules:
            for text in rule.keys:
                yield rule.told_as(name), text


class PhraseBook:
    """What keys say, by the catalog's phrases; remembers the keys it has seen."""

    def __init__(self, catalog: Catalog) -> None:
        self.phrases = [
            parse_phrase(told, spelt)
            for told, text in _keys(catalog)
            for spelt in dict.fromkeys((text, text.translate(_SPELT)))
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
        secret = {name for name, kind in catalog.types.items() if "secret" in kind.tags}
        self._secrets = {p.joined for p in self.phrases if p.data_type in secret}
        self._secrets |= {
            "".join(split(fold(" ".join(phrase.accented))))
            for phrase in self.phrases
            if phrase.data_type in secret
        }
        self._secret_parts = [
            phrase
            for phrase in sorted(self._secrets)
            if len(phrase) >= _LEAST_PART or not phrase.isascii()
        ]
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

    def written(self, told: Told) -> str:
        """The phrase as the catalog has it, which tells what a key told."""
        for phrase in self._telling.get(told.phrase, ()):
            is_same = phrase.data_type == told.data_type
            if is_same and ("".join(phrase.above), phrase.beside) == told[2:]:
                parts = [" ".join(phrase.accented)]
                parts += [f"below {' '.join(phrase.above)}"] if phrase.above else []
                parts += [f"beside {phrase.beside}"] if phrase.beside else []
                return ", ".join(parts)
        return ""

    def is_label(self, text: str, data_type: str, is_secret: bool = False) -> bool:
        """Whether a value only names its type, as in `"password": "Passwort"` and
        secret's, `"password": "Passwort eingeben"`."""
        if is_secret and self._is_prompt(text):
            return True
        if len(text) > LABEL_LIMIT:
            return False
        words = [text.lower()] if text.isascii() and text.isalpha() else split(text)
        return any(
            phrase.data_type == data_type
            for phrase in self._telling.get("".join(words), ())
        )

    def _is_prompt(self, text: str) -> bool:
        """Whether a text of several words, or of another script, speaks of a secret:
        `Passwords do not match`."""
        if len(text) > PROMPT_LIMIT:
            return False
        if not text.isascii():
            joined = "".join(split(text, len(text)))
            return any(part in joined for part in self._secret_parts)
        if " " not in text or not (text[0].isupper() or _PLAIN.fullmatch(text)):
            return False
        words = join(split(text))
        return any(
            part in self._secrets or part.removesuffix("s") in self._secrets
            for part in _parts(words, 0)
        )

    def _read(self, key: bytes) -> Notes:
        text = decode_key(key)
        if "/" in text and ("|" in text or ":" in text):
            text = _FLAT.sub("", text)
        if text.startswith("/"):
            text = text.replace("~1", "/").replace("~0", "~")
        if text.startswith("urn:"):
            text = text.rpartition(":")[2]
        if "[" in text:
            text = _FILTER.sub("", text)
        words = split(text)
        joined = join(words)
        near: set[str] = set()
        is_doubtful = False
        for part in _parts(joined, 0):
            near |= self._near.get(part, set())
            is_doubtful = is_doubtful or self._doubts(part)
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

    def is_doubtful(self, name: str) -> bool:
        """Whether the last word of a name in a text speaks against numbers."""
        words = split(name)[-1:]
        return bool(words) and self._doubts(words[0])

    def _doubts(self, part: str) -> bool:
        return part in self._doubtful or part.removesuffix("s") in self._doubtful

    def near_in(self, text: str) -> frozenset[str]:
        """Types whose phrases stand in a text."""
        return self.near_words(split(text, len(text)))

    def near_words(self, words: list[str]) -> frozenset[str]:
        """The same of a text's words."""
        found: set[str] = set()
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

    def told_after(self, text: str) -> frozenset[str]:
        """Types that the text names what is before it: ` as the tax id`."""
        naming = _NAMING.match(text)
        if naming is None:
            return NONE
        found: set[str] = set()
        words = split(text[naming.end() :], PHRASE_WORDS)
        for end in range(1, len(words) + 1):
            found |= self._near.get("".join(words[:end]), NONE)
        return frozenset(found)

    def told_before(self, text: str, words: list[str]) -> frozenset[str]:
        """Types whose phrases end the text, but for words like `number is`; with all
        its words."""
        if not _ENDING.search(text):
            return NONE
        found: set[str] = set()
        if " on " in text:
            text = _ON_FILE.sub("", text)
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
