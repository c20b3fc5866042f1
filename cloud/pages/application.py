"""The dashboard as an ASGI application: pages, their reports, and changes.

In: HTTP requests of visitors whom the front door let in (`cloud/doors/web/front.py`),
and the tables of pages, changes and navigation. Out: the reports, through templates
that escape every name, or encoded as they are. There is no inline script or style and
nothing from elsewhere.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import msgspec
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import BaseRoute, Mount, Route, compile_path
from starlette.staticfiles import StaticFiles

from cloud.errors import CloudError, UnavailableError
from cloud.pages import away, formats, openapi, sheet, spans
from cloud.pages.coverage import over_time
from cloud.pages.kept import Kept
from cloud.pages.page import (
    API,
    Action,
    Asked,
    FieldError,
    Page,
    Sent,
    Source,
    Take,
    parameters,
)
from cloud.pages.status import problems
from cloud.pages.wrong import FAILED, MISTAKE, asked_again, place_of, wrong
from cloud.reasons import COUNTED
from cloud.store import protocols
from cloud.templates import environment
from cloud.visitor import VISITOR, Role, Visitor, again, form, visitor

log = logging.getLogger("vethscope")

HERE = Path(__file__).parent
BANNER, BANNER_PATH = "banner.html", "/status/banner"
PLAIN_WORDS = {
    "Not Found": "There is no such page.",
    "Method Not Allowed": "Pages here can only be read.",
}
"""For Starlette's own errors."""


class Entry(NamedTuple):
    """A line of the navigation."""

    path: str
    words: str
    role: Role = Role.VIEWER
    beneath: tuple[str, ...] = ()
    """Paths of pages that have no line, and are found from this one."""


class Pages(Starlette):
    """Answers requests from a store."""

    def __init__(
        self,
        store: Source,
        pages: Sequence[Page],
        actions: Sequence[Action],
        navigation: Sequence[Entry | None],
    ) -> None:
        """`navigation`: None is a line between."""
        self._store = store
        self.kept = Kept(store.reading)
        self._templates = _templates()
        self._described = pages, actions
        self._navigation = navigation
        self._pages = {page.path: page for page in pages}
        needed = [("POST", action.path, action.role) for action in actions]
        for page in pages:
            needed += [("GET", page.path, page.role), ("GET", page.api, page.role)]
        self._roles = [(how, compile_path(path)[0], role) for how, path, role in needed]
        self._patterns = [(compile_path(page.path)[0], page) for page in pages]
        routes: list[BaseRoute] = [Route(f"{API}/openapi.json", self._describe)]
        for page in pages:
            routes += self._routes(page)
        routes += [self._action(action) for action in actions]
        super().__init__(
            routes=[
                *routes,
                Route(BANNER_PATH, self._banner),
                Route("/healthz", _alive),
                Route("/readyz", self._ready),
                Mount("/static", StaticFiles(directory=HERE / "static")),
            ],
            exception_handlers={
                HTTPException: self._refused,
                UnavailableError: self._unavailable,
                CloudError: self._impossible,
                Exception: self._failed,
            },
        )

    @property
    def is_away(self) -> bool:
        """Whether the database was away when it was looked at last."""
        return self._store.watch.is_away

    def away(self, request: Request) -> Response:
        """What there is to say while the database is away, to anybody."""
        self._store.watch.wake()
        report = away.told(self._store.watch)
        path = request.url.path
        if path.startswith(f"{API}/"):
            body = msgspec.json.encode(report)
            return Response(body, away.STATUS, away.RETRY, away.MEDIA_TYPE)
        template = BANNER if path == BANNER_PATH else away.TEMPLATE
        problems = [away.banner(report)]
        answer = self._html(
            request, template, away.STATUS, report=report, problems=problems
        )
        answer.headers.update(away.RETRY)
        return answer

    def role(self, method: str, path: str) -> Role:
        """Which role a request needs; what is not known here needs the usual one."""
        method = "GET" if method == "HEAD" else method
        for known, pattern, role in self._roles:
            if known == method and pattern.match(path):
                return role
        return Role.VIEWER if method == "GET" else Role.EDITOR

    def _routes(self, page: Page) -> list[BaseRoute]:
        """Of a page and of its report."""

        def shown(request: Request) -> Response:
            report = self._read(page, request)
            has_sheet = bool(page.rows)
            return self._html(
                request, page.template, report=report, has_sheet=has_sheet
            )

        def told(request: Request) -> Response:
            wanted = _format(page, request)
            if wanted in page.takes:
                return self._take(page, page.takes[wanted], request)
            report = self._read(page, request)
            return _csv(page, report) if wanted == "csv" else _json(report)

        return [Route(page.api, told), Route(page.path, shown)]

    def _read(self, page: Page, request: Request) -> msgspec.Struct:
        with self._store.reading() as connection:
            return page.read(self._asked(page, request, connection))

    def _take(self, page: Page, take: Take, request: Request) -> Response:
        with self._store.reading() as connection:
            text = take.read(self._asked(page, request, connection))
        return _file(text, take.media_type, f"{page.name}.{take.ending}")

    def _asked(self, page: Page, request: Request, connection: Connection) -> Asked:
        query = parameters(request.query_params, page.query)
        name = request.path_params.get("id", "")
        return self._of(connection, query, name, visitor(request))

    def _of(
        self, connection: Connection, query: msgspec.Struct, name: str, who: Visitor
    ) -> Asked:
        store = self._store
        return Asked(connection, query, name, who, self.kept, store.watch, store.run)

    def _action(self, action: Action) -> Route:
        def act(request: Request) -> Response:
            name = request.path_params.get("id", "")
            sent = Sent(form(request), name, visitor(request))
            held = again(request)
            if held:
                error = FieldError("", held.words, held.status)
                return self._again(request, action, sent, error)
            try:
                answer = action.act(sent)
            except FieldError as error:
                return self._again(request, action, sent, error)
            if isinstance(answer, str):
                return RedirectResponse(answer, 303)
            template, report, status = answer
            return self._html(request, template, status, report=report)

        return Route(action.path, act, methods=["POST"])

    def _again(
        self, request: Request, action: Action, sent: Sent, error: FieldError
    ) -> Response:
        """The page with the form, all that was sent, and what is wrong with it."""
        notice = "" if error.field else error.detail
        if action.draft and notice:
            template, report, _ = action.draft(sent)
            shown = {"report": report, "notice": notice}
            return self._html(request, template, error.status_code, **shown)
        page, name = self._form_page(action, sent)
        if page is None:
            return self._refused(request, error)
        told = asked_again(sent, action, page)
        query = parameters(told, page.query)
        with self._store.reading() as connection:
            report = page.read(self._of(connection, query, name, sent.visitor))
        form = action.form(sent) if action.form else action.name
        problem = wrong(form, sent, error)
        if hasattr(report, "wrong"):
            report.wrong = problem
        path = page.path.replace("{id}", name)
        return self._html(
            request,
            page.template,
            error.status_code,
            report=report,
            has_sheet=bool(page.rows),
            query=told,
            wrong=problem,
            notice=notice,
            path=path,
            api=page.api.replace("{id}", name),
        )

    def _form_page(self, action: Action, sent: Sent) -> tuple[Page | None, str]:
        """The page that the form was on, and what its address names."""
        back = next(iter(sent.form.get("back", ())), "")
        for pattern, page in self._patterns:
            found = pattern.match(back) if action.again else None
            if found and page.role <= sent.visitor.role:
                return page, found.groupdict().get("id", "")
        return self._pages.get(action.again), sent.id

    def _describe(self, _: Request) -> Response:
        return _json(self._description)

    @cached_property
    def _description(self) -> dict[str, Any]:
        """Of the API; made when it is asked for first, for that takes a while."""
        return openapi.document(*self._described)

    def _ready(self, _: Request) -> Response:
        """Whether the store answers now, and could be written when watched last."""
        try:
            with self._store.reading() as connection:
                connection.exec_driver_sql("SELECT 1")
        except UnavailableError:
            self._store.watch.wake()
            return PlainTextResponse("the database does not answer\n", 503)
        if self._store.watch.is_ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("the store cannot be written\n", 503)

    def _banner(self, request: Request) -> Response:
        """The problems alone, for pages that are open."""
        return self._html(request, BANNER)

    def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        words = PLAIN_WORDS.get(error.detail, error.detail)
        return self.message(request, words, error.status_code)

    def _unavailable(self, request: Request, _: Exception) -> Response:
        """The database is away, or this page alone took too long."""
        if self._store.watch.failure:
            return self.away(request)
        self._store.watch.wake()
        words = "The store is not available at the moment. Try again shortly."
        return self.message(request, words, status=503)

    def _impossible(self, request: Request, error: Exception) -> Response:
        """What was asked for cannot be done; the error says why, for people."""
        words = str(error)
        return self.message(request, f"{words[:1].upper()}{words[1:]}.", status=400)

    def _failed(self, request: Request, error: Exception) -> Response:
        """A mistake of ours."""
        log.error("page: %s", place_of(error))
        return self.message(request, MISTAKE, FAILED)

    def message(self, request: Request, words: str, status: int) -> Response:
        """A page, or JSON, with these words."""
        if request.url.path.startswith(f"{API}/"):
            return _json({"error": words}, status)
        near = self._near(request.url.path)
        return self._html(request, "message.html", status, words=words, near=near)

    def _near(self, path: str) -> Entry | None:
        """The line of the navigation that an address is beneath."""
        lines = [entry for entry in self._navigation if entry and entry.path != "/"]
        for entry in lines:
            paths = (entry.path, *entry.beneath)
            if any(path == one or path.startswith(f"{one}/") for one in paths):
                return entry
        return None

    def _html(
        self, request: Request, template: str, status: int = 200, **shown: object
    ) -> Response:
        path = request.url.path
        who: Visitor | None = request.scope.get(VISITOR)
        shown = {
            "path": path,
            "api": API + ("/today" if path == "/" else path),
            "query": dict(request.query_params),
            "status": status,
            "has_sheet": False,
            "wrong": None,
            "notice": "",
            "visitor": who,
            "problems": problems(self._store.watch, who) if who else [],
            "navigation": [
                entry
                for entry in self._navigation
                if entry is None or (who.role if who else Role.VIEWER) >= entry.role
            ],
        } | shown
        page = self._templates.get_template(template).render(shown)
        return HTMLResponse(page, status)


def _templates() -> jinja2.Environment:
    templates = environment(HERE / "templates")
    templates.filters |= formats.FILTERS | over_time.FILTERS
    templates.globals["COUNTED"] = [group.value for group in COUNTED]
    templates.globals["SPANS"] = spans.WORDS
    templates.globals["PROTOCOLS"] = protocols.NAMES
    return templates


def _format(page: Page, request: Request) -> str:
    """In which the report is wanted. Raises 400."""
    there = ["json", *(["csv"] if page.rows else []), *page.takes]
    wanted = request.query_params.get("format", "json")
    if wanted not in there:
        raise HTTPException(400, f"There is no such format, but {', '.join(there)}.")
    return wanted


def _alive(_: Request) -> Response:
    return PlainTextResponse("alive\n")


def _json(document: msgspec.Struct | Mapping[str, Any], status: int = 200) -> Response:
    body = msgspec.json.encode(document)
    return Response(body, status, media_type="application/json")


def _csv(page: Page, report: msgspec.Struct) -> Response:
    rows = getattr(report, page.rows)
    shape = msgspec.inspect.type_info(page.report)
    text = sheet.encode(rows, _row_of(shape, page.rows))
    return _file(text, "text/csv", f"{page.name}.csv")


def _file(text: str, media_type: str, name: str) -> Response:
    disposition = f'attachment; filename="vethscope-{name}"'
    headers = {"content-disposition": disposition}
    return Response(text, media_type=media_type, headers=headers)


def _row_of(shape: Any, name: str) -> type[msgspec.Struct]:
    (field,) = [field for field in shape.fields if field.name == name]
    found: type[msgspec.Struct] = field.type.item_type.cls
    return found
