"""In how many APIs a word stands where.

In: operations and identifiers of API descriptions. Out: marks for each word, as
`agent/naming/vocabulary.py` reads them. Providers are counted, not operations: a word
that one provider likes is its jargon.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from agent.naming.words import SHORTEST_PART, forms, is_compound, is_plural, split
from benchmarks.vocabulary.descriptions import Description, Operation

PARAMETER = "{}"
KNOWN, WELL_KNOWN = 2, 16
"""Providers of a word that is known, and well known."""
KNOWN_IDENTIFIERS = 10
"""Providers that use a word in names, if one has it in a path."""
IDENTIFIERS = 3
"""Providers that use a word in names, if none has it in a path."""
COMMON_NAME, NAME = 7, 15
"""Providers of a word that is a given name too: an English word, or not."""
NAME_IDENTIFIERS = 20
"""Providers that use a name of persons in names of properties: `kind`, `height`."""
SURNAME_IDENTIFIERS, SURNAME_TEXTS = 8, 12
"""The same of an English word that is a surname only, and providers' texts: `toll`."""
SPOKEN = 3
"""Providers whose texts have a word, if nothing else does."""
FREQUENT = 40
"""Providers of a name of persons that is one of an interface with a capital too."""
PART, SHORT_PART, PART_NAME = 8, 25, 20
"""Providers of a word that compounds are made of: of four letters or more, of three,
and of one that is a name too."""

_VARIABLE = re.compile(r"\{[^}]*\}")
_NUMBERED = re.compile(r"(?=.*[a-z])(?=.*\d)[a-z\d]{2,8}")
_VERSION = re.compile(r"v?\d+.?")

Providers = defaultdict[str, set[str]]


class Counts:
    """Providers of each word, by where it stands."""

    def __init__(self) -> None:
        self.anywhere: Providers = defaultdict(set)
        self.behind: Providers = defaultdict(set)
        """Right behind a parameter."""
        self.beside: Providers = defaultdict(set)
        """Where a parameter may stand instead."""
        self.below: Providers = defaultdict(set)
        """Below a noun that parameters follow."""
        self.followed: Providers = defaultdict(set)
        """A parameter follows."""
        self.twice: Providers = defaultdict(set)
        """Two parameters follow."""
        self.leading: Providers = defaultdict(set)
        """Another word follows."""
        self.named: Providers = defaultdict(set)
        """In names of operations."""
        self.identifiers: Providers = defaultdict(set)
        self.texts: Providers = defaultdict(set)

    def of(self, providers: Mapping[str, set[str]], word: str) -> int:
        return len(providers.get(word, ()))

    def best(self, providers: Mapping[str, set[str]], word: str) -> int:
        """Of the word in singular or plural."""
        return max(self.of(providers, form) for form in forms(word))


def count(descriptions: Iterable[Description]) -> Counts:
    counts = Counts()
    trees: dict[tuple[str, str], set[tuple[tuple[str, ...], str]]] = defaultdict(set)
    for description in descriptions:
        for operation in description.operations:
            _walk(operation, trees[operation.provider, operation.api])
            for word in split(operation.name):
                counts.named[word].add(operation.provider)
        for identifier in description.identifiers:
            for word in split(identifier):
                counts.identifiers[word].add(description.provider)
        for word in description.words:
            counts.texts[word].add(description.provider)
    for (provider, _), nodes in trees.items():
        _count_nodes(counts, provider, nodes)
    for (provider, _), nodes in trees.items():
        _count_below(counts, provider, nodes)
    return counts


def _walk(operation: Operation, nodes: set[tuple[tuple[str, ...], str]]) -> None:
    parent: tuple[str, ...] = ()
    for segment in operation.path.split("/"):
        if segment:
            segment = PARAMETER if segment[0] == "{" else segment
            nodes.add((parent, segment))
            parent = (*parent, segment)


def _last(parent: tuple[str, ...]) -> str:
    """The noun that a position stands below."""
    words = split(parent[-1]) if parent and parent[-1] != PARAMETER else []
    return words[-1] if words else ""


def _count_nodes(
    counts: Counts, provider: str, nodes: set[tuple[tuple[str, ...], str]]
) -> None:
    with_parameters = {parent for parent, segment in nodes if segment == PARAMETER}
    for parent, segment in nodes:
        if segment == PARAMETER:
            counts.followed[_last(parent)].add(provider)
            if parent and parent[-1] == PARAMETER:
                counts.twice[_last(parent[:-1])].add(provider)
            continue
        counts.leading[_last(parent)].add(provider)
        for word in split(_VARIABLE.sub("", segment)):
            counts.anywhere[word].add(provider)
            if parent and parent[-1] == PARAMETER:
                counts.behind[word].add(provider)
            if parent in with_parameters:
                counts.beside[word].add(provider)


def _count_below(
    counts: Counts, provider: str, nodes: set[tuple[tuple[str, ...], str]]
) -> None:
    for parent, segment in nodes:
        noun = _last(parent)
        if (
            segment != PARAMETER
            and noun
            and (noun.endswith("s") or counts.of(counts.followed, noun) > 2)
        ):
            for word in split(_VARIABLE.sub("", segment)):
                counts.below[word].add(provider)


def marks(
    counts: Counts,
    names: Collection[str],
    given: Collection[str],
    dictionary: Collection[str],
    never: Collection[str],
) -> dict[str, str]:
    """Each word that may stay, with its marks (agent/naming/vocabulary.py)."""
    words = set(counts.anywhere) | set(counts.identifiers) | set(counts.named)
    words |= {w for w in counts.texts if counts.of(counts.texts, w) >= SPOKEN}
    marked = {}
    for word in sorted(words - set(never)):
        if not _is_kept(counts, word, names, given, dictionary):
            continue
        marked[word] = _marks(counts, word, word in names or word in given)
    parts = {word for word, told in marked.items() if "w" in told}
    for word in sorted((set(dictionary) | set(names)) - set(marked)):
        if is_compound(word, parts):
            marked[word] = "x"
    return marked


def _is_kept(
    counts: Counts,
    word: str,
    names: Collection[str],
    given: Collection[str],
    dictionary: Collection[str],
) -> bool:
    if not word.isascii() or len(word) < 2:
        return False
    here = counts.of(counts.anywhere, word)
    if not word.isalpha():
        is_numbered = _NUMBERED.fullmatch(word) and not _VERSION.fullmatch(word)
        return is_numbered is not None and is_numbered is not False and here >= KNOWN
    is_common = word in dictionary or word.removesuffix("s") in dictionary
    least = 1
    if word in given:
        least = COMMON_NAME if is_common else NAME
    elif word in names:
        least = KNOWN if is_common else COMMON_NAME
    elif word.removesuffix("s") in given:
        least = KNOWN
    if least > 1:
        return here >= least or _is_plain(counts, word, word in given, is_common)
    return _is_used(counts, word) or counts.of(counts.texts, word) >= SPOKEN


def _is_known(counts: Counts, word: str, is_name: bool) -> bool:
    here = counts.best(counts.anywhere, word)
    identifiers = counts.of(counts.identifiers, word)
    return (
        here >= KNOWN
        or not word.isalpha()
        or (here > 0 and not is_name and identifiers >= KNOWN_IDENTIFIERS)
    )


def _is_plain(counts: Counts, word: str, is_given: bool, is_common: bool) -> bool:
    """Whether a name of persons is above all a word that interfaces have."""
    identifiers = counts.of(counts.identifiers, word)
    if is_given or not is_common:
        return identifiers >= NAME_IDENTIFIERS
    texts = counts.of(counts.texts, word)
    return identifiers >= SURNAME_IDENTIFIERS or texts >= SURNAME_TEXTS


def _is_part(counts: Counts, word: str, is_name: bool) -> bool:
    here = counts.of(counts.anywhere, word)
    if not word.isalpha() or len(word) < SHORTEST_PART:
        return False
    short = SHORT_PART if len(word) == SHORTEST_PART else PART
    return here >= (max(short, PART_NAME) if is_name else short)


def _is_used(counts: Counts, word: str) -> bool:
    return (
        counts.best(counts.anywhere, word) >= 1
        or counts.of(counts.named, word) >= KNOWN
        or counts.of(counts.identifiers, word) >= IDENTIFIERS
    )


def _marks(counts: Counts, word: str, is_name: bool) -> str:
    here = counts.of(counts.anywhere, word)
    behind, beside = counts.of(counts.behind, word), counts.of(counts.beside, word)
    followed, leading = (
        counts.of(counts.followed, word),
        counts.of(counts.leading, word),
    )
    if is_plural(word):
        is_noun = leading < 6 * (followed + 1)
    else:
        is_noun = followed >= 6 or (followed >= 2 and followed * 3 >= leading)
    claims = {
        "k": _is_known(counts, word, is_name),
        "a": here >= 4 and behind >= 2,
        "b": here >= WELL_KNOWN and behind >= 4,
        "c": here >= WELL_KNOWN and (counts.of(counts.below, word) >= 3 or beside >= 2),
        "e": behind >= 8,
        "f": here >= FREQUENT,
        "n": is_name,
        "s": counts.best(counts.anywhere, word) < 1,
        "w": _is_part(counts, word, is_name),
        "o": beside >= 3,
        "q": beside >= 8,
        "p": is_noun,
        "l": leading >= 2,
        "t": followed > 0 and counts.of(counts.twice, word) * 8 >= followed,
    }
    return "".join(mark for mark, holds in claims.items() if holds)
