"""People: names, roles and passwords.

In: commands of an operator, and attempts to log in. Out: who somebody is. Passwords
are kept as argon2id makes them (RFC 9106, its second recommendation: 64 MiB). A name
that is not known takes as long as one that is, and is answered the same. Attempts that
fail are bounded for each name and each address, whether the name is known or not.
"""

from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum
from threading import Lock
from time import monotonic
from typing import NamedTuple

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Connection

from cloud.doors.keys import Keys, Kind
from cloud.doors.ledger import Ledger
from cloud.doors.tables import users
from cloud.errors import DoorError

LEAST_CHARACTERS = 10
MOST_CHARACTERS = 200
MOST_NAME = 100
ATTEMPTS_OF_NAME = 10
ATTEMPTS_OF_ADDRESS = 30
WINDOW_SECONDS = 900.0
MOST_REMEMBERED = 10_000


class Role(IntEnum):
    """What somebody may do: each the same as the one before, and more."""

    VIEWER = 1
    """See all pages."""
    EDITOR = 2
    """Change what pages let change."""
    ADMIN = 3
    """Say who else may."""


class User(NamedTuple):
    name: str
    role: Role


class People:
    """All who have a password."""

    def __init__(self, ledger: Ledger, hasher: PasswordHasher | None = None) -> None:
        self._ledger = ledger
        self._visits = Keys(ledger, Kind.VISIT)
        self._api_keys = Keys(ledger, Kind.API)
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")

    def add(self, name: str, role: Role, password: str, who: str) -> None:
        """Adds somebody, or gives a new role and password, which ends all visits.

        Raises DoorError.
        """
        if not name.isprintable() or not 0 < len(name) <= MOST_NAME:
            raise DoorError(f"a name is printable, of {MOST_NAME} characters at most")
        if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
            raise DoorError(
                f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters"
            )
        row = {
            "name": name,
            "role": role.name.lower(),
            "password": self._hasher.hash(password),
            "created_ns": self._ledger.now_ns(),
        }
        with self._ledger.writing() as connection:
            connection.execute(sa.delete(users).where(users.c.name == name))
            connection.execute(sa.insert(users).values(row))
            self._visits.end_all(connection, name)
            self._ledger.note(connection, who, "user set", f"{name} {row['role']}")

    def remove(self, name: str, who: str) -> None:
        """Ends also what is open in this name. Raises DoorError."""
        with self._ledger.writing() as connection:
            gone = connection.execute(sa.delete(users).where(users.c.name == name))
            if not gone.rowcount:
                raise DoorError("there is nobody of this name")
            for keys in (self._visits, self._api_keys):
                keys.end_all(connection, name)
            self._ledger.note(connection, who, "user removed", name)

    def all(self) -> list[User]:
        with self._ledger.reading() as connection:
            found = connection.execute(sa.select(users).order_by(users.c.name))
            return [User(row.name, Role[row.role.upper()]) for row in found]

    def role(self, connection: Connection, name: str) -> Role | None:
        """As it is now; None: nobody of this name."""
        wanted = sa.select(users.c.role).where(users.c.name == name)
        found = connection.scalar(wanted)
        return Role[found.upper()] if found else None

    def is_password(self, name: str, password: str) -> bool:
        """Takes some 50 ms and 64 MiB, whoever it is."""
        wanted = sa.select(users.c.password).where(users.c.name == name)
        with self._ledger.reading() as connection:
            found = connection.scalar(wanted) if name.isprintable() else None
        try:
            self._hasher.verify(found or self._nobody, password[:MOST_CHARACTERS])
        except (Argon2Error, InvalidHashError):
            return False
        return found is not None


class Attempts:
    """Failed ones of late, by name and by address."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._lock = Lock()
        self._failed: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def may(self, name: str, address: str) -> bool:
        """Whether another attempt is heard."""
        with self._lock:
            return (
                len(self._recent("name", name)) < ATTEMPTS_OF_NAME
                and len(self._recent("address", address)) < ATTEMPTS_OF_ADDRESS
            )

    def fail(self, name: str, address: str) -> None:
        """Counts one before its password is looked at, so that many at once count."""
        with self._lock:
            for key in (("name", name), ("address", address)):
                self._failed[key] = [*self._recent(*key), self._now()]
                self._failed.move_to_end(key)
            while len(self._failed) > MOST_REMEMBERED:
                self._failed.popitem(last=False)

    def succeed(self, name: str, address: str) -> None:
        """Forgets those of the name and the last one of the address."""
        with self._lock:
            self._failed.pop(("name", name), None)
            if recent := self._recent("address", address):
                self._failed["address", address] = recent[:-1]

    def _recent(self, kind: str, value: str) -> list[float]:
        oldest = self._now() - WINDOW_SECONDS
        return [at for at in self._failed.get((kind, value), ()) if at > oldest]
