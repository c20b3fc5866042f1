"""A path in front of all addresses: the dashboard as https://NAME/vethscope.

In: requests under the path, or without it where a proxy takes it off. Out: the same
without it, and answers whose own addresses have it again: `Location`, and in HTML the
addresses that begin with `/`. Nothing else in HTML looks like such an attribute: what
comes from clusters has its quotes escaped. Requests under other names, as through a
port-forward, are left alone.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.doors.site import Site

_ADDRESS = re.compile(rb'(\s(?:href|src|action|formaction)=")/(?!/)')


class Prefix:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._site.path
        if scope["type"] != "http" or not path:
            await self._app(scope, receive, send)
            return
        if scope["path"] == path or scope["path"].startswith(f"{path}/"):
            scope = {**scope, "path": scope["path"][len(path) :] or "/"}
        if self._site.is_at_origin(Headers(scope=scope)):
            send = _Prefixing(path, send)
        await self._app(scope, receive, send)


class _Prefixing:
    """Sends one answer on. HTML is held until it is whole: its length changes."""

    def __init__(self, path: str, send: Send) -> None:
        self._path = path
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            target = headers.get("location", "")
            if target.startswith("/") and not target.startswith("//"):
                headers["location"] = self._path + target
            if headers.get("content-type", "").startswith("text/html"):
                self._start = message
                return
        elif self._start:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            message = await self._changed(self._start)
        await self._send(message)

    async def _changed(self, start: Message) -> Message:
        body = _ADDRESS.sub(rb"\1" + self._path.encode() + b"/", self._body)
        if self._body:
            MutableHeaders(scope=start)["content-length"] = str(len(body))
        await self._send(start)
        return {"type": "http.response.body", "body": body}
