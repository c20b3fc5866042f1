"""Raw access to the Kubernetes API server.

In: a path and a query. Out: the bytes of an answer, whole or line by line as they
arrive. The `kubernetes` package finds the cluster, authenticates and verifies; only
errors are decoded here (kubernetes.io/docs/reference/using-api/api-concepts).

Who is silent is noticed in three ways: a dead network by TCP, a server that hangs by a
question beside the answers that are read (`ask_silent`), one of several servers that
hangs by the bookmarks that it does not send.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import urllib3
from kubernetes import client, config
from urllib3.connection import HTTPConnection

ANSWER_SECONDS = 30.0
SILENT_SECONDS = 30.0
"""An answer brought nothing for so long: the server is asked whether it is there …"""
ASK_SECONDS = 10.0
"""… and must say so in this time."""
SILENCE_SECONDS = 130.0
"""A watch that brings nothing for so long is begun anew, whoever answers besides: the
server sends a bookmark a minute."""
LONGEST_LINE_BYTES = 16 << 20
"""Of one watch event; etcd keeps objects far smaller."""
LONGEST_ERROR_BYTES = 1 << 16
LONGEST_WAIT_SECONDS = 120.0
"""Of what a server may ask us to wait."""

KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""A peer that is gone is noticed in 45 s, as by Go's clients."""

JSON = "application/json"
AS_PARTIAL = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""An object's metadata alone."""


class GoneError(Exception):
    """Our resource version is none of the server's: list again."""


class ApiError(Exception):
    """The server refused or failed; the text says how."""

    def __init__(self, text: str, status: int = 0, wait_seconds: float = 0.0) -> None:
        super().__init__(text)
        self.status = status
        self.wait_seconds = wait_seconds
        """The server wants to be left alone for so long."""


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None


class Status(msgspec.Struct):
    """The API's own words of an error."""

    code: int = 0
    details: _Details | None = None

    @property
    def is_gone(self) -> bool:
        """Forgotten, or of a store that is no more (its versions went back)."""
        causes = (self.details.causes if self.details else None) or ()
        too_new = "ResourceVersionTooLarge"
        return self.code == 410 or any(cause.reason == too_new for cause in causes)


class _Answer:
    """One that is being read line by line."""

    def __init__(
        self, response: urllib3.BaseHTTPResponse, heard: Callable[[], None]
    ) -> None:
        self.response = response
        self.heard_at = time.monotonic()
        self.is_cut = False
        self._heard = heard

    def hear(self) -> None:
        self.heard_at = time.monotonic()
        self._heard()

    def cut(self) -> None:
        self.is_cut = True
        try:
            self.response.shutdown()
        except (OSError, ValueError, RuntimeError):
            return  # it ended by itself just now


class Api:
    """Raw, authenticated access to the API server."""

    def __init__(self, configuration: client.Configuration) -> None:
        options = [*HTTPConnection.default_socket_options, *KEEPALIVE]
        configuration.socket_options = options
        self._configuration = configuration
        self._client = client.ApiClient(configuration)
        self._host = configuration.host.rstrip("/")
        self._open: set[_Answer] = set()
        self._closed = threading.Event()

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def get(self, path: str, query: dict[str, str], accept: str = JSON) -> bytes:
        """One whole answer. Raises ApiError, GoneError, urllib3 errors."""
        with self._request(path, query, accept, ANSWER_SECONDS) as response:
            return response.read()

    def lines(
        self,
        path: str,
        query: dict[str, str],
        heard: Callable[[], None],
        accept: str = JSON,
    ) -> Iterator[bytes]:
        """The lines of an answer as they arrive, until the server ends it; `heard` is
        called whenever the server shows that it is there. Raises as `get`."""
        answer = _Answer(self._request(path, query, accept, SILENCE_SECONDS), heard)
        self._open.add(answer)
        if self.is_closed:
            answer.cut()
        try:
            yield from _lines(_chunks(answer))
        except (OSError, urllib3.exceptions.HTTPError):
            if not answer.is_cut:
                raise
        finally:
            self._open.discard(answer)
            answer.response.close()
        if answer.is_cut and not self.is_closed:
            raise ApiError("the server is silent")

    def ask_silent(self) -> bool:
        """Asks whether the server is there if an answer brought nothing for long, and
        ends such answers if it is not; whether all are well."""
        before = time.monotonic() - SILENT_SECONDS
        silent = [answer for answer in tuple(self._open) if answer.heard_at < before]
        if not silent:
            return True
        try:
            with self._request("/version", {}, JSON, ASK_SECONDS) as response:
                response.read()
        except ApiError:
            is_there = True  # whatever it says
        except (OSError, urllib3.exceptions.HTTPError):
            is_there = False
        else:
            is_there = True
        for answer in silent:
            if is_there:
                answer.hear()
            else:
                answer.cut()
        return is_there

    def close(self) -> None:
        """Ends the answers that are still being read, from any thread."""
        self._closed.set()
        for answer in tuple(self._open):
            answer.cut()

    def _request(
        self, path: str, query: dict[str, str], accept: str, seconds: float
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": accept, "User-Agent": "vethscope"}
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
            timeout=urllib3.Timeout(connect=min(seconds, ANSWER_SECONDS), read=seconds),
        )
        if response.status == 200:
            return response
        with response:
            raise _refusal(response)


def configuration(file: str = "") -> client.Configuration | None:
    """The cluster that the file names; without one that which this process runs in or
    which kubectl uses, if any. Raises ApiError if the file cannot be used."""
    found = client.Configuration()
    if file:
        return _of_file(file, found)
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


def _of_file(file: str, found: client.Configuration) -> client.Configuration:
    try:
        config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=file, client_configuration=found
        )
    except config.ConfigException as error:
        text = f"addresses.kubeconfig_file: {file!r}: {error}"
        raise ApiError(text) from None
    return found


def _refusal(response: urllib3.BaseHTTPResponse) -> Exception:
    try:
        body = response.read(LONGEST_ERROR_BYTES)
        status = msgspec.json.decode(body, type=Status)
    except (OSError, urllib3.exceptions.HTTPError, ValueError):
        status = Status()
    if response.status == 410 or status.is_gone:
        return GoneError()
    wait = response.headers.get("Retry-After", "")
    seconds = min(float(wait), LONGEST_WAIT_SECONDS) if wait.isdecimal() else 0.0
    return ApiError(f"HTTP status {response.status}", response.status, seconds)


def _chunks(answer: _Answer) -> Iterator[bytes]:
    for chunk in answer.response.stream(1 << 16):
        answer.hear()
        yield chunk


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
        if len(rest) > LONGEST_LINE_BYTES:
            raise ApiError("an event is too long")
