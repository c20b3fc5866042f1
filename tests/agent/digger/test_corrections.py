"""Findings are packed as people corrected them."""

import threading
from collections.abc import Iterator

import grpc
import pytest
from msgspec import structs

from agent.cluster.addresses import Workload
from agent.digger import corrections
from agent.digger.corrections import Corrections
from agent.digger.package import REQUEST, RESPONSE, Edge, Unnamed
from detection.finding import Finding, Likelihood, Location, Sensitivity
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.waiting import eventually

SERVER = Workload("shop", "Deployment", "orders")
EDGE = Edge(SERVER, SERVER, 8080, "GET", "/orders/{id}", "query Order")
CARD = Finding(
    *("financial.payment_card", Location.BODY, "$.number"),
    *(Sensitivity.HIGH, Likelihood.LIKELY, 3),
)
EMAIL = structs.replace(CARD, data_type="contact.email", path="$.mail")
WORKLOAD = c.Workload(namespace="shop", kind="Deployment", name="orders")
ENDPOINT = {
    "workload": WORKLOAD,
    "port": 8080,
    "method": "GET",
    "endpoint": "/orders/{id} query Order",
}
PLACE = ENDPOINT | {"direction": c.RESPONSE, "location": d.BODY, "path": "$.number"}


def corrected(*told: c.Correction) -> Corrections:
    known = Corrections()
    known.take(c.CorrectResponse(revision=1, corrections=told))
    return known


@pytest.mark.parametrize(
    "named", [PLACE, ENDPOINT, {"workload": WORKLOAD}, {}], ids=[*"pewa"]
)
def test_what_is_none_is_left_out(named: dict[str, object]) -> None:
    known = corrected(c.Correction(data_type=CARD.data_type, **named))  # type: ignore[arg-type]
    assert known.apply(EDGE, RESPONSE, [CARD, EMAIL]) == [EMAIL]


@pytest.mark.parametrize(
    ("edge", "direction", "finding"),
    [
        (EDGE._replace(port=80), RESPONSE, CARD),
        (EDGE._replace(operation=""), RESPONSE, CARD),
        (EDGE._replace(server=Unnamed(b"1234")), RESPONSE, CARD),
        (EDGE._replace(server=SERVER._replace(name="users")), RESPONSE, CARD),
        (EDGE, REQUEST, CARD),
        (EDGE, RESPONSE, structs.replace(CARD, path="$.other")),
        (EDGE, RESPONSE, structs.replace(CARD, data_type="financial.iban")),
    ],
)
def test_other_places_stay(edge: Edge, direction: int, finding: Finding) -> None:
    known = corrected(c.Correction(data_type=CARD.data_type, **PLACE))  # type: ignore[arg-type]
    assert known.apply(edge, direction, [finding]) == [finding]


def test_what_is_another_type_is_told_as_found() -> None:
    """The cloud makes the other type of it, and can undo that."""
    known = corrected(c.Correction(data_type=CARD.data_type, becomes="own.order"))
    assert known.apply(EDGE, RESPONSE, [CARD]) == [CARD]


def test_what_says_most_wins() -> None:
    known = corrected(
        c.Correction(data_type=CARD.data_type),
        c.Correction(becomes="own.order", **PLACE),  # type: ignore[arg-type]
    )
    assert known.apply(EDGE, REQUEST, [CARD]) == []
    assert known.apply(EDGE, RESPONSE, [CARD]) == [CARD]


def test_names_that_the_cloud_would_refuse_are_left_out() -> None:
    known = corrected(c.Correction(data_type=CARD.data_type, becomes="Jane Doe"))
    assert known.apply(EDGE, RESPONSE, [CARD]) == [CARD]


def test_without_changes_and_without_the_cloud_what_was_heard_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(corrections, "ASK_SECONDS", 0.01)
    known, stop, asked = Corrections(), threading.Event(), list[int]()

    def answers() -> Iterator[c.CorrectResponse]:
        none = c.Correction(data_type=CARD.data_type)
        yield c.CorrectResponse(revision=4, corrections=[none])
        yield c.CorrectResponse(revision=4, unchanged=True)

    coming = answers()

    def ask(revision: int) -> c.CorrectResponse:
        asked.append(revision)
        if (answer := next(coming, None)) is None:
            raise Away
        return answer

    thread = threading.Thread(target=known.follow, args=(ask, stop))
    thread.start()
    assert eventually(lambda: len(asked) > 3)
    stop.set()
    thread.join(5)
    assert asked[:3] == [0, 4, 4]
    assert known.apply(EDGE, RESPONSE, [CARD]) == []


class Away(grpc.RpcError):
    """As gRPC raises it."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE
