"""Visits: a browser or a program that was let in, until it leaves or time is up.

In: links, names with passwords, cookies and API keys. Out: the visitor, or None. A link
opens once. Each entry makes a new random cookie, whatever the browser had before, so
nobody can be made to use one that another knows.
"""

from contextlib import suppress
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.doors.keys import Key, Keys, Kind
from cloud.doors.ledger import Ledger
from cloud.doors.people import MOST_NAME, Attempts, People, Role
from cloud.errors import DoorError

LINK_SECONDS = 3_600.0
IDLE_SECONDS = 12 * 3_600.0
"""Without a request a visit ends."""
VISIT_SECONDS = 7 * 86_400.0
"""Each visit ends."""
MOST_API_SECONDS = 366 * 86_400.0
OWNER = "owner of this machine"
"""Who came by a link: it is printed where only they read."""


class Visitor(NamedTuple):
    """Somebody who was let in."""

    name: str
    role: Role
    key: str
    """Its id."""


class Visits:
    """All who are in."""

    def __init__(self, ledger: Ledger, people: People, attempts: Attempts) -> None:
        self._ledger = ledger
        self._people = people
        self._attempts = attempts
        self._links = Keys(ledger, Kind.LINK)
        self._visits = Keys(ledger, Kind.VISIT)
        self._api_keys = Keys(ledger, Kind.API)

    def link(self) -> str:
        """The text of a new link: whoever opens it first within an hour is an admin."""
        with self._ledger.writing() as connection:
            self._links.forget_old(connection)
            role = Role.ADMIN.name.lower()
            return self._links.make(connection, OWNER, role, LINK_SECONDS)

    def enter(self, link: str, address: str) -> str | None:
        """A new cookie for the one who opens a link; None: it opens nothing."""
        with self._ledger.reading() as connection:
            is_known = self._links.known(connection, link) is not None
        if not is_known:
            self._note_stranger("", "link refused", address)
            return None
        with self._ledger.writing() as connection:
            key = self._spent(connection, link)
            if key is None:
                return None
            self._ledger.note(connection, key.owner, "link opened", key.id, address)
            return self._visits.make(connection, key.owner, key.role, VISIT_SECONDS)

    def log_in(self, name: str, password: str, address: str) -> str | None:
        """A new cookie; None: not this name and password, or too many attempts."""
        name = name[: MOST_NAME + 1]
        if not self._attempts.may(name, address):
            self._note_stranger(name, "login held back", address)
            return None
        self._attempts.fail(name, address)
        is_right = self._people.is_password(name, password)
        with self._ledger.writing() as connection:
            action = "login" if is_right else "login refused"
            self._ledger.note(connection, name, action, "", address)
            if not is_right:
                return None
            self._attempts.succeed(name, address)
            self._visits.forget_old(connection)
            return self._visits.make(connection, name, "", VISIT_SECONDS)

    def visitor(self, cookie: str) -> Visitor | None:
        """Whose cookie this is."""
        return self._visitor(self._visits, cookie, IDLE_SECONDS)

    def program(self, token: str) -> Visitor | None:
        """Whose API key this is."""
        return self._visitor(self._api_keys, token, 0)

    def leave(self, visitor: Visitor, address: str) -> None:
        """The cookie opens nothing any more."""
        with self._ledger.writing() as connection:
            with suppress(DoorError):
                self._visits.end(connection, visitor.key)
            self._ledger.note(connection, visitor.name, "logout", "", address)

    def all(self) -> list[Key]:
        with self._ledger.reading() as connection:
            return [k for k in self._visits.all(connection) if not self._is_idle(k)]

    def end(self, name: str, who: str) -> None:
        """Ends the visit of this id. Raises DoorError."""
        with self._ledger.writing() as connection:
            key = self._visits.end(connection, name)
            self._ledger.note(connection, who, "visit ended", f"{key.owner} {name}")

    def make_api_key(
        self, name: str, role: Role, lasts_seconds: float, who: str
    ) -> str:
        """For a program, told once. Raises DoorError."""
        if not name.isprintable() or not name:
            raise DoorError("a name is printable")
        if not 0 < lasts_seconds <= MOST_API_SECONDS:
            raise DoorError("an API key holds for up to 366 days")
        with self._ledger.writing() as connection:
            word = role.name.lower()
            made = self._api_keys.make(connection, name, word, lasts_seconds)
            self._ledger.note(connection, who, "API key created", f"{name} {word}")
        return made

    def api_keys(self) -> list[Key]:
        with self._ledger.reading() as connection:
            return self._api_keys.all(connection)

    def end_api_key(self, name: str, who: str) -> None:
        """Raises DoorError."""
        with self._ledger.writing() as connection:
            key = self._api_keys.end(connection, name)
            self._ledger.note(connection, who, "API key revoked", f"{key.owner} {name}")

    def _note_stranger(self, who: str, action: str, address: str) -> None:
        """A few lines in 15 minutes: strangers fill neither the log nor the disk."""
        kind = f"\0{action}"
        if self._attempts.may(kind, kind):
            self._attempts.fail(kind, kind)
            with self._ledger.writing() as connection:
                self._ledger.note(connection, who, action, "", address)

    def _spent(self, connection: Connection, link: str) -> Key | None:
        """The link's key, if it is this call that ended it."""
        key = self._links.known(connection, link)
        with suppress(DoorError):
            return self._links.end(connection, key.id) if key else None
        return None

    def _visitor(self, keys: Keys, text: str, idle_seconds: float) -> Visitor | None:
        """A user's role is looked up each time: what is taken away is gone at once."""
        with self._ledger.reading() as connection:
            key = keys.known(connection, text)
            if key is None or (idle_seconds and self._is_idle(key)):
                return None
            if key.role:
                role: Role | None = Role[key.role.upper()]
            else:
                role = self._people.role(connection, key.owner)
        if role is None:
            return None
        keys.use(key)
        return Visitor(key.owner, role, key.id)

    def _is_idle(self, key: Key) -> bool:
        return self._ledger.now_ns() - key.used_ns > IDLE_SECONDS * 1e9
