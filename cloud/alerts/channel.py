"""Channels: where alerts go to, as people set them up.

In: the fields of a form. Out: a channel, or `ChannelError` that names the field. What
each kind of channel needs is the table FIELDS; forms, checks and pages are made of it.
Secret fields are written and never shown; addresses of webhooks are secrets too, since
whoever knows them can post there.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from cloud.alerts.ways.web import place
from cloud.errors import CloudError

MOST_CHANNELS = 20
MOST_RECIPIENTS = 20
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,60}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PROJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]*")
KEY_MARK = "whsec_"
"""Of keys that are base64, as of Standard Webhooks."""
LEAST_KEY = 16
"""Characters of a key that signs."""


class Kind(StrEnum):
    """How a channel speaks. Names are stored."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    MAIL = "mail"
    JIRA = "jira"
    SYSLOG = "syslog"
    FILE = "file"


TITLES = {
    Kind.WEBHOOK: "Webhook",
    Kind.SLACK: "Slack",
    Kind.MAIL: "Mail (SMTP)",
    Kind.JIRA: "Jira",
    Kind.SYSLOG: "OCSF to syslog",
    Kind.FILE: "OCSF to a file",
}


class ChannelError(CloudError):
    """A field cannot be taken; one line that says why."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class Field(NamedTuple):
    """One field of a kind of channel."""

    name: str
    words: str
    hint: str = ""
    usual: str = ""
    is_secret: bool = False
    may_be_empty: bool = False
    choices: tuple[str, ...] = ()
    check: Callable[[str], object] = lambda _: None
    """Raises ValueError with words for people."""
    most: int = 300


class Channel(NamedTuple):
    """One that is set up, without its secrets."""

    id: str
    name: str
    kind: Kind
    settings: Mapping[str, str]
    is_on: bool
    changed_ns: int = 0
    changed_by: str = ""
    until_ns: int = 0

    @property
    def leads_to(self) -> str:
        """In one line, without what is secret."""
        told = self.settings
        match self.kind:
            case Kind.MAIL:
                return f"{told['recipients']} by {told['host']}:{told['port']}"
            case Kind.JIRA:
                return f"{told['project']} at {told['url']}"
            case Kind.SYSLOG:
                return f"{told['transport']}://{told['host']}:{told['port']}"
            case Kind.FILE:
                return told["file"]
            case _:
                return told["host"]


def _matches(pattern: re.Pattern[str], words: str) -> Callable[[str], object]:
    def check(text: str) -> None:
        if not pattern.fullmatch(text):
            raise ValueError(words)

    return check


def _port(text: str) -> None:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise ValueError("a number from 1 to 65535")


def recipients(text: str) -> tuple[str, ...]:
    """Mailboxes with commas or spaces between. Raises ValueError."""
    found = tuple(text.replace(",", " ").split())
    if not 0 < len(found) <= MOST_RECIPIENTS or not all(map(_MAILBOX.fullmatch, found)):
        raise ValueError(f"write 1 to {MOST_RECIPIENTS} addresses: name@example.com, …")
    return found


def _key(text: str) -> None:
    if text and len(text) < LEAST_KEY:
        raise ValueError(f"at least {LEAST_KEY} characters, or none to have one made")


_ADDRESS = Field("url", "Address", "https://…", is_secret=True, check=place, most=1_000)
_HOST_FIELD = Field("host", "Host", check=_matches(_HOST, "a host name or an address"))
_ONE_LINE = _matches(_PRINTABLE, "letters, digits and signs only")
FIELDS: Mapping[Kind, tuple[Field, ...]] = {
    Kind.WEBHOOK: (
        _ADDRESS,
        Field(
            "key",
            "Key that signs; empty: one is made and shown once",
            is_secret=True,
            may_be_empty=True,
            check=_key,
        ),
    ),
    Kind.SLACK: (_ADDRESS._replace(hint="https://hooks.slack.com/services/…"),),
    Kind.MAIL: (
        _HOST_FIELD._replace(hint="smtp.example.com"),
        Field("port", "Port", usual="587", check=_port),
        Field(
            "security",
            "Security",
            usual="starttls",
            choices=("starttls", "tls", "none"),
        ),
        Field("user", "Name to log in with", may_be_empty=True, check=_ONE_LINE),
        Field("password", "Password", is_secret=True, may_be_empty=True),
        Field(
            "sender",
            "From",
            "vethscope@example.com",
            check=_matches(_MAILBOX, "write name@example.com"),
        ),
        Field("recipients", "To", "security@example.com", check=recipients, most=1_000),
    ),
    Kind.JIRA: (
        Field("url", "Address", "https://example.atlassian.net", check=place),
        Field(
            "project",
            "Key of the project",
            "SEC",
            check=_matches(_PROJECT, "letters and digits, as SEC"),
        ),
        Field("issue_type", "Type of the issues", usual="Task", check=_ONE_LINE),
        Field(
            "user",
            "Mail address of the account; empty: the token alone logs in",
            may_be_empty=True,
            check=_ONE_LINE,
        ),
        Field("token", "API token", is_secret=True, most=1_000, check=_ONE_LINE),
    ),
    Kind.SYSLOG: (
        _HOST_FIELD._replace(hint="siem.example.com"),
        Field("port", "Port", usual="6514", check=_port),
        Field("transport", "Transport", usual="tls", choices=("tls", "tcp", "udp")),
    ),
    Kind.FILE: (
        Field(
            "file",
            "Name of the file in cloud.alerts_folder",
            usual="vethscope.jsonl",
            check=_matches(_FILE, "letters, digits, '.', '_' and '-'"),
        ),
    ),
}
"""Kind → what it needs."""


def name_of(text: str) -> str:
    """A channel's or rule's name. Raises ChannelError."""
    if not _NAME.fullmatch(text):
        raise ChannelError("name", "a name has 1 to 60 characters")
    return text


def read(
    kind: Kind, sent: Mapping[str, str], known: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Settings and secrets out of a form.

    A secret that was left empty stays as it is `known`. Raises ChannelError.
    """
    settings, secret = dict[str, str](), dict[str, str]()
    for field in FIELDS[kind]:
        value = sent.get(field.name, "").strip() or field.usual
        if field.is_secret:
            value = value or known.get(field.name, "")
        _check(field, value)
        (secret if field.is_secret else settings)[field.name] = value
    if kind in (Kind.WEBHOOK, Kind.SLACK):
        settings["host"] = place(secret["url"]).shown
    if kind is Kind.MAIL:
        _check_login(settings, secret)
    return settings, secret


def _check(field: Field, value: str) -> None:
    if not value:
        if field.may_be_empty:
            return
        raise ChannelError(field.name, "this is needed")
    if len(value) > field.most:
        raise ChannelError(field.name, f"at most {field.most} characters")
    if field.choices and value not in field.choices:
        raise ChannelError(field.name, f"choose {', '.join(field.choices)}")
    try:
        field.check(value)
    except ValueError as error:
        raise ChannelError(field.name, str(error)) from None


def _check_login(settings: dict[str, str], secret: dict[str, str]) -> None:
    has_name, has_password = bool(settings["user"]), bool(secret["password"])
    if has_name != has_password:
        raise ChannelError("password", "a name and a password belong together")
    if has_name and settings["security"] == "none":
        raise ChannelError("security", "a password goes over TLS only")
    if "," in settings["sender"]:
        raise ChannelError("sender", "one address")
