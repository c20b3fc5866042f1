"""Host names of one cluster that are workloads of another."""

import pytest

from cloud.pages.map.flows import Party
from cloud.pages.map.joins import joined

LEDGER = Party(1, "east", "pay", "Deployment", "ledger")


def outside(name: str, cluster: str = "west") -> Party:
    return Party(9, cluster, "", "External", name)


@pytest.mark.parametrize(
    "name",
    ["ledger.pay.svc.clusterset.local", "ledger.pay.global", "Ledger.pay.GLOBAL.:443"],
)
def test_service_of_several_clusters_is_found(name: str) -> None:
    assert joined([LEDGER, outside(name)]) == {9: 1}


@pytest.mark.parametrize(
    "name", ["ledger.pay.example", "ledger.global", "other.pay.global", "internet", ""]
)
def test_other_names_stay_outside(name: str) -> None:
    assert joined([LEDGER, outside(name)]) == {}


def test_two_that_it_may_be_are_none() -> None:
    twin = LEDGER._replace(id=2, cluster="north")
    assert joined([LEDGER, twin, outside("ledger.pay.global")]) == {}


def test_own_cluster_is_not_another() -> None:
    assert joined([LEDGER, outside("ledger.pay.global", "east")]) == {}
