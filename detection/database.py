"""The Hyperscan database of a catalog, compiled once and kept by a hash of its parts.

Expressions report only where a match ends: start-of-match halves the speed. Numbers
below FIRST_RULE have fixed meanings, the others count the catalog's rules. The cached
file holds the serialized database behind a hash of it and belongs to this user, or to
root, since an image may bring it along; if it cannot be written or read, or was made
for another processor, the database is compiled again.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import hyperscan

from detection.catalog import LONE, Catalog, CatalogError, rules
from detection.fields import ESCAPE_HIT, FIRST_RULE, KEY_HIT, RESOURCE
from detection.words import MODIFIERS, Phrase, PhraseBook, parse_phrase

NESTED_HIT = 2
"""JSON in a string."""
ENCODED_HIT = 3
"""Base64 of JSON in a string."""
SPOKEN_HIT = 4
"""A telling phrase in a text."""
PERCENT_HIT = 5
"""What a URL encodes of an address or number: the text is decoded, scanned again."""

KEPT = 8
"""Databases in the cache: the oldest goes when another is written."""

SHORT_WORD = 5
"""Letters up to which a word alone is bounded, since longer words end with it."""

_SPELT_LETTERS = 3
"""Of all words of a phrase in texts, up to which signs between them are spelt out."""
_WORD_START = re.compile(r"(?:^|(?<=\|))\\b")
_FIXED_START = re.compile(r"(?:^|(?<=\|))\\b(?=(?:\(\?:)?[A-Za-z0-9])")
_SEPARATOR = '[^a-z0-9"]?'
_SPELT_SEPARATOR = "(?:|[ _./-])"
"""Hyperscan makes one fixed text of it and the words around: `bel` of `bel me` alone
stands in each `label`."""
_FIXED = (
    (ESCAPE_HIT, r"\\u00[2-7][0-9a-fA-F]", 0),
    (
        ESCAPE_HIT,
        r"[0-9](?:\xc2\xa0|\xe2\x80[\x80-\x95\xaf]|\xe2\x88\x92|\xe3\x80\x80)[0-9]",
        0,
    ),
    (ESCAPE_HIT, r"\xef\xbc[\x8d\x90-\x99\xa0]", 0),
    (
        PERCENT_HIT,
        r"%(?:25)?(?:40[A-Za-z0-9]|2[bB][1-9]|3[aAdD][A-Za-z0-9%])|[0-9]%2[0dD][0-9]",
        0,
    ),
    (KEY_HIT, r'"resourceType"\s?:', 0),
    (KEY_HIT, r'(?:[Nn][or]\.|[A-Za-z] ?[:*?])"', 0),
    (KEY_HIT, r'\\u[0-9a-fA-F]{4}[^"\x00-\x1f]{0,12}"\s?:', 0),
    (NESTED_HIT, r'[{\[]\s?(?:\\[nrt]\s?)?\\"', 0),
    (ENCODED_HIT, r'"(?:eyJ|eyA|ewog|ewo|W3si|W1si)[A-Za-z0-9+/_-]{12}', 0),
)
_BEFORE_COUNTRY = (
    r'(?:id|number|passport|vat|code|plate|licen[cs]e)_[a-z][a-z]"',
    r'(?:I[dD]|Number|Passport|V[aA][tT]|Code|Plate|Licen[cs]e)[A-Z][A-Z]"',
)
"""Ends of keys that name a country's number; all codes after all words cost a quarter
of the scan."""


class Expression(NamedTuple):
    """What Hyperscan compiles."""

    number: int
    text: str
    flags: int


def expressions(catalog: Catalog, book: PhraseBook) -> Iterator[Expression]:
    """Keys, fixed triggers and the rules that are searched everywhere."""
    for text, flags in key_expressions(book.phrases).items():
        yield Expression(KEY_HIT, text, flags)
    for text in spoken_expressions(catalog.spoken):
        yield Expression(SPOKEN_HIT, text, hyperscan.HS_FLAG_CASELESS)
    for number, text, flags in _FIXED:
        yield Expression(number, text, flags)
    for (text, is_caseless), numbers in anchors(catalog).items():
        flags = hyperscan.HS_FLAG_CASELESS if is_caseless else 0
        yield Expression(FIRST_RULE + numbers[0], _in_json(text), flags)


def _in_json(text: str) -> str:
    """A word may begin after an escaped line break, whose letter is one of a word;
    before fixed text a boundary costs more than it spares."""
    text = text.replace(LONE, r"\b")
    return _WORD_START.sub(r"(?:\\b|\\\\[nrt])", _FIXED_START.sub("", text))


def anchors(catalog: Catalog) -> dict[tuple[str, bool], list[int]]:
    """What is searched everywhere, and the numbers of the rules that it stands for.

    A hit has the first number. Shapes that begin with no fixed text cost the most, so
    rules of a similar shape share an anchor.
    """
    shared: dict[tuple[str, bool], list[int]] = {}
    for number, (_, _, rule) in enumerate(rules(catalog)):
        if rule.when == "value":
            key = rule.scanned, rule.caseless
            shared.setdefault(key, []).append(number)
    return shared


def lone_hits(catalog: Catalog) -> list[int]:
    """Numbers of hits that end digits which nothing may join to what is before."""
    return [
        FIRST_RULE + numbers[0]
        for (text, _), numbers in anchors(catalog).items()
        if text.startswith(LONE)
    ]


def spoken_expressions(phrases: Iterable[str]) -> list[str]:
    """With and without accents. Short words are bounded; in longer ones a name in any
    style may stand (`user_passport=`)."""
    texts: dict[str, None] = {}
    for phrase in phrases:
        parsed = parse_phrase("", phrase)
        for words in (parsed.words, parsed.accented, *_cased(parsed.accented)):
            # Hyperscan takes letters that are not ASCII for no words.
            is_short = len("".join(words)) <= SHORT_WORD
            before = r"\b" if is_short and words[0][0].isascii() else ""
            after = r"\b" if is_short and words[-1][-1].isascii() else ""
            is_spelt = max(map(len, words)) <= _SPELT_LETTERS
            between = _SPELT_SEPARATOR if is_spelt else _SEPARATOR
            texts[before + _joined(words, between) + after] = None
    return list(texts)


def key_expressions(phrases: Iterable[Phrase]) -> dict[str, int]:
    """What ends a string that may be a telling key, with Hyperscan's flags.

    A few more keys match than are telling: the last two words stand for a phrase, and
    for a phrase below a key only that key, whose members the walker then gives. Phrases
    that end with another phrase need none. Compiling takes minutes instead of seconds
    if the classes are smaller or anything optional stands near the end.
    """
    below = [p for p in phrases if p.above and p.above[0] != RESOURCE]
    plain = [p for p in phrases if not p.above and p.words[0] != RESOURCE]
    parts = {(phrase.words, phrase.is_whole) for phrase in plain}
    parts |= {(phrase.accented, phrase.is_whole) for phrase in plain}
    parts |= {(phrase.above, False) for phrase in below}
    parts |= {(other, is_whole) for words, is_whole in parts for other in _cased(words)}
    caseless = hyperscan.HS_FLAG_CASELESS
    texts: dict[str, int] = {}
    for words, is_whole in sorted(parts):
        shorter = (words[start:] for start in range(int(not is_whole), len(words)))
        if any((ending, False) in parts for ending in shorter):
            continue
        if is_whole:
            texts['"' + _joined(words) + '"'] = caseless
        elif len(words) > 1:
            count = 2 if len("".join(words[-2:])) > SHORT_WORD else 3
            texts[_joined(words[-count:]) + '"'] = caseless
        elif len(words[0]) > SHORT_WORD:
            texts[words[0] + '"'] = texts[words[0] + 's"'] = caseless
        else:
            texts[f'[^a-z]{words[0]}"'] = texts[f'[^a-z]{words[0]}s"'] = caseless
            texts[words[0].title() + '"'] = texts[words[0].upper() + '"'] = 0
    for word in sorted(MODIFIERS):
        texts[f'[^"]{word}"'] = caseless
    for text in _BEFORE_COUNTRY:
        texts[text] = 0
    return texts


def _cased(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """With capitals, which Hyperscan knows of ASCII only: `Дата рождения`, `ФИО`."""
    if not "".join(words).isascii():
        yield (words[0].title(), *words[1:])
        yield tuple(word.title() for word in words)
        yield tuple(word.upper() for word in words)


def _joined(words: Sequence[str], between: str = _SEPARATOR) -> str:
    return between.join(re.escape(word) for word in words)


def compile_database(parts: Sequence[Expression]) -> hyperscan.Database:
    """Raises CatalogError if Hyperscan refuses an expression."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[part.text.encode() for part in parts],
            ids=[part.number for part in parts],
            flags=[part.flags for part in parts],
        )
    except hyperscan.HyperscanError as error:
        raise CatalogError(f"Hyperscan: {error}") from error
    return database


def open_database(
    catalog: Catalog, book: PhraseBook, cache: Path | None
) -> hyperscan.Database:
    """From the cache if it is there, else compiled and cached. Expressions of the same
    flags stand together: Hyperscan takes twice as long otherwise."""
    parts = sorted(expressions(catalog, book), key=lambda part: part.flags)
    if cache is None:
        return compile_database(parts)
    name = hashlib.sha256(repr((version("hyperscan"), parts)).encode()).hexdigest()
    file = cache / f"{name[:32]}.hsdb"
    database = _load(file)
    if database is None:
        database = compile_database(parts)
        _save(file, hyperscan.dumpb(database))
    return database


def default_cache() -> Path:
    """$XDG_CACHE_HOME/vethscope, or ~/.cache/vethscope."""
    root = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(root) / "vethscope"


def _load(file: Path) -> hyperscan.Database | None:
    try:
        if file.stat().st_uid not in (0, os.getuid()):
            return None
        data = file.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        return None
    try:
        database = hyperscan.loadb(data[32:], mode=hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.HyperscanError:
        return None
    return database


def _save(file: Path, data: bytes) -> None:
    """Whole or not at all; a directory that is not ours to write is left alone."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_bytes(hashlib.sha256(data).digest() + data)
        part.replace(file)
        cached = sorted(file.parent.glob("*.hsdb"), key=lambda f: f.stat().st_mtime_ns)
        for old in cached[:-KEPT]:
            old.unlink()
