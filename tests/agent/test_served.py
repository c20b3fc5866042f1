"""Servers observed from outside: the real collector, and what stands for a page."""

import datetime
import http.server
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import grpc
import pytest

from agent.links import PLAIN, bind
from agent.served import Served, answers_calls, answers_pages
from cloud.store.store import Store
from proto.v1 import collector_pb2, collector_pb2_grpc
from tests.certificates import Authority
from tests.cloud.packages import package
from tests.cloud.running import collecting_openly


@pytest.fixture
def served() -> Served:
    return Served("cloud", "vethscope_cloud_packages_total", "Packages.")


@pytest.fixture
def collector(tmp_path: Path, served: Served) -> Iterator[str]:
    with (
        closing(Store(f"sqlite:///{tmp_path}/store.sqlite3")) as store,
        collecting_openly(store, "127.0.0.1:0", served.counts) as port,
    ):
        yield f"0.0.0.0:{port}"


def test_a_server_that_answers_lives(collector: str) -> None:
    assert answers_calls(collector, True)()
    assert answers_calls(collector, False)()


def test_a_server_that_is_gone_does_not(served: Served) -> None:
    assert not answers_calls("127.0.0.1:9", True)()
    assert not answers_pages("127.0.0.1:9", "/healthz")()
    assert not answers_pages("[::]:9", "/healthz")()
    served.live = served.ready = (answers_pages("127.0.0.1:9", "/healthz"),)
    assert served.is_live
    assert not served.is_ready
    served.start.set()
    assert not served.is_live
    assert not served.is_ready


def test_packages_are_counted_by_outcome(collector: str, served: Served) -> None:
    address = collector.replace("0.0.0.0", "127.0.0.1")
    with grpc.insecure_channel(address) as channel:
        stub = collector_pb2_grpc.CollectorStub(channel)
        sent = package()
        stub.Send(sent)
        stub.Send(sent)
        with pytest.raises(grpc.RpcError):
            stub.Send(collector_pb2.Package())
    (metric,) = served.metrics()
    assert metric.values == {"stored": 1, "duplicate": 1, "invalid_argument": 1}


def test_a_page_that_fails_is_no_answer() -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/good" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        listen = f"127.0.0.1:{server.server_port}"
        assert answers_pages(listen, "/good")()
        assert not answers_pages(listen, "/bad")()
        server.shutdown()


@pytest.mark.parametrize("has_authority", [True, False])
def test_a_server_with_tls_is_asked_over_it(
    tmp_path: Path, served: Served, has_authority: bool
) -> None:
    pem = Authority().issue(tmp_path / "tls", "collector")
    files = pem.of("cloud") if has_authority else pem.of("cloud")._replace(ca="")
    with (
        closing(Store(f"sqlite:///{tmp_path}/store.sqlite3")) as store,
        collecting_openly(
            store, "127.0.0.1:0", served.counts, partial(bind, files)
        ) as port,
    ):
        assert answers_calls(f"0.0.0.0:{port}", False, files)()


def test_a_server_whose_certificate_expired_lives_but_is_not_ready(
    tmp_path: Path, served: Served
) -> None:
    """A restart would not make a new one."""
    past = -datetime.timedelta(hours=1)
    files = Authority().issue(tmp_path / "tls", lasts=past).of("cloud")
    with (
        closing(Store(f"sqlite:///{tmp_path}/store.sqlite3")) as store,
        collecting_openly(
            store, "127.0.0.1:0", served.counts, partial(bind, files)
        ) as port,
    ):
        assert answers_calls(f"0.0.0.0:{port}", True, files)()
        assert not answers_calls(f"0.0.0.0:{port}", False, files)()
        Path(files.key).unlink()
        assert answers_calls(f"0.0.0.0:{port}", True, files)()
        assert not answers_calls(f"0.0.0.0:{port}", False, files)()
    assert not answers_calls("127.0.0.1:9", True, PLAIN)()
