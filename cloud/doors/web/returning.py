"""The page that somebody asked for who has to log in first: they come back to it.

In: a request of a stranger, and later of the one who was let in. Out: a cookie, and a
path of ours. It is kept in their browser only, so that all ways to log in lead there; a
cookie that leads anywhere else is as good as none.
"""

import re
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from cloud.doors.web.cookies import Cookies

WANTED = "wanted"
WANTED_SECONDS = 900
MOST_WANTED = 2_000
"""Characters: browsers keep 4 kB of a cookie."""
HOME = "/"
_OURS = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""Printable and without a backslash; two slashes would lead to another host."""


def is_person(request: Request) -> bool:
    """Whether a browser asks for a page to show."""
    return "text/html" in request.headers.get("accept", "")


def remember(answer: Response, request: Request, cookies: Cookies) -> None:
    """Only what a person opens: scripts and programs ask in another way."""
    if request.method != "GET" or not is_person(request):
        return
    asked = request.url.query
    wanted = quote(request.url.path) + (f"?{asked}" if asked else "")
    if len(wanted) <= MOST_WANTED and wanted != HOME and _OURS.fullmatch(wanted):
        cookies.set(answer, request, WANTED, quote(wanted, safe=""), WANTED_SECONDS)


def wanted(request: Request, cookies: Cookies) -> str:
    """The path to go on at; `/` if nothing else was asked for."""
    found = unquote(cookies.get(request, WANTED))
    return found if len(found) <= MOST_WANTED and _OURS.fullmatch(found) else HOME


def forget(answer: Response, request: Request, cookies: Cookies) -> None:
    if cookies.get(request, WANTED):
        cookies.take(answer, request, (WANTED,))
