"""The cloud: the collector, its store and the dashboard, in one process.

Packages come in over gRPC (`doors/collector`) from clusters that are known (`tokens`),
are checked (`limits`), become rows (`rows`) and are stored with their offsets
(`store`); the dashboard (`pages`) shows them to those whom `doors/front` lets in.
"""

import asyncio
import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from cloud.doors.collector import Bind, collecting, plain
from cloud.doors.connections import IDLE_SECONDS, BrowserConnection
from cloud.doors.front import Front
from cloud.doors.headers import SecurityHeaders
from cloud.doors.intake import Intake
from cloud.doors.ledger import Ledger
from cloud.doors.people import Attempts, People, Role
from cloud.doors.rates import Limits, Rates
from cloud.doors.tokens import Gate, Tokens, is_loopback
from cloud.doors.visits import OWNER, Visits
from cloud.doors.web import Site
from cloud.errors import AddressError
from cloud.pages.site import application
from cloud.store.keeper import Keeping
from cloud.store.store import Store

log = logging.getLogger("vethscope")

GRACE_SECONDS = 1
"""For pages under way when the dashboard stops."""
KEY_SECONDS = 3_600.0


class Opened(NamedTuple):
    """A dashboard that is served."""

    address: str
    link: Callable[[], str]
    """Makes an address that lets in whoever opens it first, as an admin."""
    key: Callable[[], str]
    """Makes an API key with which a program of this machine reads for an hour."""
    is_unclaimed: bool
    """Nobody has a name here yet."""


def serve(
    listen: str,
    collector_listen: str,
    database_url: str,
    stop: threading.Event,
    on_ready: Callable[[Opened], None] | None = None,
    counts: Counter[str] | None = None,
    bind: Bind = plain,
    keeping: Keeping = Keeping(),  # noqa: B008
    origin: str = "",
    limits: Limits | None = None,
) -> None:
    """Serves until `stop`, then ends within 3 seconds. A database away is waited for.

    `on_ready` is called once pages are served, `counts` gets the number of packages by
    outcome, `origin` is where people open the dashboard if that is another name, and
    `limits` bound what each cluster may send. Raises CloudError in one line if the
    database or an address cannot be used.
    """
    with (
        closing(Store(database_url, keeping, stop=stop)) as store,
        closing(Ledger(database_url)) as ledger,
        closing(_listener(listen)) as listener,
        collecting(
            Intake(store, Rates(limits or Limits())),
            Gate(Tokens(ledger), is_open=is_loopback(collector_listen)),
            collector_listen,
            counts,
            bind,
        ) as collector_port,
    ):
        store.keeper.start()
        people = People(ledger)
        visits = Visits(ledger, people, Attempts())
        address = _address(listener)
        front = Front(
            application(store), visits, Site(origin), listener.getsockname()[1]
        )

        def announce() -> None:
            log.info("dashboard on %s, collector on port %d", address, collector_port)
            if on_ready:
                on_ready(Opened(address, link, key, is_unclaimed=not people.all()))

        def link() -> str:
            return link_to(origin or address, visits.link())

        def key() -> str:
            return visits.make_api_key(OWNER, Role.VIEWER, KEY_SECONDS, OWNER)

        with closing(front):
            app = SecurityHeaders(front)
            _Dashboard(app, stop, announce).run([listener])
    log.info("cloud stopped")


def link_to(address: str, link: str) -> str:
    """The address that opens a dashboard by a link."""
    return f"{address}/enter?link={link}"


class _Dashboard(uvicorn.Server):
    """A web server that ends with an event and leaves signals alone."""

    def __init__(
        self, app: ASGIApp, stop: threading.Event, announce: Callable[[], None]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                http=BrowserConnection,
                lifespan="off",
                log_config=None,
                log_level=logging.WARNING,
                loop="asyncio",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_keep_alive=IDLE_SECONDS,
                ws="none",
            )
        )
        self._stop = stop
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await asyncio.to_thread(self._announce)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        return await super().on_tick(counter) or self._stop.is_set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(listen: str) -> socket.socket:
    parts = urlsplit(f"//{listen}")
    host = parts.hostname or ""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, parts.port or 0), family=family)
    except OSError as error:
        raise AddressError(
            f"dashboard: cannot listen on {listen}: {error.strerror or error}; "
            "set cloud.listen"
        ) from None


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
