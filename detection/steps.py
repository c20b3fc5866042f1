"""The pieces of a finding's path, and names in them that are not told.

In: a path as `paths.py` makes it, or the name of a header, cookie or query parameter.
Out: its pieces. Where a name may not be told, `{key}` stands for it.
"""

import json
import re

KEY = "{key}"
"""A name that is not told."""

_STEP = re.compile(r'\.([^.\[\]"]+)|\["((?:[^"\\]|\\.)*)"\]|(\[\*\])')
_PREFIX = re.compile(r"(?:cookie:|set-cookie:|form:)?")


def steps(path: str) -> list[tuple[str, str]]:
    """Pieces of a finding's path, each with the name in it or nothing."""
    if path[:1] != "$":
        start = _PREFIX.match(path)
        size = start.end() if start else 0
        name = path[size:]
        return [(path[:size], ""), (name, "" if name.isdigit() else name)]
    found = [("$", "")]
    for step in _STEP.finditer(path):
        quoted = step[2]
        name = step[1] or (json.loads(f'"{quoted}"') if quoted is not None else "")
        found.append((step[0], name))
    return found


def hidden(text: str) -> str:
    """A piece with its name not told."""
    return "." + KEY if text[:1] in ".[" else KEY


def is_told_as_kind(name: str) -> bool:
    """It stands for data: `{category.name}`, `{number}` …"""
    return name[:1] == "{" and name[-1:] == "}"
