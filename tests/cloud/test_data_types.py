"""Data types: all that were seen, and where each of them is and goes."""

import pytest
import sqlalchemy as sa

from cloud.pages.data_types import flows, listing, one
from cloud.pages.data_types.reports import TypeQuery, TypeReport, TypeRow, TypesQuery
from cloud.store.rows import SURE
from cloud.store.schema import places
from cloud.store.store import Store
from cloud.visitor import EVERYTHING, Scope, read_scope
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import START, endpoint, package, place
from tests.cloud.running import Cloud

IBAN, EMAIL = "financial.iban", "contact.email"
NOW = START / 1e9 + 30


def workload(name: str, namespace: str = "") -> c.Workload:
    kind = "Deployment" if namespace else "External"
    return c.Workload(namespace=namespace, kind=kind, name=name)


BANK, INTERNET = workload("api.bank.example"), workload("internet")
WEB, SHOP, LEDGER = (
    workload("web", "front"),
    workload("shop", "back"),
    workload("ledger", "money"),
)
SENT = place(IBAN, "$.iban", d.HIGH, count=3, direction=c.REQUEST)
FAILED = place(IBAN, "$.error", d.HIGH, count=5, errors=4)
IN_URL = place(IBAN, "iban", d.MEDIUM, count=2, direction=c.REQUEST, location=d.QUERY)
UNSURE = place(IBAN, "$.note", d.HIGH, d.POSSIBLE, count=90)
MAIL = place(EMAIL, "$.email", d.MEDIUM, count=7)


@pytest.fixture
def filled(store: Store) -> Store:
    rows = [
        endpoint("/pay", [SENT, FAILED, MAIL], server=SHOP, client=WEB, pairs=9),
        endpoint("/book", [SENT, IN_URL, UNSURE], server=LEDGER, client=SHOP, pairs=4),
        endpoint("/transfers", [SENT], server=BANK, client=LEDGER, pairs=2),
        endpoint("/me", [FAILED], server=WEB, client=INTERNET, pairs=1),
    ]
    known = [
        d.DataType(name=IBAN, title="IBAN", sensitivity=d.MEDIUM, tags=["gdpr"]),
        d.DataType(
            name=EMAIL, title="Mail", sensitivity=d.MEDIUM, is_own=True, is_off=True
        ),
    ]
    made = package(endpoints=rows)
    made.data_types.extend(known)
    assert store.add(made)
    other = package(
        endpoints=[endpoint("/other", [SENT], server=SHOP, client=WEB)], cluster="other"
    )
    other.data_types.extend([d.DataType(name=IBAN, title="Secret", sensitivity=d.LOW)])
    assert store.add(other)
    return store


def rows(store: Store, scope: Scope = EVERYTHING, name: str = "") -> list[TypeRow]:
    with store.reading() as connection:
        return listing.totals(connection, scope, name)


def report(
    store: Store,
    name: str = IBAN,
    query: TypeQuery | None = None,
    scope: Scope = EVERYTHING,
) -> TypeReport:
    with store.reading() as connection:
        asked = query or TypeQuery()
        found = one.one(connection, name, asked, scope, clock=lambda: NOW)
    assert found is not None
    return found


def test_each_type_is_counted_once(filled: Store) -> None:
    mail, iban = rows(filled)
    assert (iban.data_type, iban.title, iban.tags) == (IBAN, "IBAN", ["gdpr"])
    assert (iban.sensitivity, iban.usual_sensitivity) == ("high", "medium")
    assert (iban.endpoints, iban.count) == (5, 24)
    assert (iban.workloads, iban.receivers) == (5, 2)
    assert (mail.is_own, mail.is_off, mail.receivers) == (True, True, 0)
    assert (iban.is_own, iban.is_off) == (False, False)
    assert iban.first_seen.timestamp() == pytest.approx(START / 1e9, abs=60)
    assert iban.first_seen <= iban.last_seen


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("local", {IBAN: (4, 3, 2, 21), EMAIL: (1, 2, 0, 7)}),
        ("other", {IBAN: (1, 2, 0, 3)}),
        ("local/money", {IBAN: (2, 2, 1, 8)}),
        ("local/front", {IBAN: (2, 2, 1, 13), EMAIL: (1, 2, 0, 7)}),
        ("local/front other", {IBAN: (3, 4, 1, 16), EMAIL: (1, 2, 0, 7)}),
        ("north", {}),
        ("north/x", {}),
    ],
)
def test_limited_visitor_sees_what_one_end_of_within_exchanges(
    filled: Store, text: str, counted: dict[str, tuple[int, int, int, int]]
) -> None:
    scope = read_scope(text)
    found = {
        row.data_type: (row.endpoints, row.workloads, row.receivers, row.count)
        for row in rows(filled, scope)
    }
    assert found == counted
    for row in rows(filled, scope):
        assert rows(filled, scope, row.data_type) == [row]


def test_titles_of_other_clusters_are_not_told(filled: Store) -> None:
    assert [row.title for row in rows(filled, read_scope("other"))] == ["Secret"]
    assert [row.title for row in rows(filled, read_scope("other/back"))] == ["Secret"]
    for text in ("local", "local/money"):
        (iban,) = rows(filled, read_scope(text), IBAN)
        assert (iban.title, iban.usual_sensitivity) == ("IBAN", "medium")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (TypesQuery(), [IBAN, EMAIL]),
        (TypesQuery(sort="name"), [EMAIL, IBAN]),
        (TypesQuery(sort="values"), [IBAN, EMAIL]),
        (TypesQuery(sort="endpoints"), [IBAN, EMAIL]),
        (TypesQuery(text="mAIl"), [EMAIL]),
        (TypesQuery(text="financial"), [IBAN]),
        (TypesQuery(tag="gdpr"), [IBAN]),
        (TypesQuery(tag="none"), []),
        (TypesQuery(only="own"), [EMAIL]),
        (TypesQuery(only="off"), [EMAIL]),
        (TypesQuery(only="outside"), [IBAN]),
        (TypesQuery(sensitivity="high"), [IBAN]),
        (TypesQuery(size=1, page=2), [EMAIL]),
        (TypesQuery(page=2), []),
    ],
)
def test_list_is_filtered_and_sorted(
    filled: Store, query: TypesQuery, names: list[str]
) -> None:
    found = listing.listed(rows(filled), query)
    assert [row.data_type for row in found.types] == names
    assert found.tags == ["gdpr"]


def test_places_are_those_that_are_sure(filled: Store) -> None:
    found = report(filled, scope=read_scope("local"))
    told = [(p.path, p.field, p.direction, p.location, p.count) for p in found.places]
    assert sorted(told) == [
        ("/book", "$.iban", "request", "body", 3),
        ("/book", "iban", "request", "query", 2),
        ("/me", "$.error", "response", "body", 5),
        ("/pay", "$.error", "response", "body", 5),
        ("/pay", "$.iban", "request", "body", 3),
        ("/transfers", "$.iban", "request", "body", 3),
    ]
    gravest = [place.sensitivity for place in found.places]
    assert gravest == ["high"] * 5 + ["medium"]
    assert found.places[0].count == 5
    assert {place.likelihood for place in found.places} == {"very_likely"}
    assert all(place.clients == 1 for place in found.places)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        (TypeQuery(only="errors"), ["$.error", "$.error"]),
        (TypeQuery(only="url"), ["iban"]),
        (TypeQuery(size=2, page=4), ["iban"]),
        (TypeQuery(page=3), []),
    ],
)
def test_places_in_error_answers_and_in_urls(
    filled: Store, query: TypeQuery, fields: list[str]
) -> None:
    found = report(filled, query=query)
    assert [place.field for place in found.places] == fields
    assert (found.places_total, found.error_places, found.url_places) == (7, 2, 1)
    assert found.is_whole
    assert all(p.errors == 4 for p in found.places if query.only == "errors")


def test_flows_go_from_sender_to_receiver(filled: Store) -> None:
    found = report(filled, scope=read_scope("local"))
    told = {
        (flow.sender.name, flow.receiver.name, flow.way, flow.count)
        for flow in found.flows
    }
    assert told == {
        ("web", "shop", "sent", 3),
        ("shop", "web", "returned", 5),
        ("shop", "ledger", "sent", 5),
        ("ledger", "api.bank.example", "sent", 3),
        ("web", "internet", "returned", 5),
    }
    assert found.flows_total == 5
    assert found.is_flows_whole
    receivers = {
        one.party.name: ([s.name for s in one.senders], one.count)
        for one in found.receivers
    }
    assert receivers == {
        "internet": (["web"], 5),
        "api.bank.example": (["ledger"], 3),
    }
    assert found.receivers_total == found.type.receivers == 2


def test_a_party_that_only_sends_is_no_receiver(store: Store) -> None:
    row = endpoint("/me", [SENT], server=WEB, client=INTERNET)
    assert store.add(package(endpoints=[row]))
    found = report(store)
    assert (found.receivers, found.type.receivers) == ([], 0)
    assert [flow.sender.name for flow in found.flows] == ["internet"]


def test_limited_visitor_sees_own_places_and_flows(filled: Store) -> None:
    found = report(filled, scope=read_scope("local/money"))
    fields = {(place.path, place.field) for place in found.places}
    assert fields == {("/book", "$.iban"), ("/book", "iban"), ("/transfers", "$.iban")}
    assert {flow.receiver.name for flow in found.flows} == {
        "ledger",
        "api.bank.example",
    }
    assert [one.party.name for one in found.receivers] == ["api.bank.example"]
    assert sum(found.trend.known) == 8
    with filled.reading() as connection:
        none = one.one(
            connection, EMAIL, TypeQuery(), read_scope("local/money"), lambda: NOW
        )
    assert none is None


def test_trend_counts_the_values_of_the_type_alone(filled: Store) -> None:
    found = report(filled, query=TypeQuery(window="day"))
    assert sum(found.trend.known) == found.type.count == 24
    assert found.trend_endpoints == 5
    mail = report(filled, EMAIL, TypeQuery(window="hours"))
    assert sum(mail.trend.known) == 7
    assert mail.trend.counts[-1] == 7 or 7 in mail.trend.counts


def test_bounds_are_told(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "MOST_ENDPOINTS", 2)
    monkeypatch.setattr(one, "AT_ONCE", 1)
    monkeypatch.setattr(one, "MOST_FLOWS", 1)
    monkeypatch.setattr(one, "MOST_SERIES", 1)
    monkeypatch.setattr(flows, "MOST_EDGES", 3)
    monkeypatch.setattr(flows, "MOST_RECEIVERS", 1)
    found = report(filled)
    assert not found.is_whole
    assert len({place.endpoint_id for place in found.places}) == 2
    assert (len(found.flows), found.is_flows_whole) == (1, False)
    assert found.flows_total > 1
    assert len(found.receivers) <= 1
    assert found.trend_endpoints == 1


def test_type_that_is_found_nowhere_any_more_is_gone(filled: Store) -> None:
    with filled.reading() as connection:
        unsure = sa.select(sa.func.count()).select_from(places)
        assert connection.scalar(unsure.where(places.c.likelihood < SURE))
        assert one.one(connection, "a.b", TypeQuery()) is None


def test_pages_lead_from_a_type_to_all_of_it(shop: Cloud) -> None:
    overview = shop.get("/overview").text
    assert 'href="/types/financial.credit_card"' in overview
    assert 'href="/endpoints?type=' not in overview
    listed = shop.get("/types").text
    assert 'href="/types/financial.credit_card"' in listed
    page = shop.get("/types/financial.credit_card").text
    assert 'href="/map?type=financial.credit_card"' in page
    assert 'href="/endpoints?type=financial.credit_card"' in page
    told = shop.get("/api/v1/types/financial.credit_card").json()
    assert f'href="/endpoints/{told["places"][0]["endpoint_id"]}"' in page
    head, *lines = shop.get(
        "/api/v1/types/financial.credit_card?format=csv"
    ).text.splitlines()
    assert "server.name" in head.split(",")
    assert len(lines) == len(told["places"]) > 0
    (hit,) = shop.get("/api/v1/search?q=credit_card&kind=type").json()["hits"]
    assert hit["path"] == "/types/financial.credit_card"


@pytest.mark.parametrize("name", ["nothing.here", "0123456789abcdef", "%27%22%3Cb%3E"])
def test_unknown_type_is_not_there(shop: Cloud, name: str) -> None:
    assert shop.get(f"/types/{name}").status == 404
    assert shop.get(f"/api/v1/types/{name}").status == 404


def test_violations_of_a_type_are_told(company: Cloud) -> None:
    told = company.get("/api/v1/types/type.east_alpha").json()
    assert told["violations_total"] == 1
    assert told["violations"][0]["data_type"] == "type.east_alpha"
    page = company.get("/types/type.east_alpha").text
    assert 'href="/violations?type=type.east_alpha"' in page
    assert "west" not in page
