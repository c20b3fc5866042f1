"""What a page is made of, and how one is added.

A page is a line in the table of `site.py`: its address, a template, a reader that makes
a report from the store, and the report's shape. From that line come the HTML page, the
same report as JSON at `/api/v1` + the address, its table as CSV (`?format=csv`), and
their description in `/api/v1/openapi.json`. A change is a line, too: an address that
takes a form, and who may send it. So a new page is a module with a report and a reader,
a template, and a line.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from cloud.pages.kept import Kept
from cloud.store.outlook import Outlook
from cloud.store.writer import Job
from cloud.visitor import Form, Role, Scope, Visitor

API = "/api/v1"
_BOUNDED = r"Expected `\w+`(?P<length> of length)? (?P<way>[<>]=) (?P<bound>\d+)"
_KINDS = {"int": "is a whole number", "bool": "is true or false"}
"""Of msgspec's words."""
Shape = TypeVar("Shape", bound=msgspec.Struct)


class Source(Protocol):
    """What pages are made from: a store, or what another process has of one."""

    @property
    def watch(self) -> Outlook: ...

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state throughout. Raises UnavailableError."""
        ...

    def run(self, job: Job) -> object:
        """See `Asked.write`."""
        ...


class Nothing(msgspec.Struct, frozen=True):
    """No query parameters."""


class Asked(NamedTuple):
    """What a reader answers."""

    connection: Connection
    """Sees one state of the store throughout."""
    query: Any
    """Of the page's `query` shape."""
    id: str
    """What the address names; empty where it names nothing."""
    visitor: Visitor
    kept: Kept
    """What follows from its key alone may be kept here."""
    watch: Outlook
    """Knows how the store does, without asking it."""
    write: Callable[[Job], object]
    """Does a job in a transaction of the writer's, later. The job is a value, which can
    go to another process. Raises UnavailableError."""

    @property
    def scope(self) -> Scope:
        return self.visitor.scope


class Take(NamedTuple):
    """A file that a page can be taken along as: `?format=` its name."""

    media_type: str
    ending: str
    """Of the file's name."""
    read: Callable[[Asked], str]


class Page(NamedTuple):
    """A page that is read."""

    path: str
    """`/endpoints/{id}`"""
    name: str
    """One word for the API's description, unique."""
    template: str
    read: Callable[[Asked], msgspec.Struct]
    report: type[msgspec.Struct]
    query: type[msgspec.Struct] = Nothing
    rows: str = ""
    """The report's field that is the page's table; empty: there is no CSV."""
    takes: Mapping[str, Take] = MappingProxyType({})
    """Files beside JSON and that CSV, by their format."""
    role: Role = Role.VIEWER

    @property
    def api(self) -> str:
        """Where its JSON is: that of `/` has a name."""
        return API + (f"/{self.name}" if self.path == "/" else self.path)


class FieldError(HTTPException):
    """A field of a form cannot be taken, or the form itself where it is empty; words
    for the one who sent it."""

    def __init__(self, field: str, words: str, status: int = 400) -> None:
        super().__init__(status, f"{words[:1].upper()}{words[1:]}.")
        self.field = field
        self.words = words

    def __str__(self) -> str:
        return self.words


class Sent(NamedTuple):
    """A form that somebody sent."""

    form: Form
    id: str
    visitor: Visitor

    def one(self, name: str, most: int = 200) -> str:
        """The value of a field, empty if it is missing. Raises FieldError."""
        value = next(iter(self.form.get(name, ())), "").strip()
        if len(value) > most:
            words = f"{name} may have {most:,} characters, and has {len(value):,}"
            raise FieldError(name, words)
        return value


class Shown(NamedTuple):
    """An answer to a form that is a page of its own."""

    template: str
    report: msgspec.Struct
    status: int = 200


class Action(NamedTuple):
    """An address that takes a form, changes something and leads to a page."""

    path: str
    name: str
    act: Callable[[Sent], str | Shown]
    """Does it; gives the address to go on at, or what to show. Raises CloudError,
    HTTPException, and FieldError for what stands beside a field."""
    role: Role = Role.EDITOR
    fields: tuple[str, ...] = ()
    """That the form has beside its proof."""
    lists: tuple[str, ...] = ()
    """Fields that may come several times."""
    again: str = ""
    """The path of the page that has the form: it is shown again with a FieldError. Its
    query is told by fields of the same names, or with `_shown` behind. Where several
    pages have the form, its field `back` tells which one."""
    form: Callable[[Sent], str] | None = None
    """Which of that page's forms it is; none: the one of the action's name."""
    draft: Callable[[Sent], Shown] | None = None
    """Shows what was sent where no page has the form."""


def parameters(told: Mapping[str, str], shape: type[Shape]) -> Shape:
    """A query as its shape. Raises 400."""
    given = {k: v for k, v in told.items() if k != "format"}
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        words, _, at = str(error).partition(" - at `$.")
        named = at.rstrip("`")
        said = _plain(words, _choices(shape, named))
        words = f"The address is not understood: {f'{named} ' if at else ''}{said}."
        raise HTTPException(400, words) from None


def _choices(shape: type[msgspec.Struct], name: str) -> list[str]:
    """What a field may be, where that is a list."""
    fields = [f for f in msgspec.structs.fields(shape) if f.encode_name == name]
    about = [msgspec.inspect.type_info(field.type) for field in fields]
    parts = [part for one in about for part in (one, *getattr(one, "types", ()))]
    return [str(v) for part in parts for v in getattr(part, "values", ()) if v]


def _plain(words: str, choices: list[str]) -> str:
    """msgspec's words as a sentence goes on."""
    if choices:
        return f"is one of {', '.join(choices)}"
    found = re.fullmatch(_BOUNDED, words)
    if found:
        unit = " characters" if found["length"] else ""
        least = "at least" if found["way"] == ">=" else "at most"
        return f"{'has' if unit else 'is'} {least} {int(found['bound']):,}{unit}"
    for kind, said in _KINDS.items():
        if words.startswith(f"Expected `{kind}`"):
            return said
    return "has another form"


def missing(words: str) -> HTTPException:
    """What the address names is not there, or not for this visitor."""
    return HTTPException(404, words)
