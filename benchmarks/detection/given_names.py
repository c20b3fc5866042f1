"""Makes the list of given names: `python -m benchmarks.detection.given_names`.

Faker's names (PyPI Faker, MIT; install it beside): those in Latin letters that two of
its locales have, or one of those in `LOCALES`. Left out are words of interfaces, which
name other things, but for those that `MANY` locales have.
"""

import importlib
import pkgutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path("detection/validators/given_names.txt")
WORDS = Path("agent/naming/vocabulary.txt")
PEOPLE = "faker.providers.person"
LOCALES = frozenset("en_GB en_IN en_US".split())
MANY = 5
LEAST_LETTERS = 3
HEAD = """\
# Given names in Latin letters, as facts from Faker's locales. Made by
# `python -m benchmarks.detection.given_names`.
"""


def main() -> None:
    found: Counter[str] = Counter()
    usual: set[str] = set()
    for locale, names in _locales():
        found.update(names)
        if locale in LOCALES:
            usual |= names
    lines = WORDS.read_text().splitlines()
    words = {line.partition(" ")[0] for line in lines if not line.startswith("#")}
    names = usual | {name for name, count in found.items() if count > 1}
    many = {name for name, count in found.items() if count >= MANY}
    kept = sorted(names - words | many)
    FILE.write_text(HEAD + "\n".join(kept) + "\n")
    print(f"{len(kept)} names")


def _locales() -> Iterator[tuple[str, set[str]]]:
    for module in pkgutil.iter_modules(importlib.import_module(PEOPLE).__path__):
        provider = importlib.import_module(f"{PEOPLE}.{module.name}").Provider
        lists = [name for name in dir(provider) if name.startswith("first_names")]
        names = {
            name.lower()
            for attribute in lists
            for name in _names(getattr(provider, attribute))
            if _is_latin(name)
        }
        yield module.name, names


def _names(things: Any) -> Iterable[str]:
    """Of names, pairs of a name and a form of it, or names with their weights."""
    if not isinstance(things, (Mapping, tuple, list, set, frozenset)):
        return []
    return [thing if isinstance(thing, str) else str(thing[0]) for thing in things]


def _is_latin(name: str) -> bool:
    return len(name) >= LEAST_LETTERS and all(
        letter.isalpha() and "LATIN" in unicodedata.name(letter) for letter in name
    )


if __name__ == "__main__":
    main()
