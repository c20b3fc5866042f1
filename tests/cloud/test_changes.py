"""What is new is told once, gravest or newest first, to those who may see it."""

from collections.abc import Iterable, Iterator
from contextlib import closing

import pytest

from cloud.store import changes, forgetting
from cloud.store.changes import Asked, Change
from cloud.store.keeper import Keeping
from cloud.store.news import BASELINE_NS, Kind
from cloud.store.schema import DAY, HOUR
from cloud.store.store import Store
from cloud.store.windows import Window
from cloud.visitor import EVERYTHING, Scope
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import (
    GATEWAY,
    LEDGER,
    OUTSIDE,
    SECOND,
    SHOP,
    START,
    coverage,
    endpoint,
    offsets,
    package,
    place,
)

NOW = START // SECOND
LATER = START
FIRST = START - 2 * BASELINE_NS
"""The cluster began so long ago."""
ALL = Asked(Window(0, NOW + HOUR))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Knows one endpoint with one data type since its baseline."""
    opened = Store(database_url, clock=lambda: NOW)
    known = endpoint(places=[place()], at=FIRST)
    opened.add(
        package(offsets(0, 1), endpoints=[known], at=FIRST, agent_version="0.1.0")
    )
    yield opened
    opened.close()


def send(
    store: Store, *endpoints: c.Endpoint, first: int = 1, cluster: str = "local"
) -> None:
    covered = offsets(first, first + 1)
    assert store.add(package(covered, endpoints=endpoints, at=LATER, cluster=cluster))


def told(store: Store, asked: Asked = ALL, scope: Scope = EVERYTHING) -> list[Change]:
    with store.reading() as connection:
        return changes.newest(connection, asked, 1_000, scope=scope)


def kinds(found: Iterable[Change]) -> list[Kind]:
    return sorted(one.kind for one in found if one.kind is not Kind.CLUSTER)


def test_first_hour_is_the_baseline(store: Store) -> None:
    [only] = told(store)
    assert (only.kind, only.cluster, only.at_ns) == (Kind.CLUSTER, "local", FIRST)
    late = FIRST + BASELINE_NS - 2 * SECOND
    send(store, endpoint("/new", [place("id.us_ssn")], at=late))
    assert kinds(told(store)) == []


def test_baseline_is_as_long_as_the_store_is_told(database_url: str) -> None:
    opened = Store(database_url, Keeping(baseline_seconds=60), clock=lambda: NOW)
    with closing(opened):
        for number, seconds in enumerate((0, 59, 61)):
            at = FIRST + seconds * SECOND
            seen = endpoint(f"/after/{seconds}", at=at)
            opened.add(package(offsets(number, number + 1), endpoints=[seen], at=at))
        news = [one for one in told(opened) if one.kind is Kind.ENDPOINT]
        assert [one.path for one in news] == ["/after/61"]


def test_what_is_known_is_no_news(store: Store) -> None:
    send(store, endpoint(places=[place()], at=LATER))
    assert kinds(told(store)) == []


def test_new_endpoint_is_told_with_its_types_and_not_each_place(store: Store) -> None:
    found = [place(path=f"$.{n}") for n in range(3)]
    send(store, endpoint("/new", [*found, place("id.us_ssn", sensitivity=d.HIGH)]))
    news = told(store)
    assert kinds(news) == [
        Kind.ENDPOINT,
        Kind.ENDPOINT_TYPE,
        Kind.ENDPOINT_TYPE,
        Kind.EDGE_TYPE,
    ]
    [one] = [line for line in news if line.kind is Kind.ENDPOINT]
    assert (one.method, one.path, one.sensitivity) == ("GET", "/new", d.HIGH)
    assert one.server
    assert (one.server.namespace, one.server.name) == ("shop", "shop-api")
    assert (one.at_ns, one.stored_ns // SECOND) == (LATER, NOW)
    [typed] = [line for line in news if line.kind is Kind.EDGE_TYPE]
    assert typed.data_type == "id.us_ssn"
    assert typed.client
    assert typed.client.name == "gateway"
    assert typed.place
    assert typed.place.path == "$.email"


def test_new_type_on_a_known_endpoint(store: Store) -> None:
    send(store, endpoint(places=[place("id.us_ssn", "$.ssn", d.HIGH)]))
    assert kinds(told(store)) == [Kind.ENDPOINT_TYPE, Kind.EDGE_TYPE]


def test_new_place_of_a_known_type_if_it_is_sensitive(store: Store) -> None:
    send(store, endpoint(places=[place(path="$.other")]))
    [line] = [one for one in told(store) if one.kind is Kind.PLACE]
    assert line.place
    assert (line.data_type, line.place.path) == ("contact.email", "$.other")
    low = place("contact.email", "$.third", d.LOW)
    send(store, endpoint(places=[low]), first=2)
    assert kinds(told(store)) == [Kind.PLACE]


def test_unsure_findings_are_no_news(store: Store) -> None:
    unsure = place("id.us_ssn", "$.ssn", d.HIGH, d.POSSIBLE)
    send(store, endpoint(places=[unsure]))
    assert kinds(told(store)) == []


@pytest.mark.parametrize("location", [d.QUERY, d.PATH])
def test_data_in_a_url_is_the_gravest(store: Store, location: int) -> None:
    token = place("secret.key", "key", d.HIGH, location=location, direction=c.REQUEST)
    send(store, endpoint(places=[token]))
    with store.reading() as connection:
        first = changes.gravest(connection, ALL, 1)
    assert (first[0].kind, first[0].gravity) == (Kind.IN_URL, d.HIGH + 1)


def test_new_edge_and_new_party_outside(store: Store) -> None:
    send(store, endpoint(client=OUTSIDE), endpoint(client=LEDGER))
    news = told(store)
    assert kinds(news) == [Kind.EDGE, Kind.EDGE, Kind.PARTY]
    [party] = [one for one in news if one.kind is Kind.PARTY]
    assert party.client
    assert party.client.kind == "External"
    send(store, endpoint("/o", client=OUTSIDE, server=LEDGER), first=2)
    assert kinds(told(store)).count(Kind.PARTY) == 1
    assert kinds(told(store)).count(Kind.EDGE) == 3


def test_party_that_was_described_before_its_edge_is_new_with_the_edge(
    store: Store,
) -> None:
    described = package(offsets(1, 2), at=LATER)
    described.parties.append(party("CH"))
    assert store.add(described)
    send(store, endpoint(client=OUTSIDE), first=2)
    assert kinds(told(store)) == [Kind.EDGE, Kind.PARTY, Kind.COUNTRY]


def party(country: str, network: str = "Example") -> c.Party:
    return c.Party(
        workload=OUTSIDE,
        country=country,
        network=network,
        first_seen_ns=LATER,
        last_seen_ns=LATER + SECOND,
    )


def test_new_country_of_a_party_is_told_once(store: Store) -> None:
    for number, countries in enumerate([["CH", ""], ["CH", "NO"], ["NO"]], 1):
        sent = package(offsets(number, number + 1), at=LATER)
        sent.parties.extend(party(one) for one in countries)
        sent.parties.extend(party(one, "Other") for one in countries)
        assert store.add(sent)
    found = [one for one in told(store) if one.kind is Kind.COUNTRY]
    assert sorted(one.after for one in found) == ["CH", "NO"]
    assert {one.client.kind for one in found if one.client} == {"External"}


def test_version_and_catalog_that_change_are_told_once_a_day(store: Store) -> None:
    for number, version in enumerate(["0.2.0", "0.1.0", "0.2.0", "0.1.0"], 1):
        sent = package(offsets(number, number + 1), at=LATER, agent_version=version)
        assert store.add(sent)
    news = told(store)
    assert kinds(news) == [Kind.AGENT_VERSION] * 2
    assert {(one.before, one.after) for one in news if one.after} == {
        ("0.1.0", "0.2.0"),
        ("0.2.0", "0.1.0"),
    }


def test_a_package_again_tells_nothing_again(store: Store) -> None:
    sent = package(offsets(1, 2), endpoints=[endpoint("/new", [place()])])
    assert store.add(sent)
    once = told(store)
    assert not store.add(sent)
    assert told(store) == once


def test_pages_follow_each_other_in_both_orders(store: Store) -> None:
    many = [endpoint(f"/{n}", [place(f"a.t{n}", sensitivity=n % 4)]) for n in range(20)]
    send(store, *many)
    whole = told(store)
    for read in (changes.newest, changes.gravest):
        found: list[Change] = []
        with store.reading() as connection:
            while page := read(
                connection, ALL, 7, found[-1].position if found else None
            ):
                found += page
        assert sorted(one.key for one in found) == sorted(one.key for one in whole)
        assert len({one.key for one in found}) == len(whole)
    graves = [one.gravity for one in found]
    assert graves == sorted(graves, reverse=True)
    assert graves[0] > graves[-1]


def test_filters_and_counts(store: Store) -> None:
    send(
        store,
        endpoint("/a", [place("id.us_ssn", sensitivity=d.HIGH)]),
        endpoint("/b", server=LEDGER, client=SHOP),
    )
    send(store, endpoint("/c"), cluster="other")
    whole = told(store)
    ledger = next(one.server for one in whole if one.path == "/b")
    assert ledger
    chosen: dict[str, tuple[Asked, set[str]]] = {
        "kinds": (ALL._replace(kinds=(Kind.ENDPOINT,)), {"/a", "/b"}),
        "cluster": (ALL._replace(cluster="other"), {""}),
        "namespace": (ALL._replace(namespace="shop"), {"", "/a", "/b"}),
        "workload": (ALL._replace(workload=ledger.key), {"", "/b"}),
        "data type": (ALL._replace(data_type="id.us_ssn"), {"/a"}),
        "sensitivity": (ALL._replace(least_sensitivity=d.HIGH), {"/a"}),
        "window": (ALL._replace(window=Window(0, NOW)), set()),
    }
    for name, (asked, paths) in chosen.items():
        found = told(store, asked)
        assert {one.path for one in found} == paths, name
        with store.reading() as connection:
            counted = changes.counts(connection, asked)
        assert sum(counted.values()) == len(found), name


def test_visitors_see_changes_of_their_part_only(store: Store) -> None:
    send(store, endpoint("/a", [place("id.us_ssn")], client=OUTSIDE))
    send(store, endpoint("/b"), cluster="other")
    whole = Scope(clusters=frozenset({"other"}))
    assert {one.cluster for one in told(store, scope=whole)} == {"other"}
    web = Scope(namespaces=frozenset({("local", GATEWAY.namespace)}))
    assert told(store, scope=web) == []
    shop = Scope(namespaces=frozenset({("local", "shop")}))
    found = told(store, scope=shop)
    assert {one.kind for one in found} == {
        Kind.ENDPOINT,
        Kind.ENDPOINT_TYPE,
        Kind.EDGE,
        Kind.EDGE_TYPE,
        Kind.PARTY,
    }
    with store.reading() as connection:
        assert sum(changes.counts(connection, ALL, shop).values()) == len(found)
    foreign = Scope(namespaces=frozenset({("other", GATEWAY.namespace)}))
    assert told(store, scope=foreign) == []


def test_old_changes_are_forgotten(database_url: str) -> None:
    now = [NOW]
    store = Store(database_url, clock=lambda: now[0])
    send(store, endpoint())
    now[0] += 399 * DAY
    store.keeper.run_once()
    asked = Asked(Window(0, now[0] + DAY))
    assert len(told(store, asked)) == 1
    now[0] += 2 * DAY
    store.keeper.run_once()
    assert told(store, asked) == []
    store.close()


def test_of_too_many_changes_the_gravest_and_latest_stay(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "MOST_CHANGES", 5)
    monkeypatch.setattr(forgetting, "STEP_ROWS", 3)
    many = [endpoint(f"/{n}", at=LATER + n * SECOND) for n in range(9)]
    send(store, endpoint("/grave", [place("id.us_ssn", sensitivity=d.HIGH)]), *many)
    store.keeper.run_once()
    found = told(store)
    assert len(found) == 5
    assert {one.path for one in found if one.gravity > 1} == {"/grave"}
    rest = {one.path for one in found if not one.gravity}
    assert rest <= {f"/{n}" for n in range(9)}
    assert "/0" not in rest


def test_coverage_that_fell_is_told_once(database_url: str) -> None:
    day = NOW // DAY * DAY
    store = Store(database_url, clock=lambda: day + 3 * HOUR)
    megabyte = 1 << 20
    for number, (before, captured) in enumerate([(2, 96), (1, 40)]):
        at = (day - before * DAY) * SECOND
        rows = [
            coverage(
                {"paired": captured * megabyte, "tls": (100 - captured) * megabyte},
                at=at,
            ),
            coverage({"paired": 300 * megabyte}, at=at, node="steady"),
            coverage({"paired": captured, "tls": 100 - captured}, at=at, node="tiny"),
        ]
        assert store.add(package(offsets(number, number + 1), coverage=rows, at=at))
    for _ in range(2):
        store.keeper.run_once()
    found = told(store, Asked(Window(0, NOW + 2 * DAY), (Kind.COVERAGE_FELL,)))
    assert {(one.node, one.before, one.after) for one in found} == {
        ("node-1", "96.0", "40.0"),
        ("", "99.0", "85.0"),
    }
    [part] = [one for one in found if one.node]
    assert part.server
    assert part.server.name == "shop-api"
    store.close()
