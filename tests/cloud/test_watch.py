"""The watch on real databases: full, away, back again; and what was counted stays."""

import os
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from cloud.pages.site import PAGES
from cloud.refusals import Refusal
from cloud.store.store import Store
from proto.v1.collector_pb2 import Package
from tests.cloud import packages
from tests.cloud.disk import POSTGRES_BYTES, filled, small_disk
from tests.cloud.packages import coverage, endpoint, offsets, package, place
from tests.cloud.postgres import Postgres, missing
from tests.cloud.running import Answer, Cloud
from tests.waiting import eventually

NODE = "/coverage/node"
"""Asks for one that must be named."""
EVERY = [p.path for p in PAGES if "{" not in p.path and p.path != NODE]
SOON_SECONDS = 12.0
"""The watch looks every ten."""


def test_writing_is_watched_and_told(database_url: str) -> None:
    with Cloud(database_url) as cloud:
        cloud.collector.Send(packages.shop())
        assert cloud.get("/readyz").status == 200
        assert cloud.measure("store_up") == 1
        assert cloud.measure("grouped_packages_total") == 1
        assert (cloud.measure("rows_total") or 0) > 10
        assert eventually(
            lambda: cloud.measure("package_age_seconds", "local") is not None
        )
        assert (cloud.measure("database_bytes", "stored") or 0) > 10_000
        report = cloud.get("/api/v1/status").json()
        assert report["problems"] == [] or report["problems"][0]["kind"] == "disk"
        assert [one["name"] for one in report["clusters"]] == ["local"]
        assert {one["node"] for one in report["nodes"]} == {"node-1", "node-2"}
        assert report["store"]["ready"] is True


@pytest.mark.parametrize("is_apart", [False, True])
def test_full_disk_is_seen_and_gone_when_there_is_room(
    tmp_path: Path, is_apart: bool
) -> None:
    try:
        disk = small_disk(tmp_path / "disk")
        folder = disk.__enter__()
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    try:
        with Cloud(f"sqlite:///{folder}/cloud.sqlite3", is_apart=is_apart) as cloud:
            cloud.collector.Send(packages.shop())
            assert cloud.get("/readyz").status == 200
            with filled(folder):
                assert eventually(lambda: cloud.get("/readyz").status == 503)
                assert cloud.get("/healthz").status == 200
                assert cloud.measure("store_up") == 0
                assert cloud.measure("problems", "disk") == 1
                for page in EVERY:
                    assert told(cloud, page, "Make room on the file system"), page
                assert refused_when_full(cloud)
                assert "full" in cloud.get("/status/banner").text
            assert eventually(lambda: cloud.get("/readyz").status == 200)
            assert cloud.measure("store_up") == 1
            assert "is full" not in cloud.get("/endpoints").text
            assert not cloud.collector.Send(more(1)).duplicate
    finally:
        disk.__exit__(None, None, None)


def more(number: int) -> Package:
    """A package that needs room."""
    many = [
        endpoint(f"/{number}/{each}", places=[place(path=f"$.{'x' * 500}")])
        for each in range(2_000)
    ]
    return package(offsets(number, number + 1, topic="more"), endpoints=many)


def refused_when_full(cloud: Cloud) -> bool:
    try:
        cloud.collector.Send(more(1), timeout=20)
    except grpc.RpcError as error:
        return bool(error.code() == grpc.StatusCode.UNAVAILABLE)
    return False


def test_database_that_is_away_is_told_by_page_probe_and_metric(
    postgres: Postgres,
) -> None:
    with Cloud(postgres.emptied()) as cloud:
        postgres.stop()
        try:
            assert eventually(lambda: cloud.measure("store_up") == 0)
            assert cloud.measure("problems", "writing") == 1
            assert cloud.get("/readyz").status == 503
            assert cloud.get("/healthz").status == 200
            stranger = f"{cloud.cookie.partition('=')[0]}=visit_0_x"
            for headers in ({"cookie": cloud.cookie}, {"cookie": stranger}):
                for page in (*EVERY, "/endpoints/7", "/nothing"):
                    assert_away(cloud.ask(page, headers=headers), postgres)
            for api in (page.api.replace("{id}", "7") for page in PAGES):
                assert_problem(cloud.get(api), postgres)
            banner = cloud.get("/status/banner")
            assert (banner.status, "The database does not" in banner.text) == (
                503,
                True,
            )
            assert "<html" not in banner.text
            for page in ("/login", "/", "/endpoints"):
                assert_away(cloud.ask(page), postgres)
            assert cloud.ask("/api/v1/endpoints").status == 401
        finally:
            postgres.start()
        assert eventually(lambda: cloud.get("/readyz").status == 200)
        assert cloud.get("/").status == 200
        assert cloud.ask("/login").status == 200
        assert cloud.ask("/").headers["location"] == "/login"
        assert cloud.measure("store_up") == 1
        assert cloud.measure("problems", "writing") == 0


def assert_away(answer: Answer, postgres: Postgres) -> None:
    """The whole frame, and what a stranger may read."""
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["cache-control"] == "no-store"
    told = ["<nav aria-label", ">Endpoints</a>", 'class="problem stopped"']
    told += ["The database does not answer", "What still works", "What to do"]
    told += ["Since <time datetime"]
    assert not [words for words in told if words not in answer.text]
    assert not_told(answer.text, postgres)


def assert_problem(answer: Answer, postgres: Postgres) -> None:
    """As RFC 9457 has it."""
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("about:blank", 503)
    assert problem["error"] in problem["detail"]
    since = datetime.fromisoformat(problem["since"])
    assert 0 <= (datetime.now(UTC) - since).total_seconds() < 120
    assert not_told(answer.text, postgres)


def not_told(text: str, postgres: Postgres) -> bool:
    """A stranger may read this."""
    return str(postgres.port) not in text and "127.0.0.1" not in text


def told(cloud: Cloud, path: str, words: str) -> bool:
    """Whether a page is there, with this in its banner."""
    answer = cloud.get(path)
    banner = answer.text.partition('id="banner"')[2].partition("<main")[0]
    return answer.status == 200 and words in banner


def test_away_is_told_at_once_and_since_when(postgres: Postgres) -> None:
    with Cloud(postgres.emptied()) as cloud:
        assert cloud.get("/endpoints").status == 200
        postgres.stop()
        try:
            began = time.monotonic()
            assert_away(cloud.get("/endpoints"), postgres)
            assert eventually(lambda: cloud.measure("store_up") == 0)
            assert time.monotonic() - began < SOON_SECONDS
            since = {cloud.get("/api/v1/types").json()["since"] for _ in range(3)}
            assert len(since) == 1
        finally:
            postgres.start()


def test_database_that_only_reads_is_told_on_every_page(postgres: Postgres) -> None:
    with Cloud(postgres.emptied()) as cloud:
        cloud.collector.Send(packages.shop())
        assert not told(cloud, "/", "Nothing is stored")
        postgres.take_no_writes()
        began = time.monotonic()
        try:
            words = "Nothing is stored: cannot execute"
            assert eventually(lambda: told(cloud, "/endpoints", words))
            assert time.monotonic() - began < SOON_SECONDS
            for page in EVERY:
                assert told(cloud, page, "leads to the primary"), page
        finally:
            postgres.take_writes()
        assert eventually(lambda: not told(cloud, "/endpoints", "Nothing is stored"))


def test_full_disk_of_postgresql_is_told() -> None:
    """Its own log may still have room, so the watch's small write may succeed: then
    it is the packages that fail. Or PostgreSQL ends: then it is away."""
    if reason := missing():
        pytest.skip(reason)
    with ExitStack() as stack:
        above = Path(stack.enter_context(TemporaryDirectory()))
        above.chmod(0o755)
        try:
            disk = small_disk(above / "disk", POSTGRES_BYTES)
            folder = stack.enter_context(disk)
        except OSError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))
        postgres = stack.enter_context(Postgres(folder))
        cloud = stack.enter_context(Cloud(postgres.emptied()))
        cloud.collector.Send(packages.shop())
        with filled(folder):
            began = time.monotonic()
            assert refused_when_full(cloud)
            for page in EVERY:
                is_told = told(cloud, page, "Nothing is stored")
                assert is_told or "The database is away" in cloud.get(page).text, page
            assert time.monotonic() - began < 2 * SOON_SECONDS
        if not postgres.is_running:
            postgres.start()
        assert eventually(lambda: cloud.get("/readyz").status == 200)
        assert not cloud.collector.Send(more(1), timeout=30).duplicate
        assert not told(cloud, "/endpoints", "Nothing is stored")


def test_refusals_are_kept_by_cluster_and_reason(database_url: str) -> None:
    store = Store(database_url)
    for _ in range(3):
        store.refuse("eu", Refusal.INVALID_ARGUMENT, "path: longer than 2048 bytes")
    store.refuse("", Refusal.UNAUTHENTICATED, "the token is not known")
    store.watch.look()
    store.refuse("eu", Refusal.INVALID_ARGUMENT, "window: ends\x1b before it starts")
    store.watch.look()
    store.close()
    again = Store(database_url)
    try:
        again.watch.look()
        found = {
            (one.cluster, one.reason): (one.packages, one.words)
            for one in again.watch.sight.refusals
        }
        assert found == {
            ("eu", "invalid_argument"): (4, "window: ends\ufffd before it starts"),
            ("", "unauthenticated"): (1, "the token is not known"),
        }
    finally:
        again.close()


def test_refused_package_is_shown_and_counted(cloud: Cloud) -> None:
    wrong = packages.shop()
    wrong.endpoints[0].path = "x" * 3_000
    with pytest.raises(grpc.RpcError):
        cloud.collector.Send(wrong)
    reason = "invalid_argument"
    assert eventually(lambda: (cloud.measure("refused_total", reason) or 0) == 1)
    assert cloud.measure("problems", "refused") == 1
    (refused,) = cloud.get("/api/v1/status").json()["refused"]
    assert (refused["reason"], refused["packages"]) == (reason, 1)
    assert refused["words"] == "endpoints[0].path: longer than 2048 bytes"


def test_nodes_are_kept_with_the_time_they_were_heard(database_url: str) -> None:
    clock = [packages.START // 10**9 + 100]
    store = Store(database_url, clock=lambda: clock[0])
    try:
        ahead = packages.START + 500 * packages.SECOND
        for number, (node, at) in enumerate(
            [("a", packages.START), ("b", ahead), ("a", packages.START)]
        ):
            clock[0] += 1_000 if number == 2 else 0
            told = [coverage({"paired": 1}, node=node, at=at)]
            store.add(package(offsets(number, number + 1), coverage=told))
        store.watch.look()
        (sender,) = store.watch.sight.senders
        assert (sender.nodes, sender.nodes_silent) == (2, 1)
        assert sender.heard_ns == clock[0] * 10**9
        clock[0] -= 1_000
        store.watch.look()
        assert store.watch.sight.senders[0].nodes_ahead == 1
    finally:
        store.close()


def test_folded_and_clamped_rows_are_dated(database_url: str) -> None:
    store = Store(database_url)
    try:
        old = packages.START - 40 * 86_400 * packages.SECOND
        store.add(package(offsets(0, 1), endpoints=[endpoint(at=old)]))
        store.watch.look()
        (sender,) = store.watch.sight.senders
        assert sender.clamped_ns == sender.heard_ns
        assert store.watch.sight.clamped > 0
    finally:
        store.close()
