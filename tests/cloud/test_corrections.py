"""Corrections are kept with reason and author, undone, and told to diggers."""

from contextlib import closing

import grpc
import pytest
from msgspec import structs

from cloud.doors.clusters.intake import Intake
from cloud.doors.clusters.rates import Limits, Rates
from cloud.errors import ForeignError, RefusedError
from cloud.store import corrections
from cloud.store.correcting import Corrections
from cloud.store.corrections import Correction, CorrectionError, Scope
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from proto.v1 import collector_pb2_grpc
from proto.v1 import detector_pb2 as d
from tests.cloud.running import collecting_openly

NOT_A_CARD = Correction(
    scope=Scope.PLACE,
    data_type="financial.payment_card",
    cluster="local",
    namespace="shop",
    kind="Deployment",
    name="shop-api",
    port=8000,
    method="GET",
    endpoint="/orders/{id}",
    direction=c.RESPONSE,
    location=d.BODY,
    path="$.number",
)
NO_VAT = Correction(scope=Scope.EVERYWHERE, data_type="financial.vat_id")


@pytest.fixture
def known(store: Store) -> Corrections:
    return Corrections(store, lambda: 7)


def told(store: Store, cluster: str = "local", revision: int = 0) -> c.CorrectResponse:
    with store.reading() as connection:
        return corrections.current(connection, cluster, revision)


def test_it_is_kept_with_reason_and_author(store: Store, known: Corrections) -> None:
    key = known.add(NOT_A_CARD, "an order's number", "ada")
    with store.reading() as connection:
        (kept,) = corrections.listed(connection)
    assert kept == corrections.Kept(
        *(key, NOT_A_CARD, "an order's number", "ada", 7, 0, "", ""), 1, 1
    )


def test_diggers_are_told_what_holds_in_their_cluster(
    store: Store, known: Corrections
) -> None:
    known.add(NOT_A_CARD, "x", "ada")
    known.add(NO_VAT, "x", "ada")
    ours, others = told(store), told(store, "other")
    assert {one.data_type for one in ours.corrections} == {
        *("financial.payment_card", "financial.vat_id"),
    }
    assert [one.data_type for one in others.corrections] == ["financial.vat_id"]
    card = next(one for one in ours.corrections if one.path)
    assert (card.workload.name, card.port, card.endpoint, card.direction) == (
        *("shop-api", 8000, "/orders/{id}", c.RESPONSE),
    )
    again = told(store, revision=ours.revision)
    assert (again.unchanged, again.revision) == (True, ours.revision)
    assert not again.corrections


def test_what_is_undone_is_told_no_more_and_stays(
    store: Store, known: Corrections
) -> None:
    key = known.add(NO_VAT, "x", "ada")
    before = told(store).revision
    assert known.undo(key, "bob")
    assert not known.undo(key, "eve")
    after = told(store, revision=before)
    assert (after.unchanged, list(after.corrections)) == (False, [])
    assert after.revision > before
    with store.reading() as connection:
        (kept,) = corrections.listed(connection)
    assert (kept.undone_ns, kept.undone_by) == (7, "bob")


@pytest.mark.parametrize(
    ("correction", "words"),
    [
        (structs.replace(NOT_A_CARD, path=""), "needs path"),
        (structs.replace(NOT_A_CARD, scope=Scope.WORKLOAD), "has no port"),
        (structs.replace(NO_VAT, name="x"), "has no name"),
        (structs.replace(NO_VAT, data_type="VAT"), "data_type"),
        (structs.replace(NO_VAT, becomes="Not One"), "no name of a data type"),
        (structs.replace(NO_VAT, becomes=NO_VAT.data_type), "already"),
        (structs.replace(NO_VAT, cluster="c" * 254), "too long"),
        (structs.replace(NO_VAT, sensitivity=9), "number"),
    ],
)
def test_what_is_not_complete_is_refused(
    known: Corrections, correction: Correction, words: str
) -> None:
    with pytest.raises(CorrectionError, match=words):
        known.add(correction, "x", "ada")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1_001])
def test_a_reason_is_needed(known: Corrections, reason: str) -> None:
    with pytest.raises(CorrectionError, match="reason"):
        known.add(NO_VAT, reason, "ada")


def test_they_are_bounded(
    store: Store, known: Corrections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "MOST_HOLDING", 2)
    first = known.add(NO_VAT, "x", "ada")
    known.add(NOT_A_CARD, "x", "ada")
    with pytest.raises(CorrectionError, match="too many"):
        known.add(NOT_A_CARD, "x", "ada")
    known.undo(first, "ada")
    known.add(NOT_A_CARD, "x", "ada")
    monkeypatch.setattr(corrections, "MOST_ROWS", 3)
    with pytest.raises(CorrectionError, match="too many"):
        known.add(NO_VAT, "x", "ada")
    assert len(told(store).corrections) == 2


def test_a_digger_asks_over_grpc(store: Store, known: Corrections) -> None:
    known.add(NO_VAT, "x", "ada")
    with (
        collecting_openly(store) as port,
        closing(grpc.insecure_channel(f"127.0.0.1:{port}")) as channel,
    ):
        stub = collector_pb2_grpc.CollectorStub(channel)
        answer = stub.Correct(c.CorrectRequest(cluster="local"), timeout=10)
        assert [one.data_type for one in answer.corrections] == ["financial.vat_id"]
        with pytest.raises(grpc.RpcError) as raised:
            stub.Correct(c.CorrectRequest(), timeout=10)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_another_clusters_corrections_are_not_told(store: Store) -> None:
    intake = Intake(store, Rates(Limits()))
    asked = c.CorrectRequest(cluster="local").SerializeToString()
    assert intake.correct("local", asked) == told(store).SerializeToString()
    with pytest.raises(ForeignError):
        intake.correct("other", asked)
    with pytest.raises(RefusedError):
        intake.correct("local", b"\xff\xff")
