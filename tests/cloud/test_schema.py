"""Keys and merge rules of the tables."""

import pytest
from sqlalchemy import Table

from cloud.store import schema
from cloud.store.schema import Merge, identities, identity


def test_identity_is_stable_and_fits_63_bits() -> None:
    assert identity("endpoint", 1, "GET", "/") == 2113257692324685783
    assert all(0 <= identity(n) < 1 << 63 for n in range(1_000))


def test_identity_tells_parts_apart() -> None:
    assert identity("a", "bc") != identity("ab", "c")
    assert identity("1") != identity(1)


def test_identities_are_those_of_all_parts() -> None:
    key_of = identities("place", 1)
    for rest in ((2, "it's"), (-1, "ü\n", 0), ("", "")):
        assert key_of(*rest) == identity("place", 1, *rest)


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda t: t.name)
def test_columns_that_merge_are_no_keys(table: Table) -> None:
    merging = {c.name for c in table.c if c.info.get("merge")}
    assert not merging & {c.name for c in table.primary_key}


def test_totals_merge_alike_on_endpoints_and_traffic() -> None:
    rules = [
        {c.name: c.info["merge"] for c in table.c if "merge" in c.info}
        for table in (schema.endpoints, schema.traffic)
    ]
    only_at_endpoints = {"names": Merge.TOLD}
    assert rules[0] | {"protocol": Merge.LATEST} == rules[1] | only_at_endpoints
    assert rules[0]["sensitivity"] is Merge.GREATEST
