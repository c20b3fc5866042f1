"""What catalogs say of data types reaches the store."""

import pytest

from cloud.doors.clusters.limits import check
from cloud.errors import RefusedError
from cloud.store import bounds, catalogs
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import offsets, package


def known(name: str = "financial.iban", **more: object) -> d.DataType:
    told = d.DataType(name=name, title="IBAN", sensitivity=d.HIGH, tags=["gdpr", "a"])
    for key, value in more.items():
        setattr(told, key, value)
    return told


def sent(*told: d.DataType, first: int = 0, cluster: str = "local") -> c.Package:
    made = package(offsets(first, first + 1), cluster=cluster)
    made.data_types.extend(told)
    return made


def test_titles_and_tags_are_read(store: Store) -> None:
    store.add(sent(known(title="Old")))
    store.add(sent(known(), first=1))
    other = known(title="Other")
    other.tags[:] = ["pci_dss"]
    store.add(sent(other, known("a.b"), cluster="other"))
    with store.reading() as connection:
        all_ = catalogs.data_types(connection)
        of_other = catalogs.data_types(connection, ["other"])
        tags = catalogs.tags(connection)
    assert all_["financial.iban"] == catalogs.DataType(
        "IBAN", d.HIGH, frozenset(("gdpr", "a", "pci_dss"))
    )
    assert of_other["financial.iban"].title == "Other"
    assert tags["a.b"] == frozenset(("gdpr", "a"))


def test_they_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bounds.MOST_OF_TABLE, "catalog_types", 3)
    for first in (0, 1):
        store.add(sent(*(known(f"a.b{n}") for n in range(9)), first=first))
    with store.reading() as connection:
        assert len(catalogs.data_types(connection)) == 3


@pytest.mark.parametrize(
    "told",
    [
        known("IBAN"),
        known(title="t" * 201),
        d.DataType(name="a.b", title="t"),
        d.DataType(name="a.b", sensitivity=d.LOW, tags=["<b>"]),
        d.DataType(name="a.b", sensitivity=d.LOW, tags=["a"] * 21),
    ],
    ids=["name", "title", "sensitivity", "tag", "tags"],
)
def test_what_is_no_data_type_is_refused(told: d.DataType) -> None:
    with pytest.raises(RefusedError, match=r"data_types\[0\]"):
        check(sent(told))


def test_own_and_turned_off_types_are_told_apart(store: Store) -> None:
    store.add(sent(known("a.own", is_own=True), known("a.off", is_off=True)))
    store.add(sent(known("a.off"), cluster="other"))
    with store.reading() as connection:
        of_all = catalogs.data_types(connection)
        of_local = catalogs.data_types(connection, ["local"])
    assert of_all["a.own"].is_own
    assert not of_all["a.own"].is_off
    assert of_local["a.off"].is_off
    assert not of_all["a.off"].is_off, "another cluster looks for it"
