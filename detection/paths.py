"""Paths of fields as findings show them, free of captured data.

A path is built from key names; array indexes are `[*]`. Names that are no identifiers
stand in `["…"]`. A name that looks like data stands as `{category.name}` if a rule
knows it, else as `{number}`, `{id}` or `{text}`: numbers of four digits or more, long
hexadecimal or mixed names, and names too long or too odd for a schema.
"""

import json
import re
from collections.abc import Mapping

from detection.fields import Place
from detection.steps import is_told_as_kind
from detection.words import MARKS, decode_key

NAME_LIMIT = 48
"""Characters of a name; longer ones look like data."""
PATH_LIMIT = 512
"""Characters of a path; longer ones end in an ellipsis."""

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_FIELD_NUMBER = re.compile(r"[0-9]{1,3}")
"""Of protobuf, where names are not known."""
_NUMBER = re.compile(r"\d{4}|\d[\d .,:/()-]{5,}\d")
_ID = re.compile(
    r"[0-9a-fA-F]{12,}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-"
    r"|(?=[^\W_]*\d[^\W_]*[^\W\d_]+[^\W_]*\d)[^\W_]{16,}"
)
_ODD = re.compile(rf"[^\w{MARKS} $.:/+@~\[\]()#*?!%&-]|@[\w-]+\.")


def shown(key: bytes, known: Mapping[bytes, str]) -> str:
    """A raw key as it may be shown; `known` gives the types of keys that are data."""
    if key in known:
        return "{" + known[key] + "}"
    name = decode_key(key)
    if len(name) > NAME_LIMIT or _ODD.search(name):
        return "{text}"
    if _ID.search(name):
        return "{id}"
    return "{number}" if _NUMBER.search(name) else name


def member(key: bytes, known: Mapping[bytes, str]) -> str:
    """The path step to an object's member."""
    name = shown(key, known)
    if is_told_as_kind(name):
        return "." + name
    if _IDENTIFIER.fullmatch(name) or _FIELD_NUMBER.fullmatch(name):
        return "." + name
    return "[" + json.dumps(name, ensure_ascii=False) + "]"


def place_path(place: Place, known: Mapping[bytes, str]) -> str:
    """The path of a container, from the root's; kept in it if no key is data."""
    chain: list[Place] = []
    while place.path is None or (known and place.parent is not None):
        chain.append(place)
        assert place.parent is not None
        place = place.parent
    path = place.path
    for inner in reversed(chain):
        step = ""
        if inner.key is not None and not inner.is_type:
            step = member(inner.key, known)
        path = _limited(path + step + ("[*]" if inner.is_array else ""))
        if not known:
            inner.path = path
    return path


def field_path(place: Place, key: bytes | None, known: Mapping[bytes, str]) -> str:
    """The path of a field: in an array, the array's own."""
    path = place_path(place, known)
    if place.is_array or key is None:
        return path
    return _limited(path + member(key, known))


def _limited(path: str) -> str:
    return path if len(path) <= PATH_LIMIT else path[:PATH_LIMIT] + "…"
