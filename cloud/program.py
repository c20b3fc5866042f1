"""The cloud: the collector, its store and the dashboard, in one process or two.

Packages come in over gRPC (`doors/clusters/collector`) from clusters that are known
(`tokens`), are checked (`limits`), become rows (`rows`) and are stored with their
offsets (`store`); the dashboard (`pages`) shows them to those whom `doors/web/front`
lets in. What is read may be made by a second process (`pages/apart`).
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

from cloud.administration import alerts, rooms
from cloud.administration.doors import Doors
from cloud.administration.handed import Handed
from cloud.alerts.alerting import Alerting, Terms
from cloud.digest.posting import Posting
from cloud.doors.clusters.collector import Bind, collecting, plain
from cloud.doors.clusters.intake import Intake
from cloud.doors.clusters.rates import Limits, Rates
from cloud.doors.clusters.tokens import Gate, Tokens, is_loopback
from cloud.doors.ledger import Ledger
from cloud.doors.site import Site
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import OWNER, Visits
from cloud.doors.web.connections import (
    HEAD_BYTES,
    IDLE_SECONDS,
    BrowserConnection,
    Contexts,
    connections_of,
)
from cloud.doors.web.connections import plain as unsecured
from cloud.doors.web.front import Front
from cloud.doors.web.headers import SecurityHeaders
from cloud.doors.web.prefix import Prefix
from cloud.doors.web.proxies import BehindProxies, Proxies
from cloud.doors.web.sign_in import Door
from cloud.errors import AddressError
from cloud.pages import correcting
from cloud.pages.apart.apart import Apart
from cloud.pages.application import Pages
from cloud.pages.map import hiding
from cloud.pages.policies import changing as policy_changes
from cloud.pages.site import PAGES, application
from cloud.pages.today import visits as visits_of_today
from cloud.policies.policing import Policing
from cloud.store.keeper import Keeping
from cloud.store.measures import Measure
from cloud.store.store import Store
from cloud.visitor import Role

log = logging.getLogger("vethscope")

GRACE_SECONDS = 1
"""For pages under way when the dashboard stops."""
KEY_SECONDS = 3_600.0
TICK_SECONDS = 0.4
"""Between two of uvicorn's ticks; its own 0.1 s cost more than storing."""


class Opened(NamedTuple):
    """A dashboard that is served."""

    address: str
    link: Callable[[], str]
    """Makes an address that lets in whoever opens it first, as an admin."""
    key: Callable[..., str]
    """Makes an API key for a program of this machine, for an hour; a viewer's, or that
    of the role that it is called with."""
    is_unclaimed: bool
    """Nobody has a name here yet."""
    measures: Callable[[], Iterator[Measure]]
    """Numbers for Prometheus."""


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
    door: Door | None = None,
    contexts: Contexts = unsecured,
    trusted_proxies: str = "",
    terms: Terms = Terms(),  # noqa: B008
    is_apart: bool = False,
) -> None:
    """Serves until `stop`, then ends within 3 seconds. A database away is waited for.

    `on_ready` is called once pages are served, `counts` gets the number of packages by
    outcome, `origin` is where people open the dashboard if that is another name,
    `limits` bound what each cluster may send; at a `door` people log in, too.
    `contexts` makes the dashboard's TLS, and `trusted_proxies` are networks whose word
    of a browser is taken. `is_apart`: pages are made by a process of their own, which
    costs memory and keeps them quick while much is stored. Raises CloudError in one
    line if the database or an address cannot be used.
    """
    with (
        closing(Store(database_url, keeping, stop=stop)) as store,
        closing(Ledger(database_url)) as ledger,
        closing(_listener(listen)) as listener,
        collecting(
            Intake(store, Rates(limits or Limits())),
            Gate(tokens := Tokens(ledger), is_open=is_loopback(collector_listen)),
            collector_listen,
            counts,
            bind,
        ) as collector_port,
    ):
        store.keeper.start()
        store.watch.start()
        people = People(ledger)
        visits = Visits(ledger, people, Attempts())
        scheme = "http" if contexts() is None else "https"
        address = address_of(scheme, *listener.getsockname()[:2])
        proxies = Proxies(trusted_proxies)
        policing = Policing(store)
        limits = limits or Limits()
        site = Site(origin)
        opened_at = site.origin or address
        doors = Doors(ledger, people, visits, tokens, Handed(), opened_at, limits)
        alerting = Alerting(store, terms, opened_at)
        pages = dashboard(store, policing, doors, alerting)
        port = listener.getsockname()[1]
        away = (lambda: pages.is_away, pages.away)
        apart = Apart(pages, store, database_url) if is_apart else None
        front = Front(apart or pages, pages.role, visits, site, port, away, door)

        def announce() -> None:
            log.info("dashboard on %s, collector on port %d", address, collector_port)
            if on_ready:
                is_unclaimed = not people.all()
                on_ready(Opened(address, link, key, is_unclaimed, measures))

        def measures() -> Iterator[Measure]:
            yield from store.measures()
            yield from alerting.measures()
            yield from policing.corrections.measures()
            if apart:
                yield from apart.measures()

        def link() -> str:
            return link_to(site.origin or address, visits.link())

        def key(role: Role = Role.VIEWER) -> str:
            return visits.make_api_key(OWNER, role, KEY_SECONDS, OWNER)

        posting = Posting(store, people, opened_at)
        posting.start()
        with closing(front), closing(posting), policing, alerting:
            app = BehindProxies(SecurityHeaders(Prefix(front, site)), proxies)
            connections = connections_of(contexts, proxies.trusts)
            _Dashboard(app, connections, stop, announce, apart).run([listener])
    log.info("cloud stopped")


def dashboard(
    store: Store, policing: Policing, doors: Doors, alerting: Alerting
) -> Pages:
    """All pages, and all that they take."""
    actions = (
        *policy_changes.actions(policing),
        *hiding.actions(store),
        *visits_of_today.actions(store),
        *correcting.actions(store, policing.corrections),
        *rooms.actions(doors),
        *alerts.actions(doors, alerting),
    )
    pages = (*PAGES, *rooms.pages(doors), *alerts.pages(doors, alerting))
    return application(store, pages, actions)


def address_of(scheme: str, host: str, port: int) -> str:
    """What a browser on this machine opens; who listens on all is there, too."""
    if host in ("", "::", "0.0.0.0"):
        host = "localhost"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def link_to(address: str, link: str) -> str:
    """The address that opens a dashboard by a link."""
    return f"{address}/enter?link={link}"


class _Dashboard(uvicorn.Server):
    """A web server that ends with an event and leaves signals alone."""

    def __init__(
        self,
        app: ASGIApp,
        connections: type[BrowserConnection],
        stop: threading.Event,
        announce: Callable[[], None],
        apart: Apart | None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                h11_max_incomplete_event_size=HEAD_BYTES,
                http=connections,
                lifespan="off",
                log_config=None,
                # Strangers who send no HTTP do not fill the log.
                log_level=logging.ERROR,
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
        self._apart = apart
        self._keeping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._apart:
            # It ends with the loop, which cancels it.
            self._keeping = asyncio.create_task(self._apart.run())
            await self._apart.ready()
        await asyncio.to_thread(self._announce)

    async def on_tick(self, counter: int) -> bool:
        """After each of uvicorn's ticks, which come only as often as this lets them:
        each one is the tenth, which renews the answers' date."""
        if await super().on_tick(0):
            return True
        return await asyncio.to_thread(self._stop.wait, TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._apart:
            self._apart.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(listen: str) -> socket.socket:
    """Its connections send what they have at once, as it does (tcp(7)): asyncio sets
    that for its own sockets only, and a browser that reads on one connection waited
    40 ms for a page's last bytes."""
    listener = _bound(listen)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _bound(listen: str) -> socket.socket:
    """[::] is both families, or IPv4 alone where there is no other."""
    parts = urlsplit(f"//{listen}")
    host, port = parts.hostname or "", parts.port or 0
    try:
        if host == "::" and socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True
            )
        host = "" if host == "::" else host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise AddressError(
            f"dashboard: cannot listen on {listen}: {error.strerror or error}; "
            "set cloud.listen"
        ) from None
