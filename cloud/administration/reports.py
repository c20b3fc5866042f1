"""What the administration's pages show: the shape of each report.

No report but the one that is shown once holds a secret: keys are told by their ids.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from cloud.pages.reports import Paging, Shape
from cloud.pages.wrong import Wrong


class AuditQuery(Shape, frozen=True):
    """The query parameters of the audit log."""

    who: Annotated[str, msgspec.Meta(max_length=200)] = ""
    action: Annotated[str, msgspec.Meta(max_length=100)] = ""
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class KeyRow(Shape):
    """A token, an API key or a visit that holds."""

    id: str
    owner: str
    role: str
    scope: str
    created: datetime
    used: datetime
    expires: datetime | None


class UserRow(Shape):
    name: str
    role: str
    scope: str
    state: str
    """active, invited (no password chosen yet), disabled."""


class UsersReport(Shape):
    """Everybody with a name, and their roles."""

    users: list[UserRow]
    wrong: Wrong | None = None


class TokensReport(Shape):
    """The tokens of clusters."""

    tokens: list[KeyRow]
    silent: list[str]
    """Clusters that have sent and have no token."""
    wrong: Wrong | None = None


class VisitsReport(Shape):
    """Browsers that are let in."""

    visits: list[KeyRow]


class AuditRow(Shape):
    at: datetime
    who: str
    address: str
    action: str
    subject: str


class AuditReport(Shape):
    """Each change and each login, the latest first."""

    lines: list[AuditRow]
    paging: Paging
    actions: list[str]
    query: dict[str, str]


class SettingRow(Shape):
    setting: str
    value: str
    meaning: str


class SettingsReport(Shape):
    """What is in effect."""

    settings: list[SettingRow]


class DigestChoice(Shape):
    """The mail of what is new."""

    rhythm: str
    """off, weekly or daily."""
    weekday: str
    address: str
    following: datetime | None
    """When the next one is due."""
    is_mail_on: bool
    """There is a channel for mail."""


class AccountReport(Shape):
    """Oneself: role, password, API keys."""

    name: str
    role: str
    scope: str
    is_user: bool
    has_password: bool
    roles: list[str]
    """That an API key may have."""
    keys: list[KeyRow]
    digest: DigestChoice | None
    """Null: not for who came by a link of the machine's owner or from a provider, whose
    rights are only known while they are here."""
    wrong: Wrong | None = None


class SecretReport(Shape):
    """What is shown once."""

    title: str
    text: str
    advice: str
    command: str
    back: str
