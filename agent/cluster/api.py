"""Raw access to the Kubernetes API server.

In: a path and a query. Out: the bytes of an answer, whole or line by line as they
arrive. The `kubernetes` package finds the cluster, authenticates and verifies; nothing
is decoded here.
"""

from collections.abc import Callable, Iterator
from typing import Any

import urllib3
from kubernetes import client, config

ANSWER_SECONDS = 30.0
SILENCE_SECONDS = 330.0
"""A watch that brings nothing for so long is dead: longer than watches last."""
LONGEST_LINE_BYTES = 16 << 20
"""Of one watch event; etcd keeps objects far smaller."""


class GoneError(Exception):
    """The server no longer knows our resource version: list again."""


class ApiError(Exception):
    """The server refused or failed; says the path and status."""


class Api:
    """Raw, authenticated access to the API server."""

    def __init__(self, configuration: client.Configuration) -> None:
        self._configuration = configuration
        self._client = client.ApiClient(configuration)
        self._host = configuration.host.rstrip("/")
        self._open: set[urllib3.BaseHTTPResponse] = set()

    def get(self, path: str, query: dict[str, str]) -> bytes:
        """One whole answer. Raises ApiError, GoneError, urllib3 errors."""
        with self._request(path, query, ANSWER_SECONDS) as response:
            return response.read()

    def lines(
        self, path: str, query: dict[str, str], opened: Callable[[], None]
    ) -> Iterator[bytes]:
        """The lines of an answer as they arrive, until the server ends it."""
        response = self._request(path, query, SILENCE_SECONDS)
        self._open.add(response)
        opened()
        try:
            yield from _lines(response.stream(1 << 16))
        finally:
            self._open.discard(response)
            response.close()

    def close(self) -> None:
        """Ends the answers that are still being read, from any thread."""
        for response in tuple(self._open):
            try:
                response.shutdown()
            except (OSError, ValueError, RuntimeError):
                continue  # it ended by itself just now

    def _request(
        self, path: str, query: dict[str, str], seconds: float
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": "vethscope"}
        settings: dict[str, Any] = dict(self._configuration.auth_settings())
        for setting in settings.values():
            headers[setting["key"]] = setting["value"]
        pool: Any = self._client.rest_client.pool_manager
        response: urllib3.BaseHTTPResponse = pool.request(
            "GET",
            self._host + path,
            fields=query,
            headers=headers,
            preload_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=ANSWER_SECONDS, read=seconds),
        )
        if response.status == 200:
            return response
        response.close()
        if response.status == 410:
            raise GoneError
        raise ApiError(f"{path}: HTTP status {response.status}")


def configuration() -> client.Configuration | None:
    """The cluster that this process runs in or that kubectl uses, if any."""
    found = client.Configuration()
    try:
        config.load_incluster_config(found)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        try:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                client_configuration=found
            )
        except config.ConfigException:
            return None
    return found


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
        if len(rest) > LONGEST_LINE_BYTES:
            raise ApiError("a watch event is too long")
