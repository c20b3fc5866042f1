"""Which words have proved to be names of the interface, though no vocabulary has them.

In: successful requests whose paths hold words that are not known, each word with its
position (the template before it). Out: words that have proved: asked for often, by
several clients, over some time, where few alternatives stand, and looking like no
name of a person, code word or token. What follows names of persons and secrets never
proves, and where data follows a noun only words that interfaces use elsewhere do.

What was learnt leaves only as digests under the cluster's key (`learnt`), and comes
back so (`take`): nobody can read words out of them without the key, and even with it
only test words that he thinks of. All tables are bounded and forget the oldest.
"""

import re
from collections.abc import Hashable, Iterator
from hashlib import blake2b

from agent.naming import segments as places
from agent.naming.segments import Segments, is_project
from agent.naming.words import split

FREQUENT = 12
"""Requests for a word, answered with success."""
CLIENTS = 3
"""Different ones: what one person calls a thing, one or two clients ask for."""
PROOF_SECONDS = 600.0
"""Between its first and its last request: a burst is no habit."""
MOST_ALTERNATIVES = 16
"""Of data and words at one position; where more stand, they are parameters."""
SHARE = 40
"""A word makes up at least one in so many requests at its position."""
MOST_OPERATIONS = 256
"""The same of operations, which programs name: an API has hundreds behind one path."""
MOST_POSITIONS = 4_000
"""Of one server, twice: positions not seen since so many new ones are forgotten."""
MOST_PROVEN = 200_000
"""Digests, 100 bytes each."""
KEPT_DAYS = 30
"""A word that nobody asked for in so long must prove anew."""
TOLD_DAYS = 7
"""After so long that a word is still in use is told again."""
DAY_NS = 86_400 * 10**9

_READABLE = re.compile(r"_?[A-Za-z][A-Za-z0-9_-]{1,39}")


class Candidate:
    """A word at a position, on its way to proof."""

    __slots__ = (
        "clients",
        "digest",
        "first_ns",
        "hits",
        "is_called",
        "is_listed",
        "needed",
        "position",
    )

    def __init__(
        self,
        position: "Position",
        digest: bytes,
        needed: int = CLIENTS,
        is_listed: bool = True,
        is_called: bool = False,
    ) -> None:
        self.position = position
        self.needed = needed
        self.is_listed = is_listed
        """Interfaces use its words elsewhere; only such prove beside data."""
        self.is_called = is_called
        """People are called so as well: it proves only where nothing else stands."""
        self.digest = digest
        self.hits = 0
        self.first_ns = 0
        self.clients: set[int] = set()

    def hit(self, client: int, at_ns: int, proof_ns: int) -> bool:
        """Counts a success; whether the word has proved now."""
        if not self.hits:
            self.first_ns = at_ns
        self.hits += 1
        self.position.hits += 1
        if len(self.clients) < self.needed:
            self.clients.add(client)
        return (
            self.hits >= FREQUENT
            and len(self.clients) >= self.needed
            and at_ns - self.first_ns >= proof_ns
            and not self.position.is_full
            and (self.is_listed or not self.position.has_ids)
            and not (self.is_called and self.position.has_others)
            and self.hits * SHARE * self.position.most
            >= self.position.hits * MOST_ALTERNATIVES
        )


class Position:
    """What stood behind one template."""

    __slots__ = ("candidates", "has_ids", "hits", "most", "others")

    def __init__(self, most: int = MOST_ALTERNATIVES) -> None:
        self.most = most
        self.hits = 0
        self.has_ids = False
        self.candidates: dict[str, Candidate] = {}
        self.others: set[int] = set()

    @property
    def is_full(self) -> bool:
        return len(self.candidates) + len(self.others) > self.most

    @property
    def has_others(self) -> bool:
        """Whether more than one word or any data stood there."""
        return self.has_ids or len(self.candidates) + len(self.others) > 1

    def note(self, text: str) -> None:
        """Data that no proof will make a name."""
        if not self.is_full:
            self.others.add(hash(text))


class Positions:
    """The positions of one server; the oldest are forgotten."""

    def __init__(self) -> None:
        self._young: dict[str, Position] = {}
        self._old: dict[str, Position] = {}

    def has_ids(self, template: str) -> bool:
        """Whether ids or other data stood behind it."""
        found = self._young.get(template) or self._old.get(template)
        return found is not None and found.has_ids

    def at(self, template: str, most: int = MOST_ALTERNATIVES) -> Position:
        found = self._young.get(template)
        if found is None:
            found = self._old.pop(template, None) or Position(most)
            if len(self._young) >= MOST_POSITIONS:
                self._old, self._young = self._young, {}
            self._young[template] = found
        return found


class Proven:
    """Digests of words that have proved, and when they were last in use."""

    def __init__(self, key: bytes) -> None:
        """`key` is the cluster's own, up to 64 bytes."""
        self._key = key
        self._days: dict[bytes, int] = {}
        self._told: dict[bytes, int] = {}

    def digest(self, server: bytes, position: str, word: str) -> bytes:
        text = b"\0".join((server, position.encode(), word.encode()))
        return blake2b(text, digest_size=16, key=self._key).digest()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._days

    def __len__(self) -> int:
        return len(self._days)

    def use(self, digest: bytes, at_ns: int) -> None:
        """The word is in use at this time."""
        day = at_ns // DAY_NS
        if day <= self._days.get(digest, -1):
            return
        if digest not in self._days and len(self._days) >= MOST_PROVEN:
            return
        self._days[digest] = day

    def learnt(self, at_ns: int) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values to publish since the last time; an empty value takes back."""
        today = at_ns // DAY_NS
        for digest, day in list(self._days.items()):
            told = self._told.get(digest)
            if day < today - KEPT_DAYS:
                del self._days[digest]
                self._told.pop(digest, None)
                yield digest, b""
            elif told is None or day - told >= TOLD_DAYS:
                self._told[digest] = day
                yield digest, day.to_bytes(4, "big")

    def take(self, digest: bytes, value: bytes) -> bool:
        """What another replica published; whether it is new. Rubbish is ignored."""
        if len(digest) != 16 or len(value) not in (0, 4):
            return False
        if not value:
            self._told.pop(digest, None)
            return self._days.pop(digest, None) is not None
        day = int.from_bytes(value, "big")
        is_new = digest not in self._days
        if is_new and len(self._days) >= MOST_PROVEN:
            return False
        self._days[digest] = max(day, self._days.get(digest, 0))
        self._told[digest] = max(day, self._told.get(digest, 0))
        return is_new


def may_prove(text: str, place: int, segments: Segments, has_ids: bool) -> bool:
    """Whether a word could ever prove at such a place."""
    where = place & places.PLACE
    if where == places.PERSONAL or not _READABLE.fullmatch(text):
        return False
    if sum(letter.isdigit() for letter in text) > 2:
        return False
    words = split(text)
    if place & places.NAMES_NO_CAPITALS and text[0].isupper() and len(words) == 1:
        return False
    if needs_listed(place) or has_ids:
        return bool(segments.marks(words)) and not is_project(words)
    if is_called(words, segments):
        return bool(place & places.BEFORE_VERSION)
    return all(segments.word(word) or segments.is_spoken(word) for word in words)


def needs_listed(place: int) -> bool:
    """Whether data follows the noun before."""
    is_data = place & places.PLACE in (places.BELOW, places.FAR, places.ONE)
    return is_data and not place & places.UNSURE


def is_called(words: list[str], segments: Segments) -> bool:
    """Whether it is one word that people are called by, and interfaces not."""
    return (
        len(words) == 1
        and words[0].isalpha()
        and not segments.word(words[0])
        and segments.is_called(words[0])
    )


def is_token(text: str) -> bool:
    """Whether it is no word: what stands there is data."""
    return not _READABLE.fullmatch(text) or sum(map(str.isdigit, text)) > 2


def identity(server: Hashable) -> bytes:
    """The same bytes for the same server in every replica: of tuples, texts, numbers
    and bytes."""
    return repr(server).encode()
