"""The front door of the web: who may see and do what.

In: every HTTP request. Out: the same request handed on to the pages with its visitor in
the scope, or an answer of our own: refused, to be logged in, the login itself. Nothing
passes that is not named open without a visitor whose role is enough, as the pages say:
reading needs a viewer at least, any change an editor, so a new page is closed before
anybody thinks of it. Forms for the pages are read here, within bounds, and their proof
is checked: pages get fields of a form that their own visitor has sent.

Pages are made a few at a time and held until they are whole: neither many readers nor a
slow one takes threads from probes, logins and the collector.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.doors.site import (
    SAFE,
    RequestError,
    Site,
    form_proof,
    is_form_proof,
    is_local,
    is_secure,
)
from cloud.doors.visitors.fetching import ProviderError
from cloud.doors.visitors.people import PROVIDED
from cloud.doors.visitors.visits import VISIT_SECONDS, Visit, Visits
from cloud.doors.web import returning, typed
from cloud.doors.web.cookies import FORM as FORM_COOKIE
from cloud.doors.web.cookies import HINT, VISIT, Cookies
from cloud.doors.web.cookies import LEFT as LEFT_COOKIE
from cloud.doors.web.forms import (
    MOST_CHANGE_BYTES,
    MOST_CHANGE_FIELDS,
    first,
    read_form,
)
from cloud.doors.web.own import TITLES, OwnPage
from cloud.doors.web.returning import HOME, is_person
from cloud.doors.web.sign_in import (
    BACK,
    ENDED,
    LEFT,
    START,
    Door,
    NotInError,
    SignIn,
)
from cloud.doors.web.typed import Kept, Typed
from cloud.errors import UnavailableError
from cloud.visitor import (
    FORM,
    VISITOR,
    Again,
    Role,
    Visitor,
)

PROBES = frozenset(("/healthz", "/readyz"))
STATIC = "/static/"
"""These two are what strangers may read: the login page has a look, too."""
PAGES = 4
"""Made at a time, of the store's ten connections."""
MOST_WAITING = 100
"""Requests that wait for it; more are answered 503."""
DOOR_THREADS = 4
LOGINS = 1
"""At a time: each takes 64 MiB."""
MOST_LOGINS = 20
"""That wait for it."""
LEAVING = (
    "You are logged out here. Your browser goes on to the provider, to log out there."
)
NOT_THERE = (
    "You are logged out here. The provider could not be asked to log you out, too: do "
    "that there."
)
COMING_BACK = (
    "Your visit is over, or has not begun. After the login you come back to the page "
    "that you asked for."
)
GONE = "You are logged out, here and at the provider."
log = logging.getLogger("vethscope")
T = TypeVar("T")


class Front:
    """An ASGI application around the pages."""

    def __init__(
        self,
        pages: ASGIApp,
        needed: Callable[[str, str], Role],
        visits: Visits,
        site: Site,
        port: int,
        away: tuple[Callable[[], bool], Callable[[Request], Response]],
        door: Door | None = None,
    ) -> None:
        """`needed`: method and path → the role that the pages want for it. `port` tells
        the cookies of several dashboards on one machine apart. `away`: whether the
        database is, and what answers anybody then. `door`: a provider where people may
        log in, too."""
        self._pages = pages
        self._needed = needed
        self._visits = visits
        self._site = site
        self._is_away, self._away = away
        self._cookies = Cookies(port)
        self._sign_in = SignIn(door, visits, self._cookies) if door else None
        self._making = asyncio.Semaphore(PAGES)
        self._waiting = 0
        self._asking = ThreadPoolExecutor(DOOR_THREADS, "door")
        self._logging_in = ThreadPoolExecutor(LOGINS, "login")
        self._logins = 0
        host = self._sign_in.host if self._sign_in else ""
        self._page = OwnPage(self._cookies, host).answer
        self._typed = Typed(self._cookies)
        self._own = {
            ("GET", "/enter"): self._enter,
            ("GET", "/login"): self._login_page,
            ("POST", "/login"): self._log_in,
            ("GET", "/logout"): self._logout_page,
            ("POST", "/logout"): self._log_out,
        }
        if door:
            self._own |= {
                ("GET", START): self._start_at_provider,
                ("GET", BACK): self._come_back,
                ("GET", LEFT): self._left,
                ("POST", ENDED): self._ended,
            }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except RequestError as error:
            answer = self._refused(request, error.status, error.words)
        except UnavailableError:
            answer = self._away(request)
        if answer is None:
            await self._hand_on(scope, receive, send)
        else:
            await answer(scope, receive, send)

    def close(self) -> None:
        for pool in (self._asking, self._logging_in):
            pool.shutdown(cancel_futures=True)
        if self._sign_in:
            self._sign_in.close()

    async def _answer(self, request: Request) -> Response | None:
        """None: the pages answer."""
        path = request.url.path
        # A provider is no browser: what it sends is signed.
        method = "GET" if path == ENDED else request.method
        self._site.check(method, request.url.scheme, request.headers)
        if is_open(path):
            return None
        own = self._own.get((request.method, path))
        if own:
            self._check_private(request)
            return await own(request)
        visit = await self._visit(request)
        if visit is None:
            return await self._stranger(request)
        if (request.method, path) == ("GET", typed.PATH):
            return self._back_again(request, visit)
        self._check_role(request.method, path, visit)
        await self._introduce(request, visit)
        return None

    def _check_role(self, method: str, path: str, visit: Visit) -> None:
        """Raises RequestError."""
        needed = self._needed(method, path)
        if visit.role < needed:
            words = f"This needs the role {needed.name.lower()}; yours is "
            words += (
                f"{visit.role.name.lower()}. Those who administer users can change it."
            )
            raise RequestError(403, words)

    async def _introduce(self, request: Request, visit: Visit) -> None:
        """Puts into the scope who asks and what they sent. Raises RequestError."""
        visitor = self._visitor(request, visit)
        if request.method in SAFE:
            return
        form = await read_form(request, MOST_CHANGE_BYTES, MOST_CHANGE_FIELDS)
        given = next(iter(form.get("proof", ())), "")
        request.scope[FORM] = form
        if visitor.proof and not is_form_proof(self._cookies.get(request), given):
            if not is_person(request):
                raise RequestError(403, "The form was too old. Load the page again.")
            sent = Kept(request.url.path, form)
            typed.show(request, sent, Again(typed.OLD, 403))

    def _visitor(self, request: Request, visit: Visit) -> Visitor:
        """Who asks, in the scope too."""
        address = _address(request)

        def audit(action: str, subject: str) -> None:
            self._visits.note(visit.name, action, subject, address)

        is_program = "authorization" in request.headers
        proof = "" if is_program else form_proof(self._cookies.get(request))
        visitor = Visitor(visit.name, visit.role, visit.scope, proof, audit)
        request.scope[VISITOR] = visitor
        return visitor

    def _back_again(self, request: Request, visit: Visit) -> Response | None:
        """Hands the form that waited on to its page, which shows it."""
        kept = self._typed.take(request)
        if kept is None:
            return RedirectResponse(HOME, 303)
        self._check_role("POST", kept.path, visit)
        self._visitor(request, visit)
        typed.show(request, kept, Again(typed.BACK))
        return None

    def _check_private(self, request: Request) -> None:
        """Nobody types a password, or opens a link, where others may listen."""
        if not is_secure(request) and not is_local(_address(request)):
            words = (
                "Log in over TLS or through a port-forward. Behind a proxy that ends "
                "TLS, cloud.trusted_proxies has its network."
            )
            raise RequestError(403, words)

    async def _visit(self, request: Request) -> Visit | None:
        given = request.headers.get("authorization")
        if given is not None:
            scheme, _, token = given.partition(" ")
            if scheme.lower() != "bearer":
                return None
            return await self._ask(self._visits.program, token)
        cookie = self._cookies.get(request)
        return await self._ask(self._visits.visitor, cookie) if cookie else None

    async def _stranger(self, request: Request) -> Response:
        if _is_api(request) or "authorization" in request.headers:
            words = {"error": "Log in, or send an API key: authorization: Bearer KEY."}
            return JSONResponse(words, 401, {"www-authenticate": "Bearer"})
        if self._is_away():
            return self._away(request)
        answer = RedirectResponse("/login", 303)
        if request.method == "POST" and is_person(request):
            await self._typed.keep(answer, request, _address(request))
        returning.remember(answer, request, self._cookies)
        return answer

    async def _enter(self, request: Request) -> Response:
        link = request.query_params.get("link", "")
        cookie = await self._ask(self._visits.enter, link, _address(request))
        if cookie is None:
            if await self._visit(request):
                return RedirectResponse("/", 303)
            words = "This link was opened before, or it is too old. Make a new one."
            return self._page("Log in", words, 403, request, form="login")
        return self._entered(request, cookie)

    async def _login_page(self, request: Request) -> Response:
        if self._is_away():
            return self._away(request)
        is_back = returning.wanted(request, self._cookies) != returning.HOME
        words = COMING_BACK if is_back else ""
        if self._typed.waits(request):
            words = typed.WAITS
        return self._page("Log in", words, 200, request, form="login")

    async def _log_in(self, request: Request) -> Response:
        form = first(await read_form(request))
        proof = self._cookies.get(request, FORM_COOKIE)
        if not is_form_proof(proof, form.get("proof", "")):
            words = "The form was too old. Try again."
            return self._page("Log in", words, 403, request, form="login")
        if self._logins >= MOST_LOGINS:
            raise RequestError(503, "Too many log in at the moment. Try again shortly.")
        self._logins += 1
        try:
            cookie = await asyncio.get_running_loop().run_in_executor(
                self._logging_in,
                self._visits.log_in,
                form.get("name", ""),
                form.get("password", ""),
                _address(request),
            )
        finally:
            self._logins -= 1
        if cookie is None:
            words = "Name or password are wrong, or there were too many attempts."
            return self._page("Log in", words, 403, request, form="login")
        return self._entered(request, cookie)

    async def _start_at_provider(self, request: Request) -> Response:
        assert self._sign_in
        if not self._site.is_at_origin(request.headers):
            # The provider sends everybody back there, and cookies are of one name.
            return RedirectResponse(f"{self._site.origin}{START}", 303)
        try:
            return await self._sign_in.start(request)
        except NotInError as error:
            return self._page("Log in", error.words, error.status, request, "login")

    async def _come_back(self, request: Request) -> Response:
        assert self._sign_in
        try:
            cookie, token = await self._sign_in.back(request, _address(request))
            answer = self._entered(request, cookie)
            self._sign_in.keep_hint(answer, request, token)
        except NotInError as error:
            answer = self._page("Log in", error.words, error.status, request, "login")
        spent = self._sign_in.spent(request)
        self._cookies.take(answer, request, (spent,) if spent else ())
        return answer

    async def _logout_page(self, request: Request) -> Response:
        visit = await self._visit(request)
        if visit is None:
            return RedirectResponse("/login", 303)
        form = "logout everywhere" if self._is_provided(visit) else "logout"
        return self._page("Log out", "", 200, request, form=form, visit=visit)

    async def _log_out(self, request: Request) -> Response:
        form = first(await read_form(request))
        cookie = self._cookies.get(request)
        visit = await self._ask(self._visits.visitor, cookie)
        if visit is None or not is_form_proof(cookie, form.get("proof", "")):
            raise RequestError(403, "Nobody is logged in here.")
        await self._ask(self._visits.leave, visit, _address(request))
        answer: Response = RedirectResponse("/login", 303)
        if self._is_provided(visit) and form.get("everywhere"):
            answer = await self._farewell(request)
        self._cookies.take(answer, request, (VISIT, HINT))
        answer.headers["clear-site-data"] = '"cache"'
        return answer

    def _is_provided(self, visit: Visit) -> bool:
        return self._sign_in is not None and visit.name.startswith(PROVIDED)

    async def _farewell(self, request: Request) -> Response:
        """Goes on to the provider by a page: from a form browsers go to no other site,
        as the policy of these pages says (CSP, form-action)."""
        assert self._sign_in
        target, state = await self._sign_in.farewell(request)
        if not target:
            return self._page("Logged out", NOT_THERE, 200, request)
        answer = self._page("Logged out", LEAVING, 200, request, target=target)
        answer.headers["refresh"] = f"0; url={target}"
        self._sign_in.keep_state(answer, request, state)
        return answer

    async def _left(self, request: Request) -> Response:
        assert self._sign_in
        if not self._sign_in.has_left(request):
            return RedirectResponse("/login", 303)
        answer = self._page("Log in", GONE, 200, request, form="login")
        self._cookies.take(answer, request, (LEFT_COOKIE,))
        return answer

    async def _ended(self, request: Request) -> Response:
        """OpenID Connect Back-Channel Logout 1.0, section 2.8."""
        assert self._sign_in
        form = first(await read_form(request))
        try:
            token = form.get("logout_token", "")
            await self._sign_in.ended(token, _address(request))
        except ProviderError as error:
            log.warning("logout told by %s: %s", self._sign_in.host, error)
            words = {"error": "invalid_request"}
            return JSONResponse(words, 400, {"cache-control": "no-store"})
        return PlainTextResponse("", 200, {"cache-control": "no-store"})

    def _entered(self, request: Request, cookie: str) -> Response:
        target = returning.wanted(request, self._cookies)
        if self._typed.waits(request):
            target = typed.PATH
        answer = RedirectResponse(target, 303)
        self._cookies.set(answer, request, VISIT, cookie, int(VISIT_SECONDS))
        returning.forget(answer, request, self._cookies)
        return answer

    def _refused(self, request: Request, status: int, words: str) -> Response:
        if _is_api(request):
            return JSONResponse({"error": words}, status, {"connection": "close"})
        answer: Response = PlainTextResponse(f"{words}\n", status)
        if is_person(request):
            answer = self._page(TITLES.get(status, "Refused"), words, status, request)
        answer.headers["connection"] = "close"
        return answer

    async def _ask(self, work: Callable[..., T], *given: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._asking, work, *given)

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_open(scope["path"]):
            await self._pages(scope, receive, send)
            return
        if self._waiting >= MOST_WAITING:
            words = "Too many pages are asked for at the moment. Try again shortly."
            answer = self._refused(Request(scope), 503, words)
            answer.headers["retry-after"] = "2"
            await answer(scope, receive, send)
            return
        made: list[Message] = []

        async def keep(message: Message) -> None:
            made.append(message)

        self._waiting += 1
        try:
            async with self._making:
                await self._pages(scope, receive, keep)
        except Exception:
            # The pages have answered that, and Starlette raises it all the same.
            if not made:
                raise
        finally:
            self._waiting -= 1
        for message in made:
            await send(message)


def is_open(path: str) -> bool:
    """Whether strangers may read it."""
    return path in PROBES or path.startswith(STATIC)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
