"""The front door of the web: who may see and do what.

In: every HTTP request. Out: the same request handed on to the pages with its visitor in
the scope, or an answer of our own: refused, to be logged in, the login itself. Nothing
passes that is not named open without a visitor whose role is enough: reading needs a
viewer, any change an editor, so a new page is closed before anybody thinks of it.

Pages are made a few at a time and held until they are whole: neither many readers nor a
slow one takes threads from probes, logins and the collector.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs

import jinja2
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.doors.people import Role
from cloud.doors.visits import VISIT_SECONDS, Visitor, Visits
from cloud.doors.web import (
    MOST_BODY_BYTES,
    SAFE,
    RequestError,
    Site,
    form_proof,
    is_form_proof,
    is_local,
)
from cloud.errors import UnavailableError

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
FORM_SECONDS = 900
BODY_SECONDS = 10.0

HERE = Path(__file__).parent
T = TypeVar("T")


class Front:
    """An ASGI application around the pages."""

    def __init__(self, pages: ASGIApp, visits: Visits, site: Site, port: int) -> None:
        """`port` tells the cookies of several dashboards on one machine apart."""
        self._pages = pages
        self._visits = visits
        self._site = site
        self._port = port
        self._making = asyncio.Semaphore(PAGES)
        self._waiting = 0
        self._asking = ThreadPoolExecutor(DOOR_THREADS, "door")
        self._logging_in = ThreadPoolExecutor(LOGINS, "login")
        self._logins = 0
        self._templates = jinja2.Environment(
            autoescape=True,
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            lstrip_blocks=True,
            trim_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._own = {
            ("GET", "/enter"): self._enter,
            ("GET", "/login"): self._login_page,
            ("POST", "/login"): self._log_in,
            ("GET", "/logout"): self._logout_page,
            ("POST", "/logout"): self._log_out,
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
            words = "The store is not available at the moment. Try again shortly."
            answer = self._refused(request, 503, words)
        if answer is None:
            await self._hand_on(scope, receive, send)
        else:
            await answer(scope, receive, send)

    def close(self) -> None:
        for pool in (self._asking, self._logging_in):
            pool.shutdown(cancel_futures=True)

    async def _answer(self, request: Request) -> Response | None:
        """None: the pages answer."""
        self._site.check(request.method, request.headers)
        path = request.url.path
        if is_open(path):
            return None
        own = self._own.get((request.method, path))
        if own:
            self._check_private(request)
            return await own(request)
        visitor = await self._visitor(request)
        if visitor is None:
            return self._stranger(request)
        needed = Role.VIEWER if request.method in SAFE else Role.EDITOR
        if visitor.role < needed:
            raise RequestError(403, f"This is for those who are {needed.name.lower()}.")
        request.scope["visitor"] = visitor
        return None

    def _check_private(self, request: Request) -> None:
        """Nobody types a password, or opens a link, where others may listen."""
        if not self._site.is_secure(request.headers) and not is_local(
            _address(request)
        ):
            words = "Log in over TLS, under cloud.origin, or through a port-forward."
            raise RequestError(403, words)

    async def _visitor(self, request: Request) -> Visitor | None:
        given = request.headers.get("authorization")
        if given is not None:
            scheme, _, token = given.partition(" ")
            if scheme.lower() != "bearer":
                return None
            return await self._ask(self._visits.program, token)
        cookie = request.cookies.get(self._cookie(request.headers))
        return await self._ask(self._visits.visitor, cookie) if cookie else None

    def _stranger(self, request: Request) -> Response:
        if request.url.path.endswith(".json") or "authorization" in request.headers:
            words = {"error": "Log in, or send an API key: authorization: Bearer KEY."}
            return JSONResponse(words, 401, {"www-authenticate": "Bearer"})
        return RedirectResponse("/login", 303)

    async def _enter(self, request: Request) -> Response:
        link = request.query_params.get("link", "")
        cookie = await self._ask(self._visits.enter, link, _address(request))
        if cookie is None:
            if await self._visitor(request):
                return RedirectResponse("/", 303)
            words = "This link was opened before, or it is too old. Make a new one."
            return self._page("Log in", words, 403, request, form="login")
        return self._entered(request, cookie)

    async def _login_page(self, request: Request) -> Response:
        return self._page("Log in", "", 200, request, form="login")

    async def _log_in(self, request: Request) -> Response:
        form = await _form(request)
        proof = request.cookies.get(self._cookie(request.headers, "form"), "")
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

    async def _logout_page(self, request: Request) -> Response:
        visitor = await self._visitor(request)
        if visitor is None:
            return RedirectResponse("/login", 303)
        return self._page("Log out", "", 200, request, form="logout", visitor=visitor)

    async def _log_out(self, request: Request) -> Response:
        form = await _form(request)
        cookie = request.cookies.get(self._cookie(request.headers), "")
        visitor = await self._ask(self._visits.visitor, cookie)
        if visitor is None or not is_form_proof(cookie, form.get("proof", "")):
            raise RequestError(403, "Nobody is logged in here.")
        await self._ask(self._visits.leave, visitor, _address(request))
        answer = RedirectResponse("/login", 303)
        self._set(answer, request, "", "", 0)
        answer.headers["clear-site-data"] = '"cache"'
        return answer

    def _entered(self, request: Request, cookie: str) -> Response:
        answer = RedirectResponse("/", 303)
        self._set(answer, request, "", cookie, int(VISIT_SECONDS))
        return answer

    def _page(
        self,
        title: str,
        words: str,
        status: int,
        request: Request,
        form: str = "",
        visitor: Visitor | None = None,
    ) -> Response:
        cookie = request.cookies.get(self._cookie(request.headers), "")
        before = cookie if visitor else secrets.token_urlsafe(32)
        page = self._templates.get_template("door.html").render(
            title=title,
            words=words,
            form=form,
            proof=form_proof(before),
            name=visitor.name if visitor else "",
            role=visitor.role.name.lower() if visitor else "",
        )
        answer = HTMLResponse(page, status, {"cache-control": "no-store"})
        if form == "login":
            self._set(answer, request, "form", before, FORM_SECONDS)
        return answer

    def _refused(self, request: Request, status: int, words: str) -> Response:
        if request.url.path.endswith(".json"):
            return JSONResponse({"error": words}, status, {"connection": "close"})
        return PlainTextResponse(f"{words}\n", status, {"connection": "close"})

    def _cookie(self, headers: Headers, kind: str = "visit") -> str:
        """Over TLS a name that no other host and no plain page can set."""
        if self._site.is_secure(headers):
            return f"__Host-vethscope-{kind}"
        return f"vethscope-{self._port}-{kind}"

    def _set(
        self, answer: Response, request: Request, kind: str, value: str, seconds: int
    ) -> None:
        answer.set_cookie(
            self._cookie(request.headers, kind or "visit"),
            value,
            max_age=seconds,
            path="/",
            secure=self._site.is_secure(request.headers),
            httponly=True,
            samesite="lax",
        )

    async def _ask(self, work: Callable[..., T], *given: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._asking, work, *given)

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_open(scope["path"]):
            await self._pages(scope, receive, send)
            return
        if self._waiting >= MOST_WAITING:
            words = "Too many pages are asked for at the moment. Try again shortly."
            answer = PlainTextResponse(f"{words}\n", 503, {"retry-after": "2"})
            await answer(scope, receive, send)
            return
        made: list[Message] = []

        async def keep(message: Message) -> None:
            made.append(message)

        self._waiting += 1
        try:
            async with self._making:
                await self._pages(scope, receive, keep)
        finally:
            self._waiting -= 1
        for message in made:
            await send(message)


def is_open(path: str) -> bool:
    """Whether strangers may read it."""
    return path in PROBES or path.startswith(STATIC)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form. Raises RequestError."""
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BODY_BYTES:
                    raise RequestError(413, "The form is too large.")
    except TimeoutError:
        raise RequestError(408, "The form did not come in time.") from None
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
    except ValueError:
        raise RequestError(400, "The form is not understood.") from None
    return {name: values[0] for name, values in fields.items()}


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
