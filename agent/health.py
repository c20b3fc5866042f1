"""Health: one HTTP port on which a role tells whether it lives, is ready, and counts.

`/livez` fails when a role's work stands still, so that it is started again; `/startz`
until it has prepared itself; neither depends on another program. `/readyz` fails until
it can do its work, and while one whom it needs is away; `/metrics` is for Prometheus.
The names of failed checks are ours. Few connections at a time and short waits: on the
node's own network anybody may ask.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import zip_longest
from typing import Protocol

from agent import metrics
from agent.metrics import Metric
from agent.settings import split_address

log = logging.getLogger("vethscope")

MOST_CONNECTIONS = 16
REQUEST_SECONDS = 5.0
"""A connection that says nothing is closed after this."""
STILL_SECONDS = 60.0
"""Work that made no step for so long stands still: the longest step is one inspection
of a whole batch."""


class HealthError(Exception):
    """The port cannot be had."""


class Observed(Protocol):
    """A role that tells of itself; asked from another thread."""

    @property
    def name(self) -> str: ...

    @property
    def is_live(self) -> bool: ...

    @property
    def is_ready(self) -> bool: ...

    @property
    def has_started(self) -> bool: ...

    def metrics(self) -> Iterable[Metric]: ...


class Pulse:
    """Beats at each step of a loop; still if it did not for STILL_SECONDS."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def beat(self) -> None:
        self._at = time.monotonic()

    @property
    def is_live(self) -> bool:
        return time.monotonic() - self._at < STILL_SECONDS


@contextmanager
def serving(listen: str, *roles: Observed) -> Iterator[int]:
    """Serves on host:port meanwhile, if `listen` is not empty; gives the port.

    [::] is both families, or IPv4 alone where there is no other. Raises HealthError.
    """
    if not listen:
        yield 0
        return
    try:
        server = _Server(split_address(listen), roles)
    except OSError as error:
        raise HealthError(
            f"health: cannot listen on {listen}: {error.strerror}; set health.listen"
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    log.info("health and metrics on port %d", server.server_port)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(REQUEST_SECONDS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], roles: tuple[Observed, ...]) -> None:
        self.roles = roles
        self.began = time.monotonic()
        self._slots = threading.BoundedSemaphore(MOST_CONNECTIONS)
        host, port = address
        if host == "::" and not socket.has_dualstack_ipv6():
            host = "0.0.0.0"
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Answers)

    def server_bind(self) -> None:
        """On :: both families come in, whatever the machine's default is."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: object, client_address: object) -> None:
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)  # type: ignore[arg-type]
        else:
            self.shutdown_request(request)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._slots.release()

    def handle_error(self, *_: object) -> None:
        """Who asks and goes away is no error of ours."""


def _lack(role: Observed) -> str:
    """A role may tell what it lacks."""
    return str(getattr(role, "lack", "not yet"))


class _Answers(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_SECONDS

    def do_GET(self) -> None:
        roles = self.server.roles
        if self.path == "/livez":
            self._answer_failed([r.name for r in roles if not r.is_live])
        elif self.path == "/startz":
            self._answer_failed([r.name for r in roles if not r.has_started])
        elif self.path == "/readyz":
            lacking = [r for r in roles if not r.is_ready]
            self._answer_failed([r.name for r in lacking], *map(_lack, lacking))
        elif self.path == "/metrics":
            told = [*metrics.of_process(self.server.began)]
            told += [metric for role in roles for metric in role.metrics()]
            self._answer(200, metrics.exposition(told), metrics.CONTENT_TYPE)
        else:
            self._answer(404, "/livez, /startz, /readyz or /metrics\n")

    def version_string(self) -> str:
        return "vethscope"

    def log_message(self, *_: object) -> None:
        """Says nothing: a path may hold anything."""

    def _answer_failed(self, failed: list[str], *lacks: str) -> None:
        """`lacks`: what is wrong with each, where there is a word for it."""
        if failed:
            told = zip_longest(failed, lacks, fillvalue="not yet")
            self._answer(503, "".join(f"{name}: {lack}\n" for name, lack in told))
        else:
            self._answer(200, "ok\n")

    def _answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
