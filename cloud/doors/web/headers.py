"""The security headers of every answer, the pages' and the doors' own."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Nothing for others; without one a browser's own forms would have no origin.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
TRANSPORT = "max-age=31536000"
"""Over TLS (RFC 6797): a year, for this name alone. Names below it are not ours."""
CACHE = "private, no-cache"
"""What one visitor sees is not for the next."""

SECRET = "no-store"
"""What is shown once stays nowhere."""


class SecurityHeaders:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if scope.get("scheme") == "https":
                    headers["strict-transport-security"] = TRANSPORT
                is_secret = "/shown/" in scope.get("path", "")
                headers.setdefault("cache-control", SECRET if is_secret else CACHE)
            await send(message)

        await self._app(scope, receive, sending)
