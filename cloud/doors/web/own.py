"""The front door's own page: to log in, to log out, and what is said beside that.

In: words, and which form. Out: an answer that nobody keeps. Its form carries a proof of
the browser's cookie; the login's form brings a cookie of its own for that.
"""

import secrets
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cloud.doors.site import form_proof
from cloud.doors.visitors.visits import Visit
from cloud.doors.web.cookies import FORM, Cookies
from cloud.doors.web.sign_in import START
from cloud.templates import environment

FORM_SECONDS = 900
TITLES = {
    400: "Not understood",
    403: "Not permitted",
    408: "Too slow",
    413: "Too large",
    503: "Not available",
}
"""Of what is refused; the words beside say why."""


class OwnPage:
    """One template, filled."""

    def __init__(self, cookies: Cookies, provider: str) -> None:
        """`provider`: the name of one where people may log in, too; empty: none."""
        self._cookies = cookies
        self._provider = provider
        templates = environment(Path(__file__).parent / "templates")
        self._template = templates.get_template("door.html")

    def answer(
        self,
        title: str,
        words: str,
        status: int,
        request: Request,
        form: str = "",
        visit: Visit | None = None,
        target: str = "",
    ) -> Response:
        """`form`: login, logout, `logout everywhere`, or none. `target`: an address at
        the provider to go on to."""
        cookie = self._cookies.get(request)
        before = cookie if visit else secrets.token_urlsafe(32)
        page = self._template.render(
            title=title,
            words=words,
            form=form,
            proof=form_proof(before),
            name=visit.name if visit else "",
            role=visit.role.name.lower() if visit else "",
            provider=self._provider,
            start=START,
            target=target,
        )
        answer = HTMLResponse(page, status, {"cache-control": "no-store"})
        if form == "login":
            self._cookies.set(answer, request, FORM, before, FORM_SECONDS)
        return answer
