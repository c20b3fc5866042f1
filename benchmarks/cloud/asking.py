"""Asks a dashboard as a browser does, but without a network."""

import asyncio
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Scope

from cloud.visitor import VISITOR, Role, Visitor


class Asking:
    """An application, asked by somebody who may see all."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self._loop = asyncio.new_event_loop()

    def json(self, address: str) -> Any:
        return msgspec.json.decode(self.get(address))

    def get(self, address: str) -> bytes:
        """The body of what is answered."""
        path, _, query = address.partition("?")
        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [(b"host", b"127.0.0.1:8080")],
            "server": ("127.0.0.1", 8080),
            "client": ("127.0.0.1", 50_000),
            VISITOR: Visitor("somebody", Role.VIEWER),
        }
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            answer.append(message)

        self._loop.run_until_complete(self._application(scope, receive, send))
        assert answer[0]["status"] == 200, (address, answer)
        return b"".join(part.get("body", b"") for part in answer[1:])

    def close(self) -> None:
        """Ends the loop."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
