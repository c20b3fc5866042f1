"""What somebody typed into a form after their visit was over: it comes back, once.

In: a form of a stranger's browser, without secrets. Out: a name for a cookie, and for
that name the form, once, after the login. It waits in memory only and for a short time.
How much strangers may let wait is bounded, for each address and for all.
"""

from collections import OrderedDict
from collections.abc import Callable
from secrets import token_urlsafe
from threading import Lock
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from cloud.doors.web.cookies import TYPED, Cookies
from cloud.doors.web.forms import MOST_CHANGE_FIELDS, read_form
from cloud.visitor import AGAIN, FORM, Again, Form, without_secrets

PATH = "/again"
"""Where it comes back."""
MOST_BYTES = 300_000
"""Of a form: the largest is a document of policies, with room."""
MOST = 20
"""Forms that wait; the oldest goes first, the sender's own before all others."""
MOST_OF_ADDRESS = 4
LASTING_SECONDS = 900
"""As long as the login's own form."""
WAITS = (
    "Your visit is over. After the login the form that you sent comes back as you "
    "filled it, without passwords: look at it, and send it again."
)
BACK = (
    "your visit was over when this form came, so nothing was done. Look at it, and "
    "send it again"
)
OLD = (
    "the form was too old: it is of an earlier visit, so nothing was done. Look at it, "
    "and send it again"
)


class Kept(NamedTuple):
    """A form, and where it was sent."""

    path: str
    form: Form


class _Waiting(NamedTuple):
    kept: Kept
    address: str
    since: float


class Typed:
    """Safe to use from several threads."""

    def __init__(self, cookies: Cookies, now: Callable[[], float] = monotonic) -> None:
        self._cookies = cookies
        self._now = now
        self._lock = Lock()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()

    async def keep(self, answer: Response, request: Request, address: str) -> None:
        """Lets what was sent wait; the answer has its cookie. Raises RequestError."""
        form = await read_form(request, MOST_BYTES, MOST_CHANGE_FIELDS)
        kept = Kept(request.url.path, without_secrets(form))
        name = token_urlsafe(16)
        with self._lock:
            self._make_room(address)
            self._waiting[name] = _Waiting(kept, address, self._now())
        self._cookies.set(answer, request, TYPED, name, LASTING_SECONDS)

    def waits(self, request: Request) -> bool:
        """Whether something of this browser does."""
        with self._lock:
            found = self._waiting.get(self._cookies.get(request, TYPED))
        return found is not None and self._now() - found.since <= LASTING_SECONDS

    def take(self, request: Request) -> Kept | None:
        """It is gone afterwards."""
        waits = self.waits(request)
        with self._lock:
            found = self._waiting.pop(self._cookies.get(request, TYPED), None)
        return found.kept if found and waits else None

    def _make_room(self, address: str) -> None:
        now = self._now()
        for name, one in list(self._waiting.items()):
            if now - one.since > LASTING_SECONDS:
                del self._waiting[name]
        own = [name for name, one in self._waiting.items() if one.address == address]
        if len(own) >= MOST_OF_ADDRESS:
            del self._waiting[own[0]]
        elif len(self._waiting) >= MOST:
            self._waiting.popitem(last=False)


def show(request: Request, kept: Kept, again: Again) -> None:
    """Makes the request one that only shows a form, where it was sent: nobody acts on
    it."""
    asked = {"path": kept.path, "raw_path": quote(kept.path).encode()}
    request.scope.update(asked, method="POST", query_string=b"")
    request.scope[FORM], request.scope[AGAIN] = without_secrets(kept.form), again
