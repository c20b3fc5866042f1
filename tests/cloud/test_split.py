"""Clusters do not meet in the store: each may have a database of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloud.store import schema
from cloud.store.store import Store
from tests.cloud import packages
from tests.cloud.packages import SECOND, START
from tests.cloud.test_store import content

NOW = START // SECOND


def fill(url: str, clusters: tuple[str, ...], clock: Callable[[], int]) -> Store:
    """Stores the shop for each cluster, and rolls it up."""
    store = Store(url, clock=clock)
    for cluster in clusters:
        sent = packages.shop()
        sent.cluster = cluster
        assert store.add(sent)
    return store


def timeless(found: dict[str, list[tuple[object, ...]]]) -> dict[str, Any]:
    """Without the moments of changes: those of one database follow each other."""
    stored = list(schema.changes.c.keys()).index("stored_ns")
    rows = [(*row[:stored], *row[stored + 1 :]) for row in found["changes"]]
    return {**found, "changes": sorted(rows)}


def test_one_database_holds_what_one_a_cluster_would(
    database_url: str, tmp_path: Path
) -> None:
    now = [NOW]
    urls = {
        database_url: ("one", "two"),
        f"sqlite:///{tmp_path}/one.sqlite3": ("one",),
        f"sqlite:///{tmp_path}/two.sqlite3": ("two",),
    }
    stores = [fill(url, names, lambda: now[0]) for url, names in urls.items()]
    for later in (0, 3, 95):
        now[0] = NOW + later * 86_400
        for store in stores:
            store.keeper.run_once()
        whole, one, two = (timeless(content(store)) for store in stores)
        for name in whole.keys() - {"job", "moments"}:
            assert whole[name] == sorted([*one[name], *two[name]]), name
    for store in stores:
        store.close()
