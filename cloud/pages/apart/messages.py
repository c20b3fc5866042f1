"""What the cloud and the process that makes its pages say to each other.

Both are one program, started together by the same user, so messages are pickled values
with their length in front. Down go one `Start` and then requests; up come answers, and
what a page wants of the store's writer and watch.
"""

import pickle
from asyncio import IncompleteReadError, StreamReader
from typing import Any, NamedTuple

from starlette.types import Scope as Request

from cloud.store.keeper import Keeping
from cloud.store.outlook import Seen
from cloud.store.writer import Job
from cloud.visitor import Role, Scope

_LENGTH_BYTES = 4


class Start(NamedTuple):
    """What the process needs to begin; it has no secret but the database's own."""

    database_url: str
    keeping: Keeping
    began_seconds: int
    """When the cloud began."""
    log_level: int


class Wanted(NamedTuple):
    """A page that is asked for by somebody whom the front door let in."""

    number: int
    request: Request
    """Of ASGI, without what only the doors need."""
    name: str
    role: Role
    scope: Scope
    proof: str
    seen: Seen
    """How the store does at this moment."""


class Ready(NamedTuple):
    """The process can make pages."""


class Made(NamedTuple):
    """The whole answer to a request; without headers there is none."""

    number: int
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Write(NamedTuple):
    """A job for the store's writer."""

    job: Job


class Wake(NamedTuple):
    """A page could not be read: the watch is to look now."""


class Logged(NamedTuple):
    """A line for the log."""

    level: int
    words: str


def encode(message: object) -> bytes:
    """A message with its length."""
    told = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(told).to_bytes(_LENGTH_BYTES) + told


async def heard(stream: StreamReader) -> Any:
    """The next message; None: the other end is gone."""
    try:
        length = await stream.readexactly(_LENGTH_BYTES)
        return pickle.loads(await stream.readexactly(int.from_bytes(length)))
    except (IncompleteReadError, ConnectionError):
        return None
