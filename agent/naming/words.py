# cython: annotation_typing=False, wraparound=True
"""Words of names: `getUserById` is `get user by id`.

In: a path segment, an operation or a key. Out: its words in lower case, split at
humps, dashes, underscores, dots and colons. A part with digits is one word (`oauth2`),
but for numbers alone and for a version at its end (`projectsV2`).
"""

import re
from collections.abc import Container

SHORTEST_PART = 3
MOST_PARTS = 3
"""Of a compound such as `immutabletagrules`."""

_PARTS = re.compile(r"[-_.:]+")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z]|[^A-Za-z]|$)|[A-Z]?[a-z]+")
_ENDINGS = ("ing", "ed", "ation", "ations", "able")
_BEGINNINGS = ("un", "re", "pre", "sub", "multi", "micro", "auto", "non", "de")
_SHORTEST_STEM = 4
_VERSIONED = re.compile(r"([A-Za-z]+)[vV]\d")


def split(name: str) -> list[str]:
    """The words of a name of ASCII letters, digits and separators."""
    words = []
    for part in _PARTS.split(name):
        if part.isalpha():
            words += [hump.lower() for hump in _HUMP.findall(part)]
        elif versioned := _VERSIONED.fullmatch(part):
            words += [hump.lower() for hump in _HUMP.findall(versioned[1])]
        elif part:
            words.append(part.lower())
    return words


def forms(word: str) -> list[str]:
    """The word, and how it may stand in singular or plural."""
    found = [word, word + "s"]
    if word.endswith("s"):
        found.append(word[:-1])
    if word.endswith("es"):
        found.append(word[:-2])
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    if word.endswith("y"):
        found.append(word[:-1] + "ies")
    return found


def stems(word: str) -> list[str]:
    """What it may be derived from: `reconstructed` from `construct`, `subuser`."""
    found = []
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            stem = word[: -len(ending)]
            found += [stem, stem + "e"]
            if stem[-1] == stem[-2]:
                found.append(stem[:-1])
    for start in _BEGINNINGS:
        if word.startswith(start) and len(word) - len(start) >= _SHORTEST_STEM:
            found.append(word[len(start) :])
    return found


def is_compound(word: str, parts: Container[str], most: int = MOST_PARTS) -> bool:
    """Whether it is put together of such parts: `cloudmigration`."""
    for end in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1):
        if word[:end] in parts:
            rest = word[end:]
            if rest in parts or rest.removesuffix("s") in parts:
                return True
            if most > 2 and is_compound(rest, parts, most - 1):
                return True
    return False


def is_plural(word: str) -> bool:
    return (
        len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    )
