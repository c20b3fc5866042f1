"""Flows as they stand in a real store, by filter."""

import pytest

from cloud.pages.map.flows import Filter, Flows, Show, read
from cloud.store.store import Store
from cloud.store.windows import Window
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import SECOND, START, endpoint, offsets, package, place

HOUR = 3_600


def workload(text: str) -> c.Workload:
    namespace, _, name = text.partition("/")
    if not name:
        return c.Workload(kind="External", name=namespace)
    return c.Workload(namespace=namespace, kind="Deployment", name=name)


def flow(
    client: str, server: str, places: list[c.Place] | None = None, at: int = START
) -> c.Endpoint:
    return endpoint(
        f"/{client}/{server}",
        places or [],
        server=workload(server),
        client=workload(client),
        at=at,
    )


@pytest.fixture
def filled(store: Store) -> Store:
    card = place("financial.card", "$.card", d.HIGH, count=3, direction=c.REQUEST)
    email = place(count=5, direction=c.RESPONSE)
    sent = place(count=2, direction=c.REQUEST)
    doubtful = place("id.us_ssn", "$.n", d.HIGH, d.POSSIBLE, direction=c.REQUEST)
    rows = [
        flow("internet", "web/gate"),
        flow("web/gate", "shop/orders", [email, sent]),
        flow("shop/orders", "pay/check", [card, doubtful]),
        flow("pay/check", "cards.example", [card]),
        flow("shop/stock", "cards.example"),
    ]
    old = flow("shop/stock", "shop/base", at=START - 30 * HOUR * SECOND)
    store.add(package(offsets(0, 1), endpoints=[old], at=START - 30 * HOUR * SECOND))
    store.add(package(offsets(1, 2), endpoints=rows))
    other = [flow("web/gate", "shop/orders")]
    facts = c.WorkloadFacts(
        workload=workload("web/gate"),
        owner="ann",
        part_of="front",
        labels={"tier": "edge"},
    )
    sent_there = package(offsets(0, 1), endpoints=other, cluster="west")
    sent_there.workloads.append(facts)
    store.add(sent_there)
    return store


def asked(store: Store, **wanted: object) -> Flows:
    with store.reading() as connection:
        return read(connection, Filter(**wanted))  # type: ignore[arg-type]


def ends(found: Flows) -> set[str]:
    def name(party: int) -> str:
        told = found.parties[party]
        return f"{told.cluster[:1]}:{told.name}"

    return {f"{name(flow.client)} {name(flow.server)}" for flow in found.flows}


def test_all_flows_with_their_types_and_ways(filled: Store) -> None:
    found = asked(filled)
    assert found.total == len(found.flows) == 7
    assert found.flows[0].sensitivity == d.HIGH
    (types,) = (
        flow.types
        for flow in found.flows
        if flow.types and flow.types[0].data_type == "contact.email"
    )
    assert [tuple(one) for one in types] == [("contact.email", d.MEDIUM, 7, 5)]
    assert types[0].is_sent
    assert types[0].is_returned
    assert not any("ssn" in t.data_type for f in found.flows for t in f.types)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"cluster": "west"}, {"w:gate w:orders"}),
        (
            {"namespace": "pay"},
            {"l:orders l:check", "l:check l:cards.example"},
        ),
        (
            {"data_type": "financial.card"},
            {"l:orders l:check", "l:check l:cards.example"},
        ),
        ({"data_type": "contact.email"}, {"l:gate l:orders"}),
        (
            {"sensitivity": d.HIGH},
            {"l:orders l:check", "l:check l:cards.example"},
        ),
        ({"direction": "returned"}, {"l:gate l:orders"}),
        (
            {"direction": "returned", "data_type": "financial.card"},
            set(),
        ),
        ({"group": "front"}, {"w:gate w:orders"}),
        ({"group": "ann"}, {"w:gate w:orders"}),
        ({"group": "nobody"}, set()),
        ({"label": "tier=edge"}, {"w:gate w:orders"}),
        ({"label": "tier"}, {"w:gate w:orders"}),
        ({"label": "tier=core"}, set()),
        ({"label": "edge"}, set()),
    ],
)
def test_filters(filled: Store, wanted: dict[str, object], expected: set[str]) -> None:
    found = asked(filled, **wanted)
    assert ends(found) == expected
    assert found.total == len(expected)


@pytest.mark.parametrize(
    ("show", "back", "expected"),
    [
        ("there", HOUR, 6),
        ("there", 48 * HOUR, 7),
        ("new", HOUR, 6),
        ("new", 24 * HOUR, 6),
        ("gone", HOUR, 0),
        ("gone", 24 * HOUR, 1),
    ],
)
def test_windows(filled: Store, show: Show, back: int, expected: int) -> None:
    now = START // SECOND + 600
    found = asked(filled, window=Window(now - back, now), show=show)
    assert len(found.flows) == expected


def test_neighbours_and_theirs(filled: Store) -> None:
    everything = asked(filled)
    key = {p.name: p.id for p in everything.parties.values() if p.cluster == "local"}
    near = asked(filled, around=key["orders"])
    assert ends(near) == {"l:gate l:orders", "l:orders l:check"}
    further = asked(filled, around=key["orders"], hops=2)
    assert ends(further) == {
        *("l:internet l:gate", "l:gate l:orders", "l:orders l:check"),
        "l:check l:cards.example",
    }
    # Who also asks the same party outside is no neighbour of a neighbour.
    assert "l:stock l:cards.example" not in ends(
        asked(filled, around=key["check"], hops=2)
    )
    outside = asked(filled, around=key["cards.example"])
    assert ends(outside) == {"l:check l:cards.example", "l:stock l:cards.example"}


def test_protocol_chooses_flows_with_an_endpoint_that_is_asked_by_it(
    store: Store,
) -> None:
    rows = [
        endpoint("/a", server=workload("pay/ledger"), client=workload("web/front")),
        endpoint("/b", server=workload("pay/ledger"), client=workload("shop/api")),
    ]
    called = endpoint("/c", server=workload("pay/ledger"), client=workload("shop/api"))
    called.protocol = c.GRPC
    store.add(package(offsets(0, 1), endpoints=[*rows, called]))
    assert len(asked(store).flows) == 2
    assert len(asked(store, protocol="http/1").flows) == 2
    [found] = asked(store, protocol="grpc").flows
    names = asked(store, protocol="grpc").parties
    assert (names[found.client].name, names[found.server].name) == ("api", "ledger")
    assert asked(store, protocol="http/2").flows == []
