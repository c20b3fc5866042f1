"""Explanations: stored once, shown at their field, bounded, forgotten with it."""

from functools import partial

import pytest
import sqlalchemy as sa

from cloud.doors.clusters.limits import check
from cloud.errors import RefusedError
from cloud.pages.endpoint import one
from cloud.pages.reports import Field, FieldsQuery
from cloud.store import bounds, forgetting, schema
from cloud.store.facts import seen_of
from cloud.store.store import Store
from tests.cloud.packages import endpoint, offsets, package, place, why
from tests.cloud.running import Cloud

CARD = ("financial.credit_card", "$.card")


def fields(store: Store) -> dict[str, Field]:
    with store.reading() as connection:
        (key,) = connection.scalars(sa.select(schema.endpoints.c.id))
        report = one(connection, key, FieldsQuery(uncertain=True))
    assert report is not None
    return {field.path: field for field in report.fields}


def explained(store: Store) -> int:
    with store.reading() as connection:
        counted = sa.select(sa.func.count()).select_from(schema.explanations)
        return connection.execute(counted).scalar_one()


def test_a_field_is_explained(store: Store) -> None:
    places = [place(*CARD, why=1), place(path="$.other")]
    store.add(package(endpoints=[endpoint("/a", places)], whys=[why()]))
    shown = fields(store)
    told = shown["$.card"].why
    assert told is not None
    assert (told.rule, told.validator, told.verdict) == ("pan", "luhn", "valid")
    assert (told.context, told.phrase) == (["key"], "card number")
    assert told.points["context"] == 2
    assert (told.likelihood, told.usual_sensitivity) == ("very_likely", "high")
    assert told.combination == "card & holder"
    assert shown["$.other"].why is None


def test_an_explanation_stays_and_the_last_one_counts(store: Store) -> None:
    store.add(package(endpoints=[endpoint("/a", [place(*CARD, why=1)])], whys=[why()]))
    again = endpoint("/a", [place(*CARD)])
    store.add(package(offsets(1, 2), endpoints=[again]))
    assert (told := fields(store)["$.card"].why)
    assert told.rule == "pan"
    other = endpoint("/a", [place(*CARD, why=1)])
    store.add(package(offsets(2, 3), endpoints=[other], whys=[why("track")]))
    assert (told := fields(store)["$.card"].why)
    assert told.rule == "track"


def test_the_same_explanation_is_stored_once(store: Store) -> None:
    places = [place(*CARD, why=1), place("contact.email", "$.b", why=1)]
    store.add(package(endpoints=[endpoint("/a", places)], whys=[why()]))
    assert explained(store) == 1


def test_explanations_are_bounded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bounds.MOST_OF_TABLE, "explanations", 3)
    places = [place("contact.email", f"$.a{n}", why=n + 1) for n in range(9)]
    told = [why(f"rule-{n}") for n in range(9)]
    store.add(package(endpoints=[endpoint("/a", places)], whys=told))
    assert explained(store) == 3
    store.add(
        package(offsets(1, 2), endpoints=[endpoint("/a", places)], whys=told[::-1])
    )
    assert explained(store) == 3
    assert len(fields(store)) == 9


@pytest.mark.parametrize(
    "changes",
    [
        {"points": [1, 2]},
        {"points": [0, 0, 0, 0, 99]},
        {"rule": "r" * 65},
        {"phrase": "p" * 254},
        {"context": ["key"] * 9},
        {"usual": 0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_no_explanation_is_refused(changes: dict[str, object]) -> None:
    told = why()
    for name, value in changes.items():
        told.ClearField(name)  # type: ignore[arg-type]
        if isinstance(value, list):
            getattr(told, name).extend(value)
        elif value:
            setattr(told, name, value)
    with pytest.raises(RefusedError, match=r"whys\[0\]"):
        check(package(endpoints=[endpoint("/a")], whys=[told]))


def test_a_reference_to_nothing_is_refused() -> None:
    sent = package(endpoints=[endpoint("/a", [place(*CARD, why=2)])], whys=[why()])
    with pytest.raises(RefusedError, match="why"):
        check(sent)


def test_it_is_forgotten_with_its_endpoint(store: Store) -> None:
    store.add(package(endpoints=[endpoint("/a", [place(*CARD, why=1)])], whys=[why()]))
    for step in forgetting.NAMES:
        store._writer.run(partial(step, before_ns=1 << 62)).result(10)
    assert explained(store) == 0


def test_the_page_says_why(cloud: Cloud) -> None:
    places = [place(*CARD, why=1)]
    told = package(endpoints=[endpoint("/a", places)], whys=[why("<pan>")])
    cloud.collector.Send(told, timeout=10)
    (row,) = cloud.get("/api/v1/endpoints").json()["endpoints"]
    page = cloud.get(f"/endpoints/{row['id']}").text
    assert '<details class="why">' in page
    assert "&lt;pan&gt;" in page
    assert "base +3 validator +1 context +2 doubt +0 cut +0 = very likely" in page


def test_values_in_error_answers_are_told_apart(store: Store) -> None:
    for first in (0, 1):
        places = [place(*CARD, count=5, errors=2), place(path="$.fine", count=5)]
        told = endpoint("/a", places)
        store.add(package(offsets(first, first + 1), endpoints=[told]))
    shown = fields(store)
    assert [(shown[p].count, shown[p].errors) for p in ("$.card", "$.fine")] == [
        (10, 4),
        (10, 0),
    ]
    with store.reading() as connection:
        (seen,) = connection.scalars(sa.select(schema.MINUTES.traffic.c.seen))
    assert sorted(seen_of(bytes(seen)).errors.values()) == [4]


def test_more_errors_than_values_are_refused() -> None:
    sent = package(endpoints=[endpoint("/a", [place(count=1, errors=2)])])
    with pytest.raises(RefusedError, match="errors"):
        check(sent)
