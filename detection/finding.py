"""What goes into the scanner and what comes out of it.

Numbers of the enums are those of proto/v1/detector.proto. A message holds captured
bytes and its repr tells only sizes; a finding holds none: its path is made of schema
names, and of `{category.name}` where a name looks like data.
"""

import enum
from typing import NamedTuple

import msgspec


class Location(enum.IntEnum):
    """Where in the message."""

    BODY = 1
    HEADER = 2
    QUERY = 3
    PATH = 4


class Sensitivity(enum.IntEnum):
    """How much harm its disclosure does."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Likelihood(enum.IntEnum):
    """How sure the finding is; the ladder is in docs/detection.md."""

    VERY_UNLIKELY = 1
    UNLIKELY = 2
    POSSIBLE = 3
    LIKELY = 4
    VERY_LIKELY = 5


class Message(msgspec.Struct, frozen=True):
    """One HTTP request or response, or any other body: all parts are optional."""

    target: bytes = b""
    """Request target as sent."""
    headers: list[tuple[bytes, bytes]] = []
    content_type: str = ""
    body: bytes = b""
    """De-chunked and content-decoded."""
    truncated: bool = False
    """The body is only the first part of what was sent."""

    def __repr__(self) -> str:
        sizes = f"{len(self.target)} B target, {len(self.headers)} headers"
        return f"Message({sizes}, {len(self.body)} B body)"


class Why(msgspec.Struct, frozen=True, order=True, gc=False):
    """Why a data type was found, in words of the catalog and of ours alone."""

    rule: str
    """The rule's name within its type."""
    validator: str
    """What the rule asks about the value; empty: nothing."""
    verdict: str
    """What that said: valid, or unsure."""
    context: tuple[str, ...]
    """Where words of the type stood: key, above, beside, words …"""
    phrase: str
    """The catalog's phrase that the field's key ends with; empty: it tells nothing."""
    points: tuple[int, int, int, int, int]
    """Base, validator, context, doubt, cut: together the likelihood (`judge.py`)."""
    usual: Sensitivity
    """Of the type, before likelihood and combinations."""
    combination: str = ""
    """The combination of types that raised the sensitivity; empty: none did."""


class Finding(msgspec.Struct, frozen=True, order=True, gc=False):
    """A data type at a place of a message, seen `count` times."""

    data_type: str
    location: Location
    path: str
    """JSON path, header name, `cookie:name`, query parameter, or segment number."""
    sensitivity: Sensitivity
    likelihood: Likelihood
    count: int
    why: Why | None = None
    """Of the likeliest of its values."""
    is_least: bool = False
    """A bound ended the reading of this part of the message: there may be more."""


class Explanation(NamedTuple):
    """Why one value was judged as it was; it shows lengths, never the value."""

    data_type: str
    location: Location
    path: str
    rule: str
    start: int
    """Characters before the match within its field."""
    length: int
    verdict: str
    context: tuple[str, ...]
    arithmetic: str
    likelihood: int
    details: str = ""
    """Of a JSON web token: algorithm, names of claims, whether it expires."""
