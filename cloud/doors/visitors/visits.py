"""Visits: a browser or a program that was let in, until it leaves or time is up.

In: links, names with passwords, cookies and API keys. Out: the visitor, or None. A link
opens once. Each entry makes a new random cookie, whatever the browser had before, so
nobody can be made to use one that another knows.
"""

from contextlib import suppress
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.doors.keys import Key, Keys, Kind, Provided
from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import (
    MOST_NAME,
    PROVIDED,
    Attempts,
    People,
    User,
    check_limits,
)
from cloud.errors import DoorError
from cloud.visitor import EVERYTHING, Role, Scope, read_scope

LINK_SECONDS = 3_600.0
IDLE_SECONDS = 12 * 3_600.0
"""Without a request a visit ends."""
VISIT_SECONDS = 7 * 86_400.0
"""Each visit ends."""
PROVIDED_SECONDS = 12 * 3_600.0
"""The same of who came from a provider: what it takes away holds here from then on."""
MOST_API_SECONDS = 366 * 86_400.0
OWNER = "owner of this machine"
"""Who came by a link: it is printed where only they read."""


class Visit(NamedTuple):
    """Somebody who was let in, and by what."""

    name: str
    role: Role
    scope: Scope
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
            return self._links.make(connection, OWNER, role, "", LINK_SECONDS)

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
            return self._visits.make(
                connection, key.owner, key.role, key.scope, VISIT_SECONDS
            )

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
            return self._visits.make(connection, name, "", "", VISIT_SECONDS)

    def let_in(
        self, name: str, role: Role, scope: Scope, provided: Provided, address: str
    ) -> str:
        """A new cookie for somebody whom a provider knows, with a role and scope that
        hold as long as the visit."""
        owner = f"{PROVIDED}{name}"
        with self._ledger.writing() as connection:
            self._ledger.note(connection, owner, "login", provided.subject, address)
            self._visits.forget_old(connection)
            word = role.name.lower()
            return self._visits.make(
                connection, owner, word, str(scope), PROVIDED_SECONDS, provided
            )

    def end_provided(self, provided: Provided, address: str) -> int:
        """The provider says that somebody left there: gives how many visits ended."""
        with self._ledger.writing() as connection:
            owners = self._visits.end_provided(connection, provided)
            for owner in owners:
                action = "logout at the provider"
                self._ledger.note(connection, owner, action, provided.subject, address)
        return len(owners)

    def refuse_identity(self, name: str, subject: str, address: str) -> None:
        """Somebody whom a provider knows may see nothing here."""
        self._note_stranger(f"{PROVIDED}{name}", "login refused", address, subject)

    def visitor(self, cookie: str) -> Visit | None:
        """Whose cookie this is."""
        return self._visitor(self._visits, cookie, IDLE_SECONDS)

    def program(self, token: str) -> Visit | None:
        """Whose API key this is."""
        return self._visitor(self._api_keys, token, 0)

    def leave(self, visitor: Visit, address: str) -> None:
        """The cookie opens nothing any more."""
        with self._ledger.writing() as connection:
            with suppress(DoorError):
                self._visits.end(connection, visitor.key)
            self._ledger.note(connection, visitor.name, "logout", "", address)

    def note(self, who: str, action: str, subject: str, address: str) -> None:
        """A line of the audit log. Raises UnavailableError."""
        with self._ledger.writing() as connection:
            self._ledger.note(connection, who, action, subject, address)

    def all(self) -> list[Key]:
        with self._ledger.reading() as connection:
            return [k for k in self._visits.all(connection) if not self._is_idle(k)]

    def end(self, name: str, who: str) -> None:
        """Ends the visit of this id. Raises DoorError."""
        with self._ledger.writing() as connection:
            key = self._visits.end(connection, name)
            self._ledger.note(connection, who, "visit ended", f"{key.owner} {name}")

    def make_api_key(
        self,
        name: str,
        role: Role,
        lasts_seconds: float,
        who: str,
        scope: Scope = EVERYTHING,
    ) -> str:
        """For a program, told once. Raises DoorError."""
        if not name.isprintable() or not name:
            raise DoorError("a name is printable")
        if not 0 < lasts_seconds <= MOST_API_SECONDS:
            raise DoorError("an API key holds for up to 366 days")
        check_limits(role, scope)
        with self._ledger.writing() as connection:
            word = role.name.lower()
            made = self._api_keys.make(
                connection, name, word, str(scope), lasts_seconds
            )
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

    def _note_stranger(
        self, who: str, action: str, address: str, subject: str = ""
    ) -> None:
        """A few lines in 15 minutes: strangers fill neither the log nor the disk."""
        kind = f"\0{action}"
        if self._attempts.may(kind, kind):
            self._attempts.fail(kind, kind)
            with self._ledger.writing() as connection:
                self._ledger.note(connection, who, action, subject, address)

    def _spent(self, connection: Connection, link: str) -> Key | None:
        """The link's key, if it is this call that ended it."""
        key = self._links.known(connection, link)
        with suppress(DoorError):
            return self._links.end(connection, key.id) if key else None
        return None

    def _visitor(self, keys: Keys, text: str, idle_seconds: float) -> Visit | None:
        """A user's role is looked up each time: what is taken away is gone at once."""
        with self._ledger.reading() as connection:
            key = keys.known(connection, text)
            if key is None or (idle_seconds and self._is_idle(key)):
                return None
            if key.role:
                user: User | None = User(
                    key.owner, Role[key.role.upper()], read_scope(key.scope)
                )
            else:
                user = self._people.find(connection, key.owner)
        if user is None:
            return None
        keys.use(key)
        return Visit(user.name, user.role, user.scope, key.id)

    def _is_idle(self, key: Key) -> bool:
        return self._ledger.now_ns() - key.used_ns > IDLE_SECONDS * 1e9
