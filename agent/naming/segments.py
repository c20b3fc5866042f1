# cython: annotation_typing=False, wraparound=True
"""One path segment at its place: a name of the interface, or data that must not stay.

In: a raw segment and what stands before it. Out: the segment itself if the vocabulary
knows its words to be names of interfaces at such a place, else a placeholder. In doubt
it is data. Percent-encoding (RFC 3986 section 2.1) is undone once; what follows a
semicolon (section 3.3) is left out.

Where data follows a noun (`/projects/…`), words that are well known are data as well:
only operations and nouns in plural stay, and after names of persons and of secrets
(`/users/…`, `/reset/…`) operations alone.
"""

import re
from urllib.parse import unquote_to_bytes

from agent.naming import vocabulary as known
from agent.naming.nouns import (
    CALLED,
    EXTENSIONS,
    FILES,
    LETTERS_AND_DIGITS,
    OF_INTERFACES,
    OF_ONE,
    PACKAGE_ROOTS,
    PEOPLE,
    PERSONAL_NOUNS,
    PROJECTS,
    ROOTS,
    SELECTORS,
    VERBS,
)
from agent.naming.shapes import ID, VALUE, is_placeholder, placeholder
from agent.naming.vocabulary import Vocabulary
from agent.naming.words import is_plural, split

START, OPEN, ROOT, BELOW, BEHIND, FAR, ONE, PERSONAL = range(8)
"""Places: first; after a name of the interface; after one that versions follow; after
a noun that data follows; after data; where a second parameter may stand; after what is
one person's or firm's; after names of persons and secrets."""
NAMES_NO_CAPITALS = 8
"""Added to a place where lower case stands before: a name with a capital is data."""
BEFORE_UNDERSCORE = 16
"""Added to a place before a segment such as `_search`: an index stands there."""
SECOND = 32
"""Added to a place after a noun that two parameters may follow: `/repos/owner/name`."""
UNSURE = 64
"""Added to BELOW after a word of which nobody knows whether data follows it."""
BEFORE_VERSION = 128
"""Added to the first place before a segment such as `v2`: an API is called so."""
PLACES = 256
PLACE = 7


_CALLED = CALLED | PROJECTS
_ACTS = ("ing", "ion", "ment", "ance", "able")
_LONGEST_SEGMENT = 200
_LONGEST = 64
_LONGEST_ACRONYM = 4
_MOST_WORDS = 7
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}")
_PRINTABLE = re.compile(rb"[\x21-\x7e]+")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_VERSION = re.compile(
    r"[vV]\d{1,3}(\.\d{1,3}){0,2}((alpha|beta|rc|preview|p)\d{0,2}((alpha|beta)\d)?)?"
)
_NUMBERED_VERSION = re.compile(r"\d{1,2}(\.\d{1,2})?|20\d\d-\d\d-\d\d")
_DOTTED_VERSION = re.compile(r"\d{1,2}\.\d{1,2}")
_LOCALE = re.compile(r"[a-z]{2}[-_][A-Z]{2}")
_VERB = re.compile(r"(.+):([a-z][A-Za-z]{1,30})")
_CALL = re.compile(r"([A-Za-z][A-Za-z.]{0,40})\(.*\)")
_TO = re.compile(r"([a-z]{2,})[24]([a-z]{2,})")
_COUNTED = re.compile(r"([a-z]{3,})\d")
_SERVICE = re.compile(r"((?:[a-z][a-z0-9_]*\.)*)([A-Z][A-Za-z0-9]+)")


class Segments:
    """Judges segments by a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def template(self, segment: bytes, place: int) -> str:
        """The segment if it may stay at `place`, else a placeholder."""
        text = plain(segment)
        if not text:
            return VALUE
        return self._template(text, place)

    def after(self, template: str, place: int) -> int:
        """The place behind a segment that became `template` at `place`."""
        style = place & NAMES_NO_CAPITALS
        where = place & PLACE
        if is_placeholder(template):
            return (FAR if where == FAR or place & SECOND else BEHIND) | style
        if _VERSION.fullmatch(template) or template[0].isdigit():
            return ROOT | style
        if template[0].islower() and template not in ROOTS:
            style = NAMES_NO_CAPITALS
        if where in (START, OPEN, ROOT) and _is_root(template):
            return ROOT | style
        kind = self.kind(template)
        if kind == OPEN and where in (BELOW, FAR):
            # What is no noun, but stood where data may stand: a kind of something.
            return FAR | style
        return kind | style

    def kind(self, name: str) -> int:
        """What may follow a name of the interface."""
        if name[0] == "_":
            return BELOW
        words = split(name)
        noun = words[-1] if words else ""
        marks = self._vocabulary.marks(noun)
        second = SECOND if marks & known.TWICE else 0
        if noun in OF_ONE:
            return ONE | second
        if noun in PERSONAL_NOUNS:
            return PERSONAL | second
        is_new = marks & ~(known.KNOWN | known.USED | known.PART) == known.LISTED
        if marks & known.NOUN or (is_new and is_plural(noun)):
            return BELOW | second
        if len(name) == 1:
            return PERSONAL
        is_open = marks & known.LEADS or noun in LETTERS_AND_DIGITS
        return OPEN if is_open else BELOW | UNSURE

    def marks(self, words: list[str]) -> int:
        """What holds for all of the words; 0 if one is not known."""
        marks = -1
        for word in words:
            marks &= self.word(word)
        return marks if words and marks & known.LISTED else 0

    def marks_of(self, name: str) -> int:
        """What holds for all words of a name; 0 if one is not known."""
        return self.marks(split(name)) if _NAME.fullmatch(name) else 0

    def is_spoken(self, word: str) -> bool:
        """Whether an unknown word may be one: no name, no code word, no token."""
        if not word.isalpha() or self.is_called(word):
            return False
        if len(word) < 5 or not word.isascii():
            return True
        vowels = sum(word.count(vowel) for vowel in "aeiouy")
        return vowels * 6 >= len(word) and not _CONSONANTS.search(word)

    def is_called(self, word: str) -> bool:
        """Whether persons, places or secrets are called so."""
        names = self._vocabulary.names
        return word in names or (word.endswith("s") and word[:-1] in names)

    def word(self, word: str) -> int:
        """Marks of a word in lower case, with digits too; 0 if it is not known."""
        if marks := self._vocabulary.marks(word):
            return marks
        if word in LETTERS_AND_DIGITS:
            return known.LISTED | known.KNOWN
        if word.isalpha():
            return 0
        if counted := _COUNTED.fullmatch(word):
            return self._vocabulary.marks(counted[1]) & (known.LISTED | known.KNOWN)
        if both := _TO.fullmatch(word):
            return self._vocabulary.marks(both[1]) & self._vocabulary.marks(both[2])
        return 0

    def _template(self, text: str, place: int) -> str:
        stem, dot, extension = text.rpartition(".")
        is_file = dot and stem and extension.lower() in EXTENSIONS
        if is_file and extension.lower() not in OF_INTERFACES:
            return self._file(text, stem, extension, place)
        if self.may_stay(text, place):
            return text
        if text.isalnum():
            return ID
        if is_file:
            return self._file(text, stem, extension, place)
        if (verb := _VERB.fullmatch(text)) and self.is_operation(verb[2]):
            return f"{self._template(verb[1], place)}:{verb[2]}"
        if call := _CALL.fullmatch(text):
            name = self._template(call[1], place)
            return ID if is_placeholder(name) else f"{name}({ID})"
        return placeholder(text)

    def _file(self, text: str, stem: str, extension: str, place: int) -> str:
        if stem in FILES and place & PLACE in (START, OPEN, ROOT):
            return text
        shown = (
            self._template(stem, place)
            if extension.lower() in OF_INTERFACES
            else placeholder(stem)
        )
        return f"{shown}.{extension}"

    def is_operation(self, name: str) -> bool:
        """Whether a name is made of known words and begins as operations do."""
        words = split(name)
        marks = self.marks(words)
        return bool(marks) and (
            words[0] in VERBS or bool(marks & (known.OPERATION | known.BELOW))
        )

    def may_stay(self, text: str, place: int) -> bool:
        """Whether the vocabulary knows it as a name of interfaces at such a place."""
        where = place & PLACE
        if len(text) > _LONGEST or not _NAME.fullmatch(text):
            return False
        if _VERSION.fullmatch(text):
            return where != PERSONAL
        if where in (START, ROOT) and _NUMBERED_VERSION.fullmatch(text):
            return where == ROOT or len(text) == len("2010-04-01")
        if where == OPEN and _DOTTED_VERSION.fullmatch(text):
            return True
        if where in (START, OPEN, ROOT) and _LOCALE.fullmatch(text):
            return True
        if text == ".well-known":
            return where != PERSONAL
        if len(text) == 1 and text.isalpha():
            return where in (START, OPEN, ROOT, PERSONAL)
        if where == START and place & BEFORE_UNDERSCORE and text[0] != "_":
            return False
        return self._is_known(text, place)

    def _is_known(self, text: str, place: int) -> bool:
        words = split(text)
        if not words or len(words) > _MOST_WORDS or ("-" in text and "_" in text):
            return False
        has_digits = sum(letter.isdigit() for letter in text) > 3 or text[0].isdigit()
        if has_digits and text not in LETTERS_AND_DIGITS:
            return False
        marks = self.marks(words)
        where = place & PLACE
        if not marks or words[-1].isdigit():
            return False
        if marks & known.NAME and self._is_called(text, words, marks, place):
            return False
        if text.isupper() and len(text) > _LONGEST_ACRONYM:
            return False
        if where == OPEN and is_project(words):
            return False
        if where in (START, OPEN, ROOT):
            return True
        if text[0] == "_":
            return where != PERSONAL
        if "." in text and where != BEHIND:
            return False
        if not marks & known.USED:
            return False
        if len(words) == 1:
            return _word_stays(words[0], marks, BEHIND if place & UNSURE else where)
        return self._name_stays(text, words, marks, place)

    @staticmethod
    def _is_called(text: str, words: list[str], marks: int, place: int) -> bool:
        """Whether a name of interfaces that is one of persons too may be a person's."""
        if len(words) == 1 and not marks & known.KNOWN:
            return True
        if not text[0].isupper():
            return False
        if place & NAMES_NO_CAPITALS:
            return True
        return not marks & known.FREQUENT and place & PLACE not in (OPEN, ROOT)

    def _name_stays(self, text: str, words: list[str], marks: int, place: int) -> bool:
        """A name of several words where data may stand."""
        where = place & PLACE
        if words[0] == "my" or CALLED.issuperset(words):
            return False
        if words[0] in VERBS and (marks & known.KNOWN or where == BEHIND):
            return True
        if where == PERSONAL or words[-1] in PEOPLE:
            return False
        is_told = where == BEHIND or place & UNSURE
        if not marks & known.KNOWN and not is_told:
            return False
        if is_plural(words[-1]) or (_is_humped(text) and where in (BELOW, BEHIND)):
            return True
        if where != BEHIND or not marks & known.KNOWN or not _CALLED.isdisjoint(words):
            return False
        return bool(self.word(words[-1]) & (known.ENDS | known.BEHIND))


def _is_humped(text: str) -> bool:
    """`dataFrame`: people separate the words of what they call a thing."""
    return text.isalpha() and not text.islower() and not text.isupper()


def is_project(words: list[str]) -> bool:
    """What people call a project or a group of people by, rather than an interface."""
    if len(words) == 1:
        return words[0] in PROJECTS
    is_called = any(word in PROJECTS for word in words) or words[-1] in PEOPLE
    return words[0] not in VERBS and is_called


def _is_root(name: str) -> bool:
    _, dot, extension = name.rpartition(".")
    return name in ROOTS or (bool(dot) and extension in OF_INTERFACES)


def _word_stays(word: str, marks: int, where: int) -> bool:
    """A single word where data may stand."""
    is_verb = word in VERBS
    if word in CALLED:
        return False
    if word in SELECTORS:
        return True
    if where in (PERSONAL, ONE) and (
        marks & known.COMMON_OPERATION or (is_verb and marks & known.OPERATION)
    ):
        return True
    if where == PERSONAL:
        return False
    if is_verb or (is_plural(word) and (marks & known.KNOWN or where == BEHIND)):
        return True
    if word.endswith("ed") and marks & known.KNOWN:
        return True
    if where == BELOW:
        return bool(marks & known.BELOW)
    if where == BEHIND:
        is_act = word.endswith(_ACTS) and marks & known.KNOWN
        return bool(is_act or marks & (known.BEHIND | known.LEADS))
    return where == FAR and bool(marks & known.FAR_BEHIND)


def plain(segment: bytes) -> str:
    """The segment decoded once, without matrix parameters; nothing if it is no text."""
    if len(segment) > _LONGEST_SEGMENT:
        return ""
    decoded = segment.partition(b";")[0]
    if b"%" in decoded:
        decoded = unquote_to_bytes(decoded)
    return decoded.decode("ascii") if _PRINTABLE.fullmatch(decoded) else ""


def is_version(segment: bytes) -> bool:
    return _VERSION.fullmatch(plain(segment)) is not None


def is_service(name: str, segments: Segments) -> bool:
    """Whether it is a service's full name (gRPC): `com.acme.shop.v1.OrderService`."""
    found = _SERVICE.fullmatch(name)
    if not found or not found[1] or not segments.marks(split(found[2])):
        return False
    labels = found[1].split(".")[:-1]
    if labels[0] in PACKAGE_ROOTS:
        labels = labels[2:]
    return all(
        _VERSION.fullmatch(label) or segments.marks(split(label)) for label in labels
    )
