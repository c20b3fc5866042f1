"""Keys: random secrets that open a door, kept as digests.

In: a kind, whose it is, how long it holds. Out: a text to hand over once, and later,
for such a text, whose it is. A key is `PREFIX_ID_SECRET`: found by the id, which is no
secret, and compared by the digest of the secret in constant time. The secret has 256
random bits, so a fast digest (SHA-256) is enough; it is no password.
"""

import hashlib
import hmac
import re
import secrets
from contextlib import suppress
from enum import Enum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.doors.ledger import Ledger
from cloud.doors.tables import keys
from cloud.errors import DoorError, UnavailableError

SECRET_BYTES = 32
ID_BYTES = 6
USED_NS = 60 * 10**9
"""That a key was used is written at most this often."""
SECOND_NS = 10**9
_NOBODY = bytes(32)
"""Compared with where there is no such key, so that both take equally long."""


class Kind(Enum):
    """What a key opens, and the prefix of its text."""

    CLUSTER = "vsc"
    """The collector, for one cluster: its owner."""
    API = "vsa"
    """The pages' JSON, in the name of its owner."""
    LINK = "vsl"
    """The dashboard, once."""
    VISIT = "vsv"
    """A browser that was let in: its cookie."""


_TEXT = re.compile(r"(vs[calv])_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Key(NamedTuple):
    """A key that holds, without its secret."""

    id: str
    owner: str
    role: str
    scope: str
    created_ns: int
    used_ns: int
    expires_ns: int


class Provided(NamedTuple):
    """What a provider calls who came in, and the login there; empty: no provider."""

    subject: str = ""
    sid: str = ""


class Keys:
    """The keys of one kind."""

    def __init__(self, ledger: Ledger, kind: Kind) -> None:
        self._ledger = ledger
        self._kind = kind

    def make(
        self,
        connection: Connection,
        owner: str,
        role: str = "",
        scope: str = "",
        lasts_seconds: float = 0,
        provided: Provided = Provided(),  # noqa: B008
    ) -> str:
        """A new key, as its owner gets it: nobody can read it again later."""
        name, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
        now_ns = self._ledger.now_ns()
        connection.execute(
            sa.insert(keys).values(
                id=name,
                kind=self._kind.value,
                owner=owner,
                role=role,
                scope=scope,
                digest=_digest(secret),
                created_ns=now_ns,
                used_ns=now_ns,
                expires_ns=now_ns + int(lasts_seconds * 1e9) if lasts_seconds else 0,
                subject=provided.subject,
                sid=provided.sid,
            )
        )
        return f"{self._kind.value}_{name}_{secret}"

    def known(self, connection: Connection, text: str) -> Key | None:
        """The key of this text; None if there is none, or it holds no longer."""
        parts = _TEXT.fullmatch(text)
        if parts is None or parts[1] != self._kind.value:
            return None
        row = connection.execute(
            sa.select(keys).where(*self._is(parts[2]))
        ).one_or_none()
        digest = row.digest if row else _NOBODY
        is_same = hmac.compare_digest(digest, _digest(parts[3]))
        return _key(row) if row and is_same and self._holds(row) else None

    def use(self, key: Key) -> None:
        """Writes that it was used, now and then; who holds it comes in all the same."""
        now_ns = self._ledger.now_ns()
        if now_ns - key.used_ns <= USED_NS:
            return
        changed = sa.update(keys).where(*self._is(key.id)).values(used_ns=now_ns)
        with suppress(UnavailableError), self._ledger.writing() as connection:
            connection.execute(changed)

    def all(self, connection: Connection) -> list[Key]:
        """Those that hold; others are forgotten meanwhile."""
        of_kind = sa.select(keys).where(keys.c.kind == self._kind.value)
        found = connection.execute(of_kind.order_by(keys.c.owner, keys.c.created_ns))
        return [_key(row) for row in found if self._holds(row)]

    def end(self, connection: Connection, name: str) -> Key:
        """The key opens nothing any more. Raises DoorError."""
        row = connection.execute(sa.select(keys).where(*self._is(name))).one_or_none()
        if row is None:
            raise DoorError("there is none of this id; list shows those that hold")
        gone = connection.execute(sa.delete(keys).where(*self._is(name)))
        if not gone.rowcount:
            raise DoorError("another one ended it in this moment")
        return _key(row)

    def end_all(self, connection: Connection, owner: str) -> None:
        """Those of one owner open nothing any more."""
        of_owner = sa.and_(keys.c.kind == self._kind.value, keys.c.owner == owner)
        connection.execute(sa.delete(keys).where(of_owner))

    def end_provided(self, connection: Connection, provided: Provided) -> list[str]:
        """Whose keys a provider ended: of a login there, or of a person if it names
        no login."""
        name, value = ("sid", provided.sid) if provided.sid else ("subject", "")
        value = value or provided.subject
        of_it = sa.and_(keys.c.kind == self._kind.value, keys.c[name] == value)
        if not value:
            return []
        gone = sa.delete(keys).where(of_it).returning(keys.c.owner)
        return list(connection.scalars(gone))

    def forget_old(self, connection: Connection) -> None:
        """Takes away those that hold no longer."""
        past = sa.and_(
            keys.c.expires_ns > 0, keys.c.expires_ns <= self._ledger.now_ns()
        )
        connection.execute(sa.delete(keys).where(past))

    def _is(self, name: str) -> list[sa.ColumnElement[bool]]:
        return [keys.c.id == name, keys.c.kind == self._kind.value]

    def _holds(self, row: Any) -> bool:
        return not row.expires_ns or row.expires_ns > self._ledger.now_ns()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _key(row: Any) -> Key:
    return Key(**{name: getattr(row, name) for name in Key._fields})
