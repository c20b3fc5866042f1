"""The cloud: the collector, its store and the dashboard, in one process.

Packages come in over gRPC (`collector`), are checked (`limits`), become rows (`rows`)
and are stored with their offsets (`store`); the dashboard (`pages`) reads them again.
"""

import asyncio
import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import uvicorn

from cloud.doors.collector import Bind, collecting, plain
from cloud.errors import AddressError
from cloud.pages.site import application
from cloud.store.keeper import Keeping
from cloud.store.store import Store

log = logging.getLogger("vethscope")

GRACE_SECONDS = 1
"""For pages under way when the dashboard stops."""
MOST_CONNECTIONS = 200
"""Of browsers at a time; more are answered 503."""


def serve(
    listen: str,
    collector_listen: str,
    database_url: str,
    stop: threading.Event,
    on_ready: Callable[[str], None] | None = None,
    counts: Counter[str] | None = None,
    bind: Bind = plain,
    keeping: Keeping = Keeping(),  # noqa: B008
) -> None:
    """Serves until `stop`, then ends within 3 seconds. A database away is waited for.

    `on_ready` gets the dashboard's address once pages are served, `counts` the number
    of packages by outcome. Raises CloudError in one line if the database or an address
    cannot be used.
    """
    with (
        closing(Store(database_url, keeping, stop=stop)) as store,
        closing(_listener(listen)) as listener,
        collecting(store, collector_listen, counts, bind) as collector_port,
    ):
        store.keeper.start()
        address = _address(listener)

        def announce() -> None:
            log.info("dashboard on %s, collector on port %d", address, collector_port)
            if on_ready:
                on_ready(address)

        _Dashboard(store, stop, announce).run([listener])
    log.info("cloud stopped")


class _Dashboard(uvicorn.Server):
    """A web server that ends with an event and leaves signals alone."""

    def __init__(
        self, store: Store, stop: threading.Event, announce: Callable[[], None]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application(store),
                access_log=False,
                http="h11",
                lifespan="off",
                limit_concurrency=MOST_CONNECTIONS,
                log_config=None,
                log_level=logging.WARNING,
                loop="asyncio",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
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
