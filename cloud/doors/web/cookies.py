"""The doors' cookies: their names, and that no script and no other site gets them.

Over TLS names begin with `__Host-` (RFC 6265bis, section 4.1.3.2): no other host, and
no plain page, can set them. Else the port is in the name, since several dashboards on
one machine share their cookies.
"""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from cloud.doors.site import is_secure

VISIT, FORM, ATTEMPT = "visit", "form", "attempt"
"""Kinds: who is in, a form's proof, and a login at a provider (with its tag)."""
TYPED = "typed"
"""The name of a form that waits for the login."""
HINT, LEFT = "hint", "left"
"""What a provider needs to know who leaves it, and that this browser did."""


class Cookies:
    """Those of one dashboard."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, request: Request, kind: str = VISIT) -> str:
        """Empty: there is none."""
        return request.cookies.get(self._name(request, kind), "")

    def kinds(self, request: Request, beginning: str) -> list[str]:
        """Those that the browser has."""
        start = self._name(request, beginning)
        head = len(start) - len(beginning)
        return [name[head:] for name in request.cookies if name.startswith(start)]

    def set(
        self, answer: Response, request: Request, kind: str, value: str, seconds: int
    ) -> None:
        answer.set_cookie(
            self._name(request, kind),
            value,
            max_age=seconds,
            path="/",
            secure=is_secure(request),
            httponly=True,
            # Strict ones would be missing where a provider sends somebody back.
            samesite="lax",
        )

    def take(self, answer: Response, request: Request, kinds: Iterable[str]) -> None:
        """Takes these back."""
        for kind in kinds:
            self.set(answer, request, kind, "", 0)

    def _name(self, request: Request, kind: str) -> str:
        if is_secure(request):
            return f"__Host-vethscope-{kind}"
        return f"vethscope-{self._port}-{kind}"
