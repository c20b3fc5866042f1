"""Oneself: the password, and keys for programs that read in one's name.

In: forms of any visitor. Out: changes of what is theirs, and of nothing else. A key has
at most the role of who makes it, and the same limits.
"""

from functools import partial

from cloud.administration.doors import (
    Doors,
    hand_over,
    role_of,
    row,
)
from cloud.administration.handed import Secret
from cloud.administration.reports import AccountReport, DigestChoice, KeyRow
from cloud.alerts import mail
from cloud.digest import subscriptions
from cloud.digest.subscriptions import WEEKDAYS, AddressError, Rhythm
from cloud.errors import DoorError
from cloud.pages import reports
from cloud.pages.page import Asked, FieldError, Sent, missing
from cloud.visitor import Role, Visitor

ACCOUNT = "/account"
TEMPLATE = "administration/account.html"
DAY_SECONDS = 86_400.0
_ADVICE = (
    "It is shown this once. A program sends it as the header authorization: Bearer KEY "
    "and reads what you may see."
)


class Account:
    """Takes the forms of one's own page."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def read(self, asked: Asked) -> AccountReport:
        return self._report(asked.visitor)

    def choose(self, sent: Sent) -> str:
        """Sets one's own password."""
        current, chosen, again = map(
            partial(_typed, sent), ("current", "chosen", "again")
        )
        if chosen != again:
            raise FieldError("again", "the two are not the same")
        if not self._doors.people.is_user(sent.visitor.name):
            raise FieldError("chosen", "who came by a link has no password")
        try:
            self._doors.people.choose(sent.visitor.name, current, chosen)
        except DoorError as error:
            field = "current" if "current" in str(error) else "chosen"
            raise FieldError(field, str(error)) from None
        return ACCOUNT

    def create(self, sent: Sent) -> str:
        """Makes a key for a program."""
        who = sent.visitor
        role, days = role_of(sent), sent.one("days")
        if role > who.role:
            raise FieldError("role", "a key may do no more than you")
        if not (days.isascii() and days.isdigit() and 1 <= int(days) <= 366):
            raise FieldError("days", "a number of days from 1 to 366")
        scope, seconds = who.scope, int(days) * DAY_SECONDS
        try:
            key = self._doors.visits.make_api_key(
                who.name, role, seconds, who.name, scope
            )
        except DoorError as error:
            raise FieldError("role", str(error)) from None
        command = (
            f"curl -H 'authorization: Bearer {key}' {self._doors.address}/api/v1/status"
        )
        secret = Secret("API key", key, _ADVICE, command, ACCOUNT)
        return hand_over(self._doors, sent, secret)

    def digest(self, sent: Sent) -> str:
        """Says whether and when one gets what is new by mail."""
        ledger, name = self._doors.ledger, sent.visitor.name
        if not self._doors.people.is_user(name):
            raise FieldError("rhythm", "only those with a name here get mails")
        if sent.one("rhythm") not in set(Rhythm):
            raise FieldError("rhythm", "choose off, weekly or daily")
        day = sent.one("weekday") or WEEKDAYS[0]
        if day not in WEEKDAYS:
            raise FieldError("weekday", "choose a day of the week")
        rhythm, address = Rhythm(sent.one("rhythm")), sent.one("address", 300)
        choice = (rhythm, WEEKDAYS.index(day), address)
        try:
            with ledger.writing() as connection:
                subscriptions.choose(connection, name, choice, ledger.now_ns())
                ledger.note(connection, name, f"digest {rhythm}", address)
        except AddressError as error:
            raise FieldError("address", str(error)) from None
        return f"{ACCOUNT}#digest"

    def revoke(self, sent: Sent) -> str:
        """Makes one of one's own keys useless at once."""
        name = sent.one("id")
        if name not in {key.id for key in self._keys(sent.visitor)}:
            raise missing("There is no such key of yours.")
        self._doors.visits.end_api_key(name, sent.visitor.name)
        return ACCOUNT

    def _keys(self, who: Visitor) -> list[KeyRow]:
        keys = self._doors.visits.api_keys()
        return [row(key) for key in keys if key.owner == who.name]

    def _report(self, who: Visitor) -> AccountReport:
        people = self._doors.people
        is_user = people.is_user(who.name)
        return AccountReport(
            name=who.name,
            role=who.role.name.lower(),
            scope=str(who.scope),
            is_user=is_user,
            has_password=people.has_password(who.name),
            roles=[role.name.lower() for role in Role if role <= who.role],
            keys=self._keys(who),
            digest=self._digest(who.name) if is_user else None,
        )

    def _digest(self, name: str) -> DigestChoice:
        with self._doors.ledger.reading() as connection:
            known = subscriptions.of(connection, name)
            is_mail_on = bool(mail.channel(connection))
        return DigestChoice(
            rhythm=known.rhythm if known else Rhythm.OFF.value,
            weekday=WEEKDAYS[known.weekday if known else 0],
            address=known.address if known else "",
            following=reports.time(known.due_ns) if known else None,
            is_mail_on=is_mail_on,
        )


def _typed(sent: Sent, name: str) -> str:
    """A password as it was typed, spaces too; People bounds its length."""
    return next(iter(sent.form.get(name, ())), "")
