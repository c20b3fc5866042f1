"""The catalog: data types and their rules, read from YAML.

The built-in files of `catalog/` come first, then the user's own file, whose types are
added, replace built-in ones of the same name, or are turned off by `off: [name, …]`;
its corrections say where findings are none, or of another type (`corrections.py`).
All mistakes of a file are reported at once. The digest names everything that decides
findings, the libraries of numbers too; what is only shown or proven (titles, examples)
is part of it too, so that a digest stands for exactly one catalog.
"""

import hashlib
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from detection.corrections import MOST_CORRECTIONS, Correction
from detection.finding import Sensitivity

BUILT_IN = Path(__file__).parent / "catalog"
METHOD = "12"
"""Changes when the code would judge the same bytes and rules differently."""

_OPEN_END = re.compile(r"\{(\d+),\d+\}(?:=\?|=\*|=\{0,\d\})?$")


LONE = r"(?<![\w.+/-])"
"""Begins anchors of digits that nothing may join to what stands before them. Hyperscan
knows word boundaries only; the walker looks at the rest."""


class CatalogError(Exception):
    """All mistakes of a catalog, one line each."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to know a data type by its value."""

    pattern: str
    """Regular expression of the value (Hyperscan's and Python's common part)."""
    when: Literal["value", "key"] = "value"
    """value: searched everywhere; key: only under telling keys or words, and whole."""
    name: str = ""
    anchor: str = ""
    """Cheaper expression for the scan; it matches in any text that `pattern` does, but
    for those of `partial` rules.
    Rules with the same anchor cost one. Before digits it may begin with `LONE`."""
    partial: bool = False
    """The anchor leaves out texts of the pattern that only keys make likely: the rule
    is tried on all values that a key tells, others only where their anchors hit."""
    caseless: bool = False
    validator: str = ""
    above: str = ""
    """Phrase of a key: only below such a one, as the name of a cookie stands."""
    base: int = 0
    """Step of the ladder before validator and context; 0: 3, or 2 if when is key."""
    keys: list[str] = []
    """Phrases of keys, as those of a type, under which this rule holds, and no other of
    it: they name other things as often."""
    doubt: bool = False
    """The value alone proves little: keys like `order_id` count against it."""
    before: str = r"[^\W_]"
    """What must not stand before the match."""
    after: str = r"[^\W_]"
    """What must not stand after the match."""

    @property
    def scanned(self) -> str:
        """What the scan looks for: each end that may come later would be a hit more."""
        return self.anchor or _OPEN_END.sub(r"{\1}", self.pattern)

    def told_as(self, data_type: str) -> str:
        """What keys have to tell for it: its type, or that it alone may hold."""
        return f"{data_type}:{self.name}" if self.keys else data_type

    @property
    def start(self) -> int:
        return self.base or (2 if self.when == "key" else 3)


class DataType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data type with its rules and their proof."""

    name: str
    title: str
    sensitivity: Literal["low", "medium", "high"]
    rules: list[Rule]
    examples: list[Any]
    """Each must be found, likely or above; each rule by at least one."""
    decoys: list[Any]
    """In none of these may the type be found likely."""
    tags: list[str] = []
    keys: list[str] = []
    """Phrases of telling keys: `card number`, `=pan` (the whole key), `user/name` (only
    below such a key), `name & email` (only beside such a key)."""
    near: list[str] = []
    """Phrases whose keys, above or beside, or words, in the text before, support it."""
    countries: dict[str, str] = {}
    """Forms of the whole value, in any case, where keys name the country (its code of
    ISO 3166): values of other forms are none there."""
    abroad: bool = False
    """Shown in other countries too: only its own key names its country, none beside."""
    nested: bool = False
    """Reported beside another finding in the same characters."""

    @property
    def level(self) -> Sensitivity:
        return Sensitivity[self.sensitivity.upper()]


class Combination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Types that together say more: one of each group raises those found."""

    name: str
    groups: list[list[str]]
    sensitivity: Literal["low", "medium", "high"]

    @property
    def level(self) -> Sensitivity:
        return Sensitivity[self.sensitivity.upper()]


class CatalogFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One YAML file."""

    category: str = ""
    types: list[DataType] = []
    keys: dict[str, list[str]] = {}
    """Telling keys added to types of this file or one before."""
    off: list[str] = []
    doubtful: list[str] = []
    """Phrases of keys that count against numbers."""
    spoken: list[str] = []
    """Phrases that, in a text, make the rules of their types be tried on it too."""
    silent: list[str] = []
    """Phrases of keys that tell nothing, though they end with a telling one."""
    combinations: list[Combination] = []
    corrections: list[Correction] = []
    """Of findings, by the place where they were made."""


class Catalog(msgspec.Struct, frozen=True):
    """All types by full name, in the order of the files."""

    types: dict[str, DataType]
    doubtful: list[str]
    spoken: list[str]
    silent: list[str]
    combinations: list[Combination]
    digest: str
    own: frozenset[str] = frozenset()
    """Names of types from the user's file."""
    off: dict[str, DataType] = {}
    """Types that are turned off, by full name: nothing looks for them."""
    corrections: tuple[Correction, ...] = ()
    """For whoever knows where a message was seen; the scanner does not."""


def load(own: str = "") -> Catalog:
    """The built-in catalog and the user's file. Raises CatalogError."""
    files = sorted(BUILT_IN.glob("*.yaml"))
    return read([*files, *([Path(own)] if own else [])])


def read(paths: Sequence[Path]) -> Catalog:
    """Merges files, later ones over earlier ones. Raises CatalogError."""
    types: dict[str, DataType] = {}
    doubtful: list[str] = []
    spoken: list[str] = []
    silent: list[str] = []
    combinations: list[Combination] = []
    own: set[str] = set()
    off: dict[str, DataType] = {}
    corrections: list[Correction] = []
    errors: list[str] = []
    libraries = (version(name) for name in ("python-stdnum", "phonenumbers"))
    digest = hashlib.sha256(" ".join((METHOD, *libraries)).encode())
    for path in paths:
        file = _read(path, errors, digest)
        if file is None:
            continue
        if file.types and not file.category:
            errors.append(f"{path.name}: category is missing")
        for kind in file.types:
            full = f"{file.category}.{kind.name}"
            types[full] = kind
            off.pop(full, None)
            if path.parent != BUILT_IN:
                own.add(full)
        named = [("keys", name) for name in file.keys]
        named += [("off", name) for name in file.off]
        errors += [
            f"{path.name}: {part}: {name!r}: no such data type"
            for part, name in named
            if name not in types
        ]
        for name in file.keys.keys() & types.keys():
            kind = types[name]
            keys = [*kind.keys, *file.keys[name]]
            types[name] = msgspec.structs.replace(kind, keys=keys)
        for name in file.off:
            if name in types:
                off[name] = types.pop(name)
        doubtful += file.doubtful
        spoken += file.spoken
        silent += file.silent
        combinations += file.combinations
        corrections += file.corrections
    if len(corrections) > MOST_CORRECTIONS:
        errors.append(f"corrections: at most {MOST_CORRECTIONS:,}")
    if errors:
        raise CatalogError("\n".join(errors))
    name = digest.hexdigest()[:16]
    words = (doubtful, spoken, silent)
    told = (frozenset(own), off, tuple(corrections))
    return Catalog(types, *words, combinations, name, *told)


def _read(path: Path, errors: list[str], digest: "hashlib._Hash") -> CatalogFile | None:
    try:
        text = path.read_bytes()
        digest.update(len(text).to_bytes(8, "big") + text)
        return msgspec.convert(yaml.load(text, _Loader), CatalogFile)
    except OSError as error:
        errors.append(f"{path.name}: {error.strerror}")
    except yaml.YAMLError as error:
        errors.append(f"{path.name}: {' '.join(str(error).split())}")
    except msgspec.ValidationError as error:
        errors.append(f"{path.name}: {error}")
    return None


class _Loader(yaml.CSafeLoader):
    """Reads only true, false, null and plain numbers as such, all else as text."""


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("merge", "^<<$", "<"),
    ("null", "^null$", "n"),
    ("bool", "^(?:true|false)$", "tf"),
    ("int", "^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    ("float", r"^-?[0-9]+\.[0-9]+$", "-0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(_pattern), list(_first)
    )


def rules(catalog: Catalog) -> list[tuple[str, DataType, Rule]]:
    """Every rule with its type's name, in order: the number of a hit counts these."""
    return [
        (name, kind, rule)
        for name, kind in catalog.types.items()
        for rule in kind.rules
    ]
