"""The dashboard: HTML pages, and each page's JSON twin at its address + `.json`.

In: HTTP requests. Out: the reports of `overview`, `endpoints` and `coverage`, through
templates that escape every name, or encoded as they are. There is no script, no inline
style and nothing from elsewhere. The pages only read; who may see them, and the headers
that forbid browsers the rest, are the doors' (`cloud/doors/front.py`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jinja2
import msgspec
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cloud.errors import UnavailableError
from cloud.pages import coverage, endpoints, formats, overview
from cloud.pages.reports import EndpointReport, FieldsQuery, PageQuery, Query
from cloud.reasons import COUNTED
from cloud.store.store import Store

HERE = Path(__file__).parent
PLAIN_WORDS = {
    "Not Found": "There is no such page.",
    "Method Not Allowed": "Pages here can only be read.",
}
"""For Starlette's own errors."""

Reader = Callable[[Connection, Request], msgspec.Struct]
Parameters = TypeVar("Parameters", bound=msgspec.Struct)


def application(store: Store) -> Starlette:
    """The dashboard of one store, as an ASGI application."""
    pages = Pages(store)
    return Starlette(
        routes=[
            *pages.twins("/", "overview.html", _overview),
            *pages.twins("/endpoints", "endpoints.html", _endpoints),
            *pages.twins("/endpoints/{id}", "endpoint.html", _endpoint),
            *pages.twins("/coverage", "coverage.html", _coverage),
            Route("/healthz", _alive),
            Route("/readyz", pages.ready),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={
            HTTPException: pages.refused,
            UnavailableError: pages.unavailable,
        },
    )


class Pages:
    """Answers requests from a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._templates = jinja2.Environment(
            autoescape=True,
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            lstrip_blocks=True,
            trim_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._templates.filters |= formats.FILTERS
        self._templates.globals["COUNTED"] = [group.value for group in COUNTED]

    def twins(self, path: str, template: str, read: Reader) -> list[Route]:
        """The routes of a page and of its JSON twin."""

        def page(request: Request) -> Response:
            with self._store.reading() as connection:
                report = read(connection, request)
            return self._html(request, template, report=report)

        def twin(request: Request) -> Response:
            with self._store.reading() as connection:
                return _json(read(connection, request))

        return [Route(f"{path}.json", twin), Route(path, page)]

    def ready(self, _: Request) -> Response:
        """Whether the store answers."""
        with self._store.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
        return PlainTextResponse("ready\n")

    def refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        words = PLAIN_WORDS.get(error.detail, error.detail)
        return self._message(request, words, error.status_code)

    def unavailable(self, request: Request, _: Exception) -> Response:
        words = "The store is not available at the moment. Try again shortly."
        return self._message(request, words, status=503)

    def _message(self, request: Request, words: str, status: int) -> Response:
        if request.url.path.endswith(".json"):
            return _json({"error": words}, status)
        return self._html(request, "message.html", status, words=words)

    def _html(
        self, request: Request, template: str, status: int = 200, **shown: object
    ) -> Response:
        query = dict(request.query_params)
        shown |= {"path": request.url.path, "query": query, "status": status}
        return HTMLResponse(
            self._templates.get_template(template).render(shown), status
        )


def _overview(connection: Connection, _: Request) -> msgspec.Struct:
    return overview.report(connection)


def _endpoints(connection: Connection, request: Request) -> msgspec.Struct:
    return endpoints.listed(connection, _parameters(request, Query))


def _endpoint(connection: Connection, request: Request) -> EndpointReport:
    query = _parameters(request, FieldsQuery)
    try:
        key = endpoints.key(request.path_params["id"])
    except ValueError:
        raise HTTPException(404, "There is no such endpoint.") from None
    report = endpoints.one(connection, key, query)
    if report is None:
        raise HTTPException(404, "There is no such endpoint.")
    return report


def _coverage(connection: Connection, request: Request) -> msgspec.Struct:
    return coverage.report(connection, _parameters(request, PageQuery))


def _alive(_: Request) -> Response:
    return PlainTextResponse("alive\n")


def _parameters(request: Request, shape: type[Parameters]) -> Parameters:
    try:
        return msgspec.convert(dict(request.query_params), shape, strict=False)
    except msgspec.ValidationError as error:
        words = f"The address asks for something that is not there: {error}."
        raise HTTPException(400, words) from None


def _json(document: msgspec.Struct | Mapping[str, Any], status: int = 200) -> Response:
    body = msgspec.json.encode(document)
    return Response(body, status, media_type="application/json")
