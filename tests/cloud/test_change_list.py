"""The page of changes: gravest first, a page at a time, with why and what to do."""

from pathlib import Path

import pytest

from cloud.pages import changes
from cloud.pages.changes import WHY, WORDS, ChangesQuery
from cloud.store.news import Kind
from cloud.store.schema import DAY, HOUR
from cloud.store.store import Store
from cloud.visitor import read_scope
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import INTERVAL, START, endpoint, offsets, package, place
from tests.cloud.running import Cloud

OLD = START - 30 * INTERVAL


@pytest.fixture
def grown(tmp_path: Path) -> "Cloud":
    return Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3")


def test_each_kind_has_words() -> None:
    assert WHY.keys() == WORDS.keys() == set(Kind)
    names = set(changes.ChangesQuery.__annotations__["kind"].__args__) - {""}
    assert names == {kind.name.lower() for kind in Kind}


def test_what_is_new_is_listed_gravest_first_and_paged(grown: Cloud) -> None:
    with grown as cloud:
        known = endpoint("/known", [place()], at=OLD)
        cloud.collector.Send(package(offsets(0, 1), endpoints=[known], at=OLD))
        rows = cloud.get("/api/v1/changes").json()["changes"]
        assert [row["kind"] for row in rows] == ["cluster"]
        secret = place("credential.password", "$.password", d.HIGH)
        later = [
            endpoint("/known", [secret], at=START),
            endpoint("/fresh", [], at=START),
        ]
        cloud.collector.Send(package(offsets(1, 2), endpoints=later))
        told = cloud.get("/api/v1/changes").json()
        first = told["changes"][0]
        assert first["data_type"] == "credential.password"
        assert first["path"] == "/known"
        assert first["why"]
        assert told["counts"]["endpoint"] == 1
        seen, after = [], ""
        while True:
            page = cloud.get(f"/api/v1/changes?size=1&after={after}").json()
            seen += page["changes"]
            after = page["following"]
            if not after:
                break
        assert seen == told["changes"]
        only = cloud.get("/api/v1/changes?kind=endpoint").json()["changes"]
        assert [row["path"] for row in only] == ["/fresh"]
        assert "/known" in cloud.get("/changes").text


@pytest.mark.parametrize("after", ["1", "1.2.x", "-1.2.3", "1.2." + "9" * 30])
def test_wrong_position_is_explained(cloud: Cloud, after: str) -> None:
    assert cloud.get(f"/api/v1/changes?after={after}").status == 400


def test_empty_log_says_so(cloud: Cloud) -> None:
    assert "Nothing has changed" in cloud.get("/changes").text


def test_large_position_is_an_empty_page(cloud: Cloud) -> None:
    far = "9".rjust(2, "0") + "." + "9" * 19 + "." + "9" * 19
    assert cloud.get(f"/api/v1/changes?after={far}").status == 200


def rolled(name: str, namespace: str, *times: int) -> c.WorkloadFacts:
    revisions = [
        c.Revision(name=f"{name}-{time}", image=f"{name}:{time}", since_ns=time)
        for time in times
    ]
    told = c.Workload(namespace=namespace, kind="Deployment", name=name)
    return c.WorkloadFacts(workload=told, revisions=revisions)


def listed(store: Store, text: str = "") -> dict[str, str | None]:
    """Kind → the revision that is named."""
    query = ChangesQuery(window="week")
    with store.reading() as connection:
        found = changes.listed(connection, query, read_scope(text))
    return {
        row.kind: row.rollout.revision if row.rollout else None
        for row in found.changes
        if row.kind in ("cluster", "endpoint_type", "edge_type")
    }


@pytest.mark.parametrize(
    ("client", "server", "named"),
    [
        ((), (), None),
        ((), (-30 * DAY, -60), "shop-api--60"),
        ((-60,), (-90,), "gateway--60"),
        ((-90,), (-60,), "shop-api--60"),
        ((), (60,), "shop-api-60"),
        ((), (3_000,), None),
        ((), (-30 * DAY,), None),
        ((-30 * DAY, 3_000), (-7 * HOUR,), None),
    ],
)
def test_roll_out_shortly_before_is_named(
    store: Store, client: tuple[int, ...], server: tuple[int, ...], named: str | None
) -> None:
    known = endpoint("/known", [place()], at=OLD)
    store.add(package(offsets(0, 1), endpoints=[known], at=OLD))
    secret = place("credential.password", "$.password", d.HIGH)
    made = package(offsets(1, 2), endpoints=[endpoint("/known", [secret], at=START)])
    ends = (("gateway", "web", client), ("shop-api", "shop", server))
    for name, namespace, seconds in ends:
        told = rolled(name, namespace, *(START + s * 10**9 for s in seconds))
        for one, second in zip(told.revisions, seconds, strict=True):
            one.name = f"{name}-{second}"
        made.workloads.append(told)
    store.add(made)
    found = listed(store)
    assert found == {"cluster": None, "endpoint_type": named, "edge_type": named}


def test_roll_out_of_who_may_not_be_seen_is_not_named(store: Store) -> None:
    store.add(package(offsets(0, 1), endpoints=[endpoint("/known", at=OLD)], at=OLD))
    found = endpoint("/known", [place()], at=START)
    made = package(offsets(1, 2), endpoints=[found])
    made.workloads.append(rolled("gateway", "web", START))
    store.add(made)
    named = f"gateway-{START}"
    assert listed(store)["edge_type"] == named
    assert listed(store, "local")["edge_type"] == named
    assert listed(store, "local/web")["edge_type"] == named
    assert listed(store, "local/shop")["edge_type"] is None


def test_page_shows_the_roll_out(grown: Cloud) -> None:
    with grown as cloud:
        old = package(offsets(0, 1), endpoints=[endpoint("/known", at=OLD)], at=OLD)
        cloud.collector.Send(old)
        found = endpoint("/known", [place()], at=START)
        made = package(offsets(1, 2), endpoints=[found])
        made.workloads.append(rolled("gateway", "web", START))
        cloud.collector.Send(made)
        page = cloud.get("/changes").text
        assert f"gateway-{str(START)[:3]}" in page
        assert "Rolled out shortly before" in page
        csv = cloud.get("/api/v1/changes?format=csv").text
        assert "rollout.revision" in csv.splitlines()[0]
