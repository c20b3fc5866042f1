"""What the tables are made of: their columns, keys and merge rules.

A column of a summary says how a stored row and a new one become one. Rows are keyed by
a digest of what they name, so that the address of an endpoint's page is the same in
every database.
"""

import hashlib
from collections.abc import Callable
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, MetaData, SmallInteger, Text

MOST = 1 << 53
"""Counters stop here: a number that JavaScript still holds, and far from 63 bits, so
that adding up a thousand of them is safe too."""


class Merge(Enum):
    """How the values of one column become one."""

    ADD = "add"
    """Up to MOST."""
    LEAST = "least"
    GREATEST = "greatest"
    LATEST = "latest"
    TOLD = "told"
    """The latest that tells something: what is empty, or 0, changes nothing."""


_UNFED = hashlib.blake2b(digest_size=8)


def identity(*parts: object) -> int:
    """The key of what `parts` name: 63 bits of BLAKE2b (RFC 7693).

    That two of a million rows get the same key has a chance below 1 in 10 million.
    """
    # A copy costs half of what setting up a hash does, and each place comes by here.
    hashed = _UNFED.copy()
    hashed.update(repr(parts).encode())
    return int.from_bytes(hashed.digest(), "big") >> 1


def identities(*parts: object) -> Callable[..., int]:
    """`identity` of many that begin with the same parts, two at least, each with two
    at least of its own: what is the same is fed once."""
    begun = _UNFED.copy()
    begun.update(f"{repr(parts)[:-1]}, ".encode())

    def key_of(*rest: object) -> int:
        hashed = begun.copy()
        hashed.update(repr(rest)[1:].encode())
        return int.from_bytes(hashed.digest(), "big") >> 1

    return key_of


metadata = MetaData()


def key() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=False)


def reference(name: str, table: str, **options: Any) -> Column[int]:
    target = ForeignKey(f"{table}.id")
    return Column(name, BigInteger, target, nullable=False, **options)


def text(name: str, merge: Merge | None = None, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, info=info(merge), **options)


def number(name: str, merge: Merge | None = None, **options: Any) -> Column[int]:
    return Column(name, BigInteger, nullable=False, info=info(merge), **_plain(options))


def small(name: str, merge: Merge | None = None, **options: Any) -> Column[int]:
    return Column(
        name, SmallInteger, nullable=False, info=info(merge), **_plain(options)
    )


def info(merge: Merge | None) -> dict[str, Merge]:
    """How the column merges."""
    return {"merge": merge} if merge else {}


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Keys are given, never counted up."""
    if options.get("primary_key"):
        options["autoincrement"] = False
    return options


def times() -> tuple[Column[int], Column[int]]:
    return (
        number("first_seen_ns", Merge.LEAST),
        number("last_seen_ns", Merge.GREATEST),
    )


STATUSES = ("status_other", *(f"status_{number}xx" for number in range(1, 6)))
"""Columns of pairs by status class; the class is the index, others go to 0."""

COUNTERS = (
    "pairs",
    "inspected",
    "request_bytes",
    "response_bytes",
    "truncated",
    *STATUSES,
)
"""Columns of traffic, in this order in rows and facts."""


def totals() -> tuple[Column[int], ...]:
    return (
        *(number(name, Merge.ADD) for name in COUNTERS),
        small("sensitivity", Merge.GREATEST),
        *times(),
    )
