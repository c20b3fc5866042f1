"""The way to a provider of identities and back, and out again.

In: a browser that wants to log in, and the same one as the provider sends it back. Out:
an address to go to with a cookie of this attempt, and a visit, whose role and scope are
those of the person's groups at this moment. The provider is asked in threads of its
own: while it is away, passwords and pages go on. What went wrong is logged here and
told to people in general words. The ID token is kept by the browser alone, in a cookie,
so that who leaves can leave the provider, too.
"""

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cloud.doors.site import RequestError
from cloud.doors.visitors.attempt import (
    ATTEMPT_SECONDS,
    MOST_ATTEMPTS,
    begun,
    resumed,
    tag_of,
)
from cloud.doors.visitors.fetching import ProviderError
from cloud.doors.visitors.grants import Grant, granted
from cloud.doors.visitors.provider import Identity, IdentityError, Provider
from cloud.doors.visitors.visits import PROVIDED_SECONDS, Visits
from cloud.doors.web.cookies import ATTEMPT, HINT, Cookies
from cloud.doors.web.cookies import LEFT as LEFT_COOKIE

log = logging.getLogger("vethscope")

START, BACK = "/login/oidc", "/login/oidc/back"
LEFT, ENDED = "/login/oidc/left", "/login/oidc/ended"
"""Where the provider sends people who left it, and where it tells itself of some."""
ASKING = 2
"""Threads that ask the provider."""
MOST_ASKING = 20
"""That wait for them; each is over in half a minute."""
MOST_HINT = 3_500
"""Bytes of a cookie; browsers take 4,096 with its name. A token that is longer is not
kept, and the provider asks who leaves."""
LEFT_SECONDS = 600
MOST_CODE = 4_096
"""Characters of a code: providers that put all of it inside have some 2,000."""

AWAY = "The provider does not answer. Try again shortly, or log in with a password."
STALE = "This login was too old, or of another browser. Try again."
REFUSED = "The provider did not let you in."
NOBODY = "The provider knows you, but none of your groups may see this dashboard."

T = TypeVar("T")


class Door(NamedTuple):
    """A provider, and what its groups may do."""

    provider: Provider
    grants: tuple[Grant, ...]


class NotInError(Exception):
    """Nobody was let in; words for people."""

    def __init__(self, words: str, status: int = 403) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


class SignIn:
    """Logins at one provider."""

    def __init__(
        self,
        door: Door,
        visits: Visits,
        cookies: Cookies,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._provider, self._grants = door
        self._visits = visits
        self._cookies = cookies
        self._clock = clock
        self._asking = ThreadPoolExecutor(ASKING, "provider")
        self._asked = 0

    @property
    def host(self) -> str:
        """Of the provider, to show to people."""
        return self._provider.host

    def close(self) -> None:
        self._asking.shutdown(cancel_futures=True)

    async def start(self, request: Request) -> Response:
        """Sends a browser to the provider. Raises NotInError."""
        attempt = begun(int(self._clock()))
        try:
            target = await self._ask(self._provider.address, attempt)
        except ProviderError as error:
            raise self._away(error) from None
        answer = RedirectResponse(target, 303, {"cache-control": "no-store"})
        old = self._cookies.kinds(request, f"{ATTEMPT}-")
        if len(old) >= MOST_ATTEMPTS:
            self._cookies.take(answer, request, old)
        kind = f"{ATTEMPT}-{attempt.tag}"
        self._cookies.set(answer, request, kind, attempt.secret, ATTEMPT_SECONDS)
        return answer

    async def back(self, request: Request, address: str) -> tuple[str, str]:
        """The cookie of a new visit, and the ID token. Raises NotInError."""
        given = request.query_params
        if "error" in given:
            raise NotInError(REFUSED)
        state, code = given.get("state", ""), given.get("code", "")
        secret = self._cookies.get(request, _kind(state))
        attempt = resumed(secret, state, int(self._clock()))
        if attempt is None:
            raise NotInError(STALE)
        if not 0 < len(code) <= MOST_CODE:
            raise NotInError(REFUSED)
        try:
            identity = await self._ask(
                self._provider.identity, attempt, code, given.get("iss", "")
            )
        except IdentityError as error:
            log.warning("login at %s: %s", self.host, error)
            raise NotInError(REFUSED) from None
        except ProviderError as error:
            raise self._away(error) from None
        cookie = await self._ask(self._let_in, identity, address)
        return cookie, identity.token

    def keep_hint(self, answer: Response, request: Request, token: str) -> None:
        """For the way out."""
        if token and len(token) <= MOST_HINT:
            seconds = int(PROVIDED_SECONDS)
            self._cookies.set(answer, request, HINT, token, seconds)

    async def farewell(self, request: Request) -> tuple[str, str]:
        """Where to leave the provider, and the state that comes back from there. Both
        are empty if it cannot be left so."""
        state = secrets.token_urlsafe(16)
        hint = self._cookies.get(request, HINT)
        try:
            target = await self._ask(self._provider.farewell, hint, state)
        except ProviderError as error:
            log.warning("logout at %s: %s", self.host, error)
            target = ""
        return (target, state) if target else ("", "")

    def keep_state(self, answer: Response, request: Request, state: str) -> None:
        """What this browser comes back with."""
        self._cookies.set(answer, request, LEFT_COOKIE, state, LEFT_SECONDS)

    def has_left(self, request: Request) -> bool:
        """Whether this browser comes back from the farewell that it began here."""
        kept = self._cookies.get(request, LEFT_COOKIE)
        state = request.query_params.get("state", "")
        return bool(kept) and hmac.compare_digest(kept.encode(), state.encode())

    async def ended(self, token: str, address: str) -> None:
        """The provider tells that somebody left it. Raises IdentityError."""
        left = await self._ask(self._provider.left, token)
        await self._ask(self._visits.end_provided, left, address)

    def spent(self, request: Request) -> str:
        """The kind of cookie that an attempt which came back had; empty: none."""
        return _kind(request.query_params.get("state", ""))

    def _let_in(self, identity: Identity, address: str) -> str:
        found = granted(self._grants, identity.groups)
        if found is None:
            subject = identity.provided.subject
            self._visits.refuse_identity(identity.name, subject, address)
            raise NotInError(NOBODY)
        return self._visits.let_in(identity.name, *found, identity.provided, address)

    def _away(self, error: ProviderError) -> NotInError:
        log.warning("login at %s: %s", self.host, error)
        return NotInError(AWAY, 503)

    async def _ask(self, work: Callable[..., T], *given: object) -> T:
        if self._asked >= MOST_ASKING:
            raise RequestError(503, "Too many log in at the moment. Try again shortly.")
        self._asked += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._asking, work, *given)
        finally:
            self._asked -= 1


def _kind(state: str) -> str:
    tag = tag_of(state)
    return f"{ATTEMPT}-{tag}" if tag else ""
