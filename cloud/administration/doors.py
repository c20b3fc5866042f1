"""The doors as the administration needs them, and small things that its parts share."""

from typing import NamedTuple

from cloud.administration.handed import Handed, Secret
from cloud.administration.reports import KeyRow
from cloud.doors.clusters.rates import Limits
from cloud.doors.clusters.tokens import Tokens
from cloud.doors.keys import Key
from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import People
from cloud.doors.visitors.visits import Visits
from cloud.pages import reports
from cloud.pages.page import FieldError, Sent
from cloud.visitor import Role, Scope, read_scope


class Doors(NamedTuple):
    """What administration works on."""

    ledger: Ledger
    people: People
    visits: Visits
    tokens: Tokens
    handed: Handed
    address: str
    """Where people open the dashboard."""
    limits: Limits


def hand_over(doors: Doors, sent: Sent, secret: Secret) -> str:
    """The address of the page that shows it, once."""
    return f"/shown/{doors.handed.put(sent.visitor.name, secret)}"


def role_of(sent: Sent) -> Role:
    """The chosen role. Raises FieldError."""
    try:
        return Role[sent.one("role").upper()]
    except KeyError:
        raise FieldError("role", "choose viewer, editor or admin") from None


def scope_of(sent: Sent, role: Role) -> Scope:
    """The limits that were written. Raises FieldError."""
    try:
        scope = read_scope(sent.one("scope", 2_000))
    except ValueError as error:
        raise FieldError("scope", str(error)) from None
    if role is Role.ADMIN and not scope.is_everything:
        raise FieldError("scope", "an admin sees everything; a limit is for others")
    return scope


def row(key: Key) -> KeyRow:
    return KeyRow(
        id=key.id,
        owner=key.owner,
        role=key.role,
        scope=key.scope,
        created=reports.time(key.created_ns),
        used=reports.time(key.used_ns),
        expires=reports.time(key.expires_ns) if key.expires_ns else None,
    )
