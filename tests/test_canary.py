"""No captured value leaves: planted ones are searched in all that is sent or written.

The demo's traffic, with its planted values, goes through the whole line; so do ten
thousand names where names of interfaces stand. Between digger
and cloud stands a relay that keeps each package; the store's file, all pages with
their JSON twins, the log and standard output are searched too. Extend it with each new
output.
"""

import base64
import functools
import hashlib
import json
import random
import re
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from agent.demo.planted import PLANTED
from agent.demo.recording import Recorded
from agent.health import serving
from agent.interceptor.coverage import Coverage
from agent.kafka.producer import RecordProducer
from agent.metrics import Metric
from agent.naming.vocabulary import Vocabulary
from agent.record import Record, encoder, server_key
from agent.settings import Settings, load
from agent.standalone import Standalone
from proto.v1 import collector_pb2, collector_pb2_grpc
from rings.operation import operation
from tests.agent.digger.records import batch, record
from tests.ports import free_port
from tests.waiting import eventually

PIECES_SECONDS = 4.0
RATE = 200.0
SHORTEST = 6
"""Shorter values (a card's security code) stand by chance in counts and times."""
LINK = re.compile(rb'(?:href|action)="(/[^"#]*)"')
MOST_PAGES = 300


class Relay(collector_pb2_grpc.CollectorServicer):
    """Keeps what passes to the cloud."""

    def __init__(self, cloud: str) -> None:
        self.passed: list[bytes] = []
        self._cloud = collector_pb2_grpc.CollectorStub(grpc.insecure_channel(cloud))

    def Send(  # noqa: N802
        self, request: collector_pb2.Package, context: grpc.ServicerContext
    ) -> collector_pb2.Receipt:
        self.passed.append(request.SerializeToString())
        try:
            return self._cloud.Send(request, timeout=5)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details() or "")
            raise

    def Resume(  # noqa: N802
        self, request: collector_pb2.ResumeRequest, context: grpc.ServicerContext
    ) -> collector_pb2.ResumeResponse:
        self.passed.append(request.SerializeToString())
        try:
            return self._cloud.Resume(request, timeout=5)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details() or "")
            raise


@contextmanager
def _relay(cloud: str) -> Iterator[tuple[Relay, int]]:
    relay = Relay(cloud)
    server = grpc.server(ThreadPoolExecutor(4))
    collector_pb2_grpc.add_CollectorServicer_to_server(relay, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield relay, port
    server.stop(1).wait(2)


def _settings(folder: Path, collector: int, relay: int) -> Settings:
    addresses = f"127.0.0.1:{free_port()}"
    flags = {
        "addresses-listen": addresses,
        "addresses-server": addresses,
        "cloud-listen": "127.0.0.1:0",
        "cloud-collector-listen": f"127.0.0.1:{collector}",
        "cloud-server": f"127.0.0.1:{relay}",
        "cloud-database-url": f"sqlite:///{folder / 'store.sqlite3'}",
        "digger-package-seconds": "0.3",
        "digger-inspect-per-second": "10000",
        "digger-first-sights-per-second": "10000",
    }
    return load(environment={}, flags=flags)


def _pages(standalone: Standalone) -> dict[str, bytes]:
    """Every page that a link leads to, and its JSON twin."""
    headers = {"authorization": f"Bearer {standalone.key()}"}
    waiting, pages = ["/"], dict[str, bytes]()
    while waiting and len(pages) < MOST_PAGES:
        path = waiting.pop()
        if path in pages:
            continue
        address = standalone.dashboard.rstrip("/") + path
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as page:
            pages[path] = page.read()
        for link in LINK.findall(pages[path]):
            waiting.append(link.decode().replace("&amp;", "&"))
    return pages


def _told_of_health(standalone: Standalone) -> dict[str, bytes]:
    """All that the health port says."""
    told = {}
    with serving("127.0.0.1:0", standalone) as port:
        for path in ("/livez", "/readyz", "/metrics"):
            address = f"http://127.0.0.1:{port}{path}"
            with urllib.request.urlopen(address, timeout=10) as answer:
                told[path] = answer.read()
    assert b'{bucket="paired"}' in told["/metrics"]
    return told


def _disguises(value: str) -> Iterator[bytes]:
    """The value, and what could be undone to it or tested against it."""
    bare = re.sub(r"[\s.:-]", "", value)
    for form in {value, bare}:
        raw = form.encode()
        yield raw
        yield base64.b64encode(raw).rstrip(b"=")[:-1]
        yield raw.hex().encode()
        yield urllib.parse.quote(form, safe="").encode()
        for algorithm in ("md5", "sha1", "sha256"):
            digest = hashlib.new(algorithm, raw, usedforsecurity=False)
            yield digest.hexdigest().encode()
            yield digest.digest()


NAMED = 10_000
"""Names, tokens and code words in paths, operations, keys and query names."""
CODES = "hunter swordfish juniper falcon diabetes divorce acme welcomeback".split()
PEOPLE = "mueller schmidt garcia kowalski nguyen papadopoulos johansson".split()


def _words() -> list[str]:
    """Made-up words and tokens, names of persons, code words; none of interfaces."""
    chance = random.Random(9)
    known = Vocabulary.load()
    words = set[str]()
    while len(words) < NAMED:
        syllables = [
            "".join(map(chance.choice, ("bdgklmnrtvz", "aeiou"))) for _ in "12345"
        ]
        token = "".join(chance.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(12))
        called = f"{chance.choice(PEOPLE + CODES)}{chance.choice(['', '-', '.'])}"
        made = "".join(syllables)
        words |= {made, token, called + made}
    return sorted(word for word in words if not known.marks(word))[:NAMED]


class Naming:
    """Sends one exchange for each word, in a place of its own, to the queue."""

    monitored: frozenset[bytes] = frozenset()

    def __init__(self, words: list[str], settings: Settings) -> None:
        self.coverage = Coverage(settings.node)
        self._words = words
        self._settings = settings
        self._is_sent = threading.Event()

    def run(self, stop: threading.Event) -> None:
        producer = RecordProducer(self._settings)
        for number, word in enumerate(self._words):
            told = batch(_naming(number, word))
            key = server_key(told.server, told.server_port)
            producer.send(key, encoder.encode(told))
            producer.poll()
        producer.flush(20)
        self._is_sent.set()
        stop.wait()

    def flush(self, timeout_seconds: float) -> bool:
        return self._is_sent.wait(timeout_seconds)

    def metrics(self) -> Iterator[Metric]:
        yield from ()


def _naming(number: int, word: str) -> Record:
    """The word in a path, an operation, a key or a query name; an address beside it."""
    email = "jane@example.org"
    target, body = [
        (f"/employee/{word}", f'{{"email":"{email}"}}'),
        (f"/{word}/orders", f'{{"email":"{email}"}}'),
        (f"/api/v1/projects/{word}/tasks", f'{{"email":"{email}"}}'),
        (f"/reports/{word}.pdf", f'{{"email":"{email}"}}'),
        ("/graphql", f'{{"query":"query {word} {{ a }}","email":"{email}"}}'),
        ("/rpc", f'{{"jsonrpc":"2.0","method":"{word}.get","email":"{email}"}}'),
        ("/users", f'{{"{word}":{{"email":"{email}"}}}}'),
        (f"/search?{word}={email}", "{}"),
    ][number % 8]
    made = record(
        f"POST {target} HTTP/1.1",
        json.loads(body),
        {},
        at_ns=time.time_ns(),
        client=bytes([192, 0, 2, 1 + number % 5]),
    )
    asked = made.request
    made.fact.operation = operation(asked.head, target.encode(), asked.body)
    made.fact.shape = number
    return made


def test_no_name_leaves(tmp_path: Path) -> None:
    words = _words()
    collector = free_port()
    source = functools.partial(Naming, words)
    with (
        _relay(f"127.0.0.1:{collector}") as (relay, port),
        Standalone(
            _settings(tmp_path, collector, port), threading.Event(), source
        ) as standalone,
    ):
        assert standalone.ready()
        assert eventually(lambda: _pairs(relay) >= NAMED, 60)
        pages = b"".join(_pages(standalone).values()).lower()
    packages = b"\0".join(relay.passed).lower()
    assert b"contact.email" in packages
    for word in words:
        assert word.encode() not in packages, word
        assert word.encode() not in pages, word


def _pairs(relay: Relay) -> int:
    """Told in packages up to now."""
    return sum(
        traffic.pairs
        for passed in list(relay.passed)
        for endpoint in collector_pb2.Package.FromString(passed).endpoints
        for traffic in endpoint.traffic
    )


def test_no_planted_value_leaves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    collector = free_port()
    places: dict[str, bytes] = {}
    with (
        _relay(f"127.0.0.1:{collector}") as (relay, port),
        Recorded(tmp_path) as traffic,
        Standalone(
            _settings(tmp_path, collector, port), threading.Event(), traffic.source
        ) as standalone,
    ):
        assert standalone.ready()
        traffic.begin(standalone, RATE)
        end = time.monotonic() + PIECES_SECONDS
        while time.monotonic() < end:
            sent = traffic.counts(0.1)
        sent = traffic.finish()
        assert sent.json_exchanges > 0
        assert standalone.quiesce(30)
        places |= _told_of_health(standalone)
        pages = _pages(standalone)
        assert any("/endpoints/" in path for path in pages)
        found = b"".join(pages.values())
        assert b"financial.payment_card" in found
        assert b"credential.password" in found
        places |= pages
    places["packages"] = b"\0".join(relay.passed)
    assert len(relay.passed) > 2
    for file in tmp_path.glob("store.sqlite3*"):
        places[file.name] = file.read_bytes()
    assert "store.sqlite3" in places
    told = capfd.readouterr()
    places["log"] = caplog.text.encode()
    places["output"] = (told.out + told.err).encode()
    for planted in PLANTED:
        if len(planted.value) < SHORTEST:
            continue
        for disguise in _disguises(planted.value):
            for place, content in places.items():
                assert disguise not in content, f"{planted.data_type} in {place}"
