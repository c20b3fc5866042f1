"""A whole cloud in a thread of the test, on free ports of loopback."""

import json
import os
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from email.message import Message
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import grpc

from cloud.alerts.alerting import Terms
from cloud.doors.clusters.collector import Bind, collecting, plain
from cloud.doors.clusters.intake import Intake
from cloud.doors.clusters.rates import Limits, Rates
from cloud.doors.clusters.tokens import Gate, Tokens
from cloud.doors.ledger import Ledger
from cloud.doors.web.connections import Contexts
from cloud.doors.web.connections import plain as unsecured
from cloud.doors.web.sign_in import Door
from cloud.program import Opened, serve
from cloud.store.measures import Measure
from cloud.store.store import Store
from proto.v1 import collector_pb2_grpc
from tests.cloud import prepared
from tests.ports import free_port
from tests.waiting import eventually

WAIT_SECONDS = 20
KILLS = int(os.environ.get("VETHSCOPE_KILLS", "3"))
"""How often a test kills what it looks at."""


class Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are answers."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(Stay)


def opened(link: str) -> str:
    """The cookie that a link gives, as a browser sends it back."""
    answer = answered(urllib.request.Request(link))
    assert answer.status == 303
    return str(answer.headers["set-cookie"]).partition(";")[0]


@contextmanager
def collecting_openly(
    store: Store,
    listen: str = "127.0.0.1:0",
    counts: Counter[str] | None = None,
    bind: Bind = plain,
) -> Iterator[int]:
    """A collector that asks for no token."""
    with (
        TemporaryDirectory() as folder,
        closing(Ledger(f"sqlite:///{folder}/doors.sqlite3")) as ledger,
    ):
        gate = Gate(Tokens(ledger), is_open=True)
        intake = Intake(store, Rates(Limits()))
        with collecting(intake, gate, listen, counts, bind) as port:
            yield port


def wait_until(is_true: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Looks again and again; fails if it does not become true."""
    assert eventually(is_true, seconds), "did not happen in time"


class Answer(NamedTuple):
    status: int
    headers: Message
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def answered(request: urllib.request.Request) -> Answer:
    """Whatever its status."""
    try:
        with _OPENER.open(request, timeout=WAIT_SECONDS) as answer:
            return Answer(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.headers, refused.read().decode())


class Cloud:
    """Runs `serve`; use as a context. An SQLite file may be there or not."""

    def __init__(
        self,
        database_url: str,
        origin: str = "",
        door: Door | None = None,
        listen: str = "127.0.0.1:0",
        contexts: Contexts = unsecured,
        trusted_proxies: str = "",
        terms: Terms = Terms(),  # noqa: B008
        is_apart: bool = False,
    ) -> None:
        self.database_url = database_url
        self.listen = listen
        self.origin = origin
        self.door = door
        self._serve = partial(
            serve,
            origin=origin,
            door=door,
            contexts=contexts,
            trusted_proxies=trusted_proxies,
            terms=terms,
            is_apart=is_apart,
        )
        self.stop = threading.Event()
        self.address = ""
        self.link = ""
        self.cookie = ""
        self.new_link: Callable[[], str] = str
        self.measures: Callable[[], Iterable[Measure]] = tuple
        self.failure: BaseException | None = None
        self._is_ready = threading.Event()
        self.collector_address = f"127.0.0.1:{free_port()}"
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Cloud":
        prepared.sqlite(self.database_url)
        self._thread.start()
        assert self._is_ready.wait(WAIT_SECONDS)
        if self.failure:
            raise self.failure
        if not self.origin and self.link.startswith("http:"):
            self.cookie = opened(self.link)
        self.channel = grpc.insecure_channel(self.collector_address)
        self.collector = collector_pb2_grpc.CollectorStub(self.channel)
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.stop.set()
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()

    def measure(self, name: str, label: str = "") -> float | None:
        """A number that it tells, without its prefix."""
        for one in self.measures():
            if one.name == f"vethscope_cloud_{name}":
                return one.values.get(label)
        return None

    def get(self, path: str, method: str = "GET") -> Answer:
        """As one who was let in, from the pages themselves."""
        return self.ask(path, method, {"cookie": self.cookie, "origin": self.address})

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> Answer:
        """As anybody, with these headers only; redirects are not followed."""
        address = self.address + path
        data = body.encode() if body is not None else None
        request = urllib.request.Request(address, data, headers or {}, method=method)
        return answered(request)

    def _run(self) -> None:
        try:
            self._serve(
                self.listen,
                self.collector_address,
                self.database_url,
                self.stop,
                self._ready,
            )
        except BaseException as error:
            self.failure = error
        finally:
            self._is_ready.set()

    def _ready(self, opened: Opened) -> None:
        self.address, self.link = opened.address, opened.link()
        self.new_link, self.measures = opened.link, opened.measures
        self._is_ready.set()
