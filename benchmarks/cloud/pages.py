"""Every page and twin, asked as a browser does, but without a network."""

import asyncio
import time
from typing import Any

import msgspec
from starlette.types import Message, Scope

from cloud.pages.site import application
from cloud.store.store import Store

TIMES = 20


class Pages:
    """The dashboard of a store."""

    def __init__(self, store: Store) -> None:
        self._application = application(store)
        self._loop = asyncio.new_event_loop()
        listed: Any = msgspec.json.decode(self._get("/endpoints.json"))
        one = f"/endpoints/{listed['endpoints'][0]['id']}"
        bases = ("/", "/endpoints", one, "/coverage")
        self._paths = [path for base in bases for path in (base, f"{base}.json")]
        self._paths += [
            "/endpoints?q=resource-7",
            "/endpoints?type=contact.email&sensitivity=high",
            "/endpoints?sort=path",
            "/endpoints?sort=last_seen&page=100",
        ]

    def cpu_seconds(self) -> dict[str, float]:
        """Of each page, the mean with nothing else under way."""
        spent = {}
        for path in self._paths:
            self._get(path)
            began = time.process_time()
            for _ in range(TIMES):
                self._get(path)
            spent[path] = (time.process_time() - began) / TIMES
        return spent

    def slow_seconds(self) -> dict[str, float]:
        """Of each page, what nineteen of twenty stay below."""
        slow = {}
        for path in self._paths:
            taken = []
            for _ in range(TIMES):
                began = time.perf_counter()
                self._get(path)
                taken.append(time.perf_counter() - began)
            slow[path] = sorted(taken)[-2]
        return slow

    def close(self) -> None:
        """Ends the loop."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _get(self, address: str) -> bytes:
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
        }
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            answer.append(message)

        self._loop.run_until_complete(self._application(scope, receive, send))
        assert answer[0]["status"] == 200, (address, answer)
        return b"".join(part.get("body", b"") for part in answer[1:])
