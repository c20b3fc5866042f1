"""The list of endpoints and one endpoint, read from both databases."""

import pytest

from agent.digger.counting import UNKNOWN_PATH
from cloud.pages import endpoints
from cloud.pages.endpoint import one as read
from cloud.pages.reports import EndpointList, EndpointReport, FieldsQuery, Query
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud import packages
from tests.cloud.packages import SECOND, START, endpoint, offsets, package, place


def listed(store: Store, query: Query | None = None) -> EndpointList:
    with store.reading() as connection:
        return endpoints.listed(connection, query or Query())


def paths(store: Store, query: Query) -> list[str]:
    return [row.path for row in listed(store, query).endpoints]


def one(store: Store, path: str, is_uncertain_shown: bool = False) -> EndpointReport:
    [row] = listed(store, Query(text=path)).endpoints
    with store.reading() as connection:
        found = read(connection, endpoints.key(row.id), FieldsQuery(is_uncertain_shown))
    assert found
    return found


@pytest.fixture
def shop(store: Store) -> Store:
    store.add(packages.shop())
    return store


def test_rows_tell_what_the_list_shows(shop: Store) -> None:
    row = listed(shop).endpoints[0]
    assert (row.method, row.path, row.port) == ("GET", "/users/{id}", 8000)
    assert (row.server.name, row.sensitivity, row.pairs) == ("shop-api", "high", 315)
    assert row.statuses == {"2xx": 305, "4xx": 9, "5xx": 1}
    assert [client.name for client in row.clients] == ["gateway", "nightly-report"]
    assert [(t.data_type, t.count) for t in row.data_types] == [
        ("person.birth_date", 80),
        ("contact.email", 315),
        ("contact.phone", 200),
        ("person.full_name", 300),
        ("network.ip", 1),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(text="PAYM"), {"/payments"}),
        (Query(text="get /or"), {"/orders"}),
        (Query(text="ledger"), {"/entries"}),
        (Query(text="%"), set()),
        (Query(text="_"), set()),
        (Query(text="\0"), set()),
        (Query(data_type="contact.phone"), {"/users/{id}"}),
        (Query(data_type="financial.credit_card"), {"/payments", "/entries"}),
        (Query(data_type="id.us_ssn"), set()),
        (Query(sensitivity="low"), {"/users/{id}", "/payments", "/entries"}),
        (Query(sensitivity="high", text="entr"), {"/entries"}),
    ],
)
def test_filters_narrow_the_list(shop: Store, query: Query, expected: set[str]) -> None:
    assert set(paths(shop, query)) == expected


@pytest.mark.parametrize(
    ("query", "first"),
    [
        (Query(sort="sensitivity"), ["/users/{id}", "/payments", "/entries"]),
        (Query(sort="pairs"), ["/orders", "/users/{id}", "/payments"]),
        (Query(sort="last_seen"), ["/orders"]),
        (Query(sort="path"), ["/entries", "/health", "/orders", "/payments"]),
    ],
)
def test_orders_are_what_they_say(shop: Store, query: Query, first: list[str]) -> None:
    assert paths(shop, query)[: len(first)] == first


def test_pages_cover_the_list_without_overlap(shop: Store) -> None:
    found = [
        path
        for page in (1, 2, 3, 4)
        for path in paths(shop, Query(page=page, size=2, sort="path"))
    ]
    assert found == ["/entries", "/health", "/orders", "/payments", "/users/{id}"]
    paging = listed(shop, Query(page=9, size=2)).paging
    assert (paging.total, paging.pages) == (5, 3)


def test_list_offers_the_types_that_can_be_found(shop: Store) -> None:
    offered = listed(shop, Query(text="nothing")).data_types
    assert offered == sorted(offered)
    assert "financial.iban" in offered
    assert "id.us_ssn" not in offered


def test_many_clients_are_counted_and_few_named(store: Store) -> None:
    many = [
        endpoint(client=c.Workload(name=f"client-{n}"), pairs=n + 1) for n in range(9)
    ]
    store.add(package(offsets(0, 1), endpoints=many))
    [row] = listed(store).endpoints
    assert [client.name for client in row.clients] == [
        "client-8",
        "client-7",
        "client-6",
    ]
    assert row.clients_total == 9


def test_endpoint_lists_fields_with_their_places(shop: Store) -> None:
    report = one(shop, "/payments")
    field = report.fields[1]
    assert (field.direction, field.location, field.path) == (
        "request",
        "body",
        "$.card.number",
    )
    assert (field.data_type, field.sensitivity, field.likelihood, field.count) == (
        "financial.credit_card",
        "high",
        "very_likely",
        40,
    )
    assert (report.fields_total, report.uncertain_total) == (8, 0)
    assert report.request_bytes == 4_100


def test_less_certain_fields_show_only_on_demand(shop: Store) -> None:
    closed = one(shop, "/users/{id}")
    opened = one(shop, "/users/{id}", is_uncertain_shown=True)
    assert "id.us_ssn" not in {field.data_type for field in closed.fields}
    assert "id.us_ssn" in {field.data_type for field in opened.fields}
    assert (closed.fields_total, opened.fields_total) == (5, 6)
    assert closed.uncertain_total == opened.uncertain_total == 1


def test_field_counts_sure_values_only_until_all_are_asked_for(store: Store) -> None:
    mixed = [
        place(likelihood=d.VERY_LIKELY, sensitivity=d.MEDIUM, count=10),
        place(likelihood=d.LIKELY, sensitivity=d.HIGH, count=4),
        place(likelihood=d.POSSIBLE, count=3),
    ]
    store.add(package(offsets(0, 1), endpoints=[endpoint("/mixed", mixed)]))
    [field] = one(store, "/mixed").fields
    assert (field.count, field.likelihood, field.sensitivity) == (
        14,
        "very_likely",
        "high",
    )
    assert one(store, "/mixed", is_uncertain_shown=True).fields[0].count == 17


def test_field_adds_up_over_clients_and_widens_its_times(store: Store) -> None:
    later = START + 60 * SECOND
    store.add(
        package(
            offsets(0, 1),
            endpoints=[
                endpoint(places=[place(count=2)]),
                endpoint(places=[place(count=5)], client=packages.WORKER, at=later),
            ],
        )
    )
    [field] = one(store, "/users").fields
    assert field.count == 7
    assert (field.last_seen - field.first_seen).total_seconds() == 61


def test_clients_come_with_their_own_sensitivity(shop: Store) -> None:
    clients = one(shop, "/users/{id}").clients
    assert [(x.client.name, x.pairs, x.sensitivity) for x in clients] == [
        ("gateway", 310, "high"),
        ("nightly-report", 5, "medium"),
    ]


def test_unknown_key_is_no_endpoint(shop: Store) -> None:
    with shop.reading() as connection:
        assert read(connection, 1, FieldsQuery()) is None


@pytest.mark.parametrize(
    "shown", ["", "1", "g" * 16, "f" * 16, "0" * 17, "\u0660" * 16]
)
def test_what_is_no_key_is_refused(shown: str) -> None:
    with pytest.raises(ValueError, match="not the id of an endpoint"):
        endpoints.key(shown)


def test_keys_are_shown_and_read_back() -> None:
    for key in (0, 1, (1 << 63) - 1):
        assert endpoints.key(endpoints.shown_id(key)) == key


def test_share_is_of_inspected_messages_over_clients_and_packages(store: Store) -> None:
    for first in (0, 1):
        held = [place(count=9, messages=2), place("a.b", "$.x", count=4, messages=4)]
        other = [place(count=2, messages=1)]
        rows = [
            endpoint("/held", held, pairs=4),
            endpoint("/held", other, pairs=4, client=packages.WORKER),
        ]
        store.add(package(offsets(first, first + 1), endpoints=rows))
    shares = {field.data_type: field for field in one(store, "/held").fields}
    email = shares["contact.email"]
    assert (email.messages, email.share, email.count) == (6, 6 / 16, 22)
    assert shares["a.b"].share == 0.5


def test_protocols_are_those_of_the_clients(store: Store) -> None:
    rows = [
        endpoint("/both", protocol=c.GRPC),
        endpoint("/both", client=packages.WORKER),
        endpoint("/plain"),
        endpoint("/new", protocol=7),
        endpoint("/far", protocol=70),
        endpoint("/old", protocol=0),
    ]
    store.add(package(offsets(0, 1), endpoints=rows))
    spoken = {row.path: row.protocols for row in listed(store).endpoints}
    assert spoken == {
        "/both": ["grpc", "http/1"],
        "/plain": ["http/1"],
        "/new": ["protocol/7"],
        "/far": ["other"],
        "/old": [],
    }
    assert paths(store, Query(protocol="grpc")) == ["/both"]
    assert set(paths(store, Query(protocol="http/1"))) == {"/both", "/plain"}
    told = one(store, "/both")
    assert told.protocols == ["grpc", "http/1"]
    named = {client.client.name: client.protocol for client in told.clients}
    assert named == {"gateway": "grpc", "nightly-report": "http/1"}


def test_protocol_that_was_spoken_last_is_told(store: Store) -> None:
    for first, protocol in enumerate((c.HTTP_1, c.HTTP_2)):
        rows = [endpoint("/", protocol=protocol)]
        store.add(package(offsets(first, first + 1), endpoints=rows))
    assert listed(store).endpoints[0].protocols == ["http/2"]


def test_path_that_was_not_heard_is_told(store: Store) -> None:
    """Agents and pages mean the same path."""
    for path in (UNKNOWN_PATH, f"{UNKNOWN_PATH} getUser"):
        store.add(package(offsets(0, 1), endpoints=[endpoint(path)], cluster=path))
        assert one(store, path).is_path_unknown
    store.add(package(offsets(0, 1), endpoints=[endpoint("/users/{unknown}")]))
    assert not one(store, "/users").is_path_unknown


@pytest.mark.parametrize(
    ("protocol", "fields", "is_told"),
    [
        (c.GRPC, ["$.3.1[*].2", "$.1"], True),
        (c.GRPC, ["$.3.1[*].2", "$.error.message"], True),
        (c.GRPC, ["$.person.email"], False),
        (c.HTTP_1, ["$.3.1[*].2"], True),
        (c.HTTP_1, ["$.by_id.7", "$.1"], False),
        (c.HTTP_1, [], False),
    ],
)
def test_fields_that_stand_under_numbers_are_told(
    store: Store, protocol: c.Protocol.ValueType, fields: list[str], is_told: bool
) -> None:
    found = [place("contact.email", field) for field in fields]
    header = place("credential.bearer_token", "authorization", location=d.HEADER)
    row = endpoint("/shop.Users/Get", [*found, header], protocol=protocol)
    store.add(package(offsets(0, 1), endpoints=[row]))
    assert one(store, "/shop.Users/Get").names_unknown == is_told
