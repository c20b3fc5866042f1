"""People: invited, changed, shut out, let in anew.

In: forms of admins. Out: changes at the doors, and links that let somebody in once. An
admin never types a password of somebody else. Nobody takes their own rights away, so
one admin is always left.
"""

from cloud.administration.doors import (
    Doors,
    hand_over,
    role_of,
    scope_of,
)
from cloud.administration.handed import Secret
from cloud.administration.reports import UserRow, UsersReport
from cloud.doors.visitors.people import User
from cloud.errors import DoorError
from cloud.pages.page import Asked, FieldError, Sent

USERS = "/administration/users"
TEMPLATE = "administration/users.html"
_LINK_ADVICE = (
    "Give this link to {name}. It opens the dashboard once, within three days; then a "
    "password is chosen under Account. A newer link makes this one useless."
)


class UserDesk:
    """Takes the forms of the users' page."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def read(self, _: Asked) -> UsersReport:
        return UsersReport([_row(user) for user in self._doors.people.all()])

    def invite(self, sent: Sent) -> str:
        """Adds somebody, who comes in by a link."""
        role = role_of(sent)
        name, scope = sent.one("name"), scope_of(sent, role)
        try:
            link = self._doors.people.invite(name, role, scope, sent.visitor.name)
        except DoorError as error:
            raise FieldError("name", str(error)) from None
        return self._linked(sent, name, link)

    def change(self, sent: Sent) -> str:
        """Gives somebody another role or other limits."""
        name, role = sent.one("name"), role_of(sent)
        scope = scope_of(sent, role)
        _check_other(sent, name)
        self._doors.people.change(name, role, scope, sent.visitor.name)
        return USERS

    def reset(self, sent: Sent) -> str:
        """Takes a password away and gives a link instead."""
        name = sent.one("name")
        link = self._doors.people.reset(name, sent.visitor.name)
        return self._linked(sent, name, link)

    def disable(self, sent: Sent) -> str:
        """Shuts somebody out, or lets them in again."""
        name = sent.one("name")
        _check_other(sent, name)
        is_disabled = sent.one("is_disabled") == "yes"
        self._doors.people.disable(name, is_disabled, sent.visitor.name)
        return USERS

    def remove(self, sent: Sent) -> str:
        """Removes somebody with all that is open in their name."""
        name = sent.one("name")
        _check_other(sent, name)
        if sent.one("sure") != "yes":
            raise FieldError("sure", "tick this to remove")
        self._doors.people.remove(name, sent.visitor.name)
        return USERS

    def _linked(self, sent: Sent, name: str, link: str) -> str:
        advice = _LINK_ADVICE.format(name=name)
        text = f"{self._doors.address}/enter?link={link}"
        secret = Secret(f"Link for {name}", text, advice, "", USERS)
        return hand_over(self._doors, sent, secret)


def _check_other(sent: Sent, name: str) -> None:
    if name == sent.visitor.name:
        raise FieldError("name", "this is you: ask another admin")


def _row(user: User) -> UserRow:
    state = "active" if user.has_password else "invited"
    if user.is_disabled:
        state = "disabled"
    return UserRow(user.name, user.role.name.lower(), str(user.scope), state)
