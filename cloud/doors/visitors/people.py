"""People: names, roles and passwords.

In: commands of an operator, and attempts to log in. Out: who somebody is. Passwords
are kept as argon2id makes them (RFC 9106, its second recommendation: 64 MiB). A name
that is not known takes as long as one that is, and is answered the same. Attempts that
fail are bounded for each name and each address, whether the name is known or not.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Connection, Row

from cloud.doors.keys import Keys, Kind
from cloud.doors.ledger import Ledger
from cloud.doors.tables import users
from cloud.errors import DoorError
from cloud.visitor import EVERYTHING, Role, Scope, read_scope

LEAST_CHARACTERS = 10
MOST_CHARACTERS = 200
MOST_NAME = 100
PROVIDED = "oidc:"
"""Before the names of those whom a provider knows: no password is theirs."""
ATTEMPTS_OF_NAME = 10
ATTEMPTS_OF_ADDRESS = 30
WINDOW_SECONDS = 900.0
USER_LINK_SECONDS = 3 * 86_400.0
"""A link for somebody else may wait over a weekend."""
MOST_REMEMBERED = 10_000


class User(NamedTuple):
    name: str
    role: Role
    scope: Scope
    is_disabled: bool = False
    has_password: bool = True


class People:
    """All who have a password."""

    def __init__(self, ledger: Ledger, hasher: PasswordHasher | None = None) -> None:
        self._ledger = ledger
        self._visits = Keys(ledger, Kind.VISIT)
        self._api_keys = Keys(ledger, Kind.API)
        self._links = Keys(ledger, Kind.LINK)
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")

    def add(
        self,
        name: str,
        role: Role,
        password: str,
        who: str,
        scope: Scope = EVERYTHING,
    ) -> None:
        """Adds somebody, or gives new role, scope and password; ends all visits.

        Raises DoorError.
        """
        check_limits(role, scope)
        _check_name(name)
        if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
            raise DoorError(
                f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters"
            )
        row = {
            "name": name,
            "role": role.name.lower(),
            "scope": str(scope),
            "password": self._hasher.hash(password),
            "created_ns": self._ledger.now_ns(),
            "is_disabled": 0,
        }
        with self._ledger.writing() as connection:
            connection.execute(sa.delete(users).where(users.c.name == name))
            connection.execute(sa.insert(users).values(row))
            self._visits.end_all(connection, name)
            told = f"{name} {row['role']} {scope}"
            self._ledger.note(connection, who, "user set", told)

    def invite(self, name: str, role: Role, scope: Scope, who: str) -> str:
        """Adds somebody without a password; the text of a link that lets them in once.

        Raises DoorError.
        """
        check_limits(role, scope)
        _check_name(name)
        row = {"name": name, "role": role.name.lower(), "scope": str(scope)}
        more = {"password": "", "created_ns": self._ledger.now_ns(), "is_disabled": 0}
        with self._ledger.writing() as connection:
            if self._is_known(connection, name):
                raise DoorError("there is somebody of this name")
            connection.execute(sa.insert(users).values(row | more))
            told = f"{name} {row['role']} {scope}"
            self._ledger.note(connection, who, "user invited", told)
            return self._link(connection, name)

    def reset(self, name: str, who: str) -> str:
        """Takes password and visits away; a link as `invite`. Raises DoorError."""
        with self._ledger.writing() as connection:
            self._update(connection, name, password="")
            self._visits.end_all(connection, name)
            self._ledger.note(connection, who, "password reset", name)
            return self._link(connection, name)

    def change(self, name: str, role: Role, scope: Scope, who: str) -> None:
        """Gives a new role and scope; API keys end. Raises DoorError."""
        check_limits(role, scope)
        word = role.name.lower()
        with self._ledger.writing() as connection:
            self._update(connection, name, role=word, scope=str(scope))
            self._api_keys.end_all(connection, name)
            self._ledger.note(connection, who, "user changed", f"{name} {word} {scope}")

    def disable(self, name: str, is_disabled: bool, who: str) -> None:
        """Shuts somebody out and ends what is open, or lets them in again.

        Raises DoorError.
        """
        with self._ledger.writing() as connection:
            self._update(connection, name, is_disabled=int(is_disabled))
            if is_disabled:
                for keys in (self._visits, self._api_keys, self._links):
                    keys.end_all(connection, name)
            action = "user disabled" if is_disabled else "user enabled"
            self._ledger.note(connection, who, action, name)

    def choose(self, name: str, current: str, chosen: str) -> None:
        """Sets one's own password; `current` is asked for once there is one.

        Raises DoorError.
        """
        if not LEAST_CHARACTERS <= len(chosen) <= MOST_CHARACTERS:
            raise DoorError(
                f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters"
            )
        if self.has_password(name) and not self.is_password(name, current):
            raise DoorError("the current password is another one")
        with self._ledger.writing() as connection:
            self._update(connection, name, password=self._hasher.hash(chosen))
            self._links.end_all(connection, name)
            self._ledger.note(connection, name, "password chosen", name)

    def has_password(self, name: str) -> bool:
        """Whether somebody of this name chose one."""
        wanted = sa.select(users.c.password).where(users.c.name == name)
        with self._ledger.reading() as connection:
            return bool(connection.scalar(wanted))

    def is_user(self, name: str) -> bool:
        """Whether there is somebody of this name; who came by a link of the machine's
        owner is nobody."""
        with self._ledger.reading() as connection:
            return self._is_known(connection, name)

    def remove(self, name: str, who: str) -> None:
        """Ends also what is open in this name. Raises DoorError."""
        with self._ledger.writing() as connection:
            gone = connection.execute(sa.delete(users).where(users.c.name == name))
            if not gone.rowcount:
                raise DoorError("there is nobody of this name")
            for keys in (self._visits, self._api_keys, self._links):
                keys.end_all(connection, name)
            self._ledger.note(connection, who, "user removed", name)

    def all(self) -> list[User]:
        with self._ledger.reading() as connection:
            found = connection.execute(sa.select(users).order_by(users.c.name))
            return [_user(row) for row in found]

    def find(self, connection: Connection, name: str) -> User | None:
        """As it is now; None: nobody of this name, or shut out."""
        wanted = sa.select(users).where(users.c.name == name)
        found = connection.execute(wanted).one_or_none()
        return _user(found) if found and not found.is_disabled else None

    def is_password(self, name: str, password: str) -> bool:
        """Takes some 50 ms and 64 MiB, whoever it is."""
        wanted = sa.select(users.c.password).where(
            users.c.name == name, users.c.is_disabled == 0, users.c.password != ""
        )
        with self._ledger.reading() as connection:
            found = connection.scalar(wanted) if name.isprintable() else None
        try:
            self._hasher.verify(found or self._nobody, password[:MOST_CHARACTERS])
        except (Argon2Error, InvalidHashError):
            return False
        return found is not None

    def _is_known(self, connection: Connection, name: str) -> bool:
        known = sa.select(users.c.name).where(users.c.name == name)
        return connection.scalar(known) is not None

    def _update(self, connection: Connection, name: str, **values: str | int) -> None:
        changed = sa.update(users).where(users.c.name == name).values(**values)
        if not connection.execute(changed).rowcount:
            raise DoorError("there is nobody of this name")

    def _link(self, connection: Connection, name: str) -> str:
        """The newest one holds alone."""
        self._links.end_all(connection, name)
        return self._links.make(connection, name, lasts_seconds=USER_LINK_SECONDS)


def _check_name(name: str) -> None:
    if not name.isprintable() or not 0 < len(name) <= MOST_NAME:
        raise DoorError(f"a name is printable, of {MOST_NAME} characters at most")
    if name.startswith(PROVIDED):
        raise DoorError(f"names with {PROVIDED} are of who come from a provider")


def check_limits(role: Role, scope: Scope) -> None:
    """Raises DoorError: who says who may come in cannot be kept to a part."""
    if role is Role.ADMIN and not scope.is_everything:
        raise DoorError("an admin sees everything; a limit is for others")


def _user(row: Row[Any]) -> User:
    return User(
        row.name,
        Role[row.role.upper()],
        read_scope(row.scope),
        bool(row.is_disabled),
        bool(row.password),
    )


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
