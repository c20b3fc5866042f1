"""What tests of the canary share: a line that keeps all it tells, and the search.

In come planted values and places with their content, out goes an assertion that no
value, nor what could be undone to it, is in any of them.
"""

import base64
import hashlib
import re
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from agent.demo.planted import Planted
from agent.interceptor.coverage import Coverage
from agent.kafka.producer import RecordProducer
from agent.loading import load
from agent.metrics import Metric
from agent.settings import Settings
from agent.standalone import Standalone
from proto.v1 import collector_pb2, collector_pb2_grpc
from tests.ports import free_port

SHORTEST = 6
"""Shorter values (a card's security code) stand by chance in counts and times."""
LINK = re.compile(rb'(?:href|<form (?!method="post")[^>]*action)="(/[^"#]*)"')
"""Links, and forms that only ask."""
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

    def Correct(  # noqa: N802
        self, request: collector_pb2.CorrectRequest, context: grpc.ServicerContext
    ) -> collector_pb2.CorrectResponse:
        self.passed.append(request.SerializeToString())
        return self._cloud.Correct(request, timeout=5)

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
def relaying(cloud: str) -> Iterator[tuple[Relay, int]]:
    relay = Relay(cloud)
    server = grpc.server(ThreadPoolExecutor(4))
    collector_pb2_grpc.add_CollectorServicer_to_server(relay, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield relay, port
    server.stop(1).wait(2)


def settings(folder: Path, collector: int, relay: int) -> Settings:
    addresses = f"127.0.0.1:{free_port()}"
    flags = {
        "addresses-listen": addresses,
        "addresses-server": addresses,
        "cloud-listen": "127.0.0.1:0",
        "cloud-collector-listen": f"127.0.0.1:{collector}",
        "cloud-server": f"127.0.0.1:{relay}",
        "cloud-database-url": f"sqlite:///{folder / 'store.sqlite3'}",
        "cloud-alerts-folder": str(folder),
        "cloud-alerts-loopback": "true",
        "cloud-baseline-seconds": "0",
        "digger-package-seconds": "0.3",
        "digger-inspect-per-second": "10000",
        "digger-first-sights-per-second": "10000",
    }
    return load(environment={}, flags=flags)


def pages(
    standalone: Standalone, first: str = "/", key: str = "", most: int = MOST_PAGES
) -> dict[str, bytes]:
    """Every page that a link leads to, and its JSON twin."""
    headers = {"authorization": f"Bearer {key or standalone.key()}"}
    waiting, found = [first], dict[str, bytes]()
    while waiting and len(found) < most:
        path = waiting.pop()
        if path in found:
            continue
        address = standalone.dashboard.rstrip("/") + path
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as page:
            found[path] = page.read()
        for link in LINK.findall(found[path]):
            waiting.append(link.decode().replace("&amp;", "&"))
    return found


class Source:
    """Sends what it has to the queue, where the interceptor stands."""

    monitored: frozenset[bytes] = frozenset()

    def __init__(self, settings: Settings) -> None:
        self.coverage = Coverage(settings.node)
        self.settings = settings
        self._is_sent = threading.Event()

    def run(self, stop: threading.Event) -> None:
        producer = RecordProducer(self.settings)
        self.send(producer)
        producer.flush(20)
        self._is_sent.set()
        stop.wait()

    def send(self, producer: RecordProducer) -> None:
        raise NotImplementedError

    def flush(self, timeout_seconds: float) -> bool:
        return self._is_sent.wait(timeout_seconds)

    def metrics(self) -> Iterator[Metric]:
        yield from ()


def disguises(value: str) -> Iterator[bytes]:
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


def written(
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> dict[str, bytes]:
    """The store's files, the log, and what went to standard output and error."""
    places = {file.name: file.read_bytes() for file in folder.glob("store.sqlite3*")}
    assert "store.sqlite3" in places
    output = capfd.readouterr()
    places["log"] = caplog.text.encode()
    places["output"] = (output.out + output.err).encode()
    return places


def assert_absent(values: Iterable[Planted], places: Mapping[str, bytes]) -> None:
    """None of them is in any place, in no disguise."""
    for planted in values:
        if len(planted.value) < SHORTEST:
            continue
        for disguise in disguises(planted.value):
            for place, content in places.items():
                assert disguise not in content, f"{planted.data_type} in {place}"
