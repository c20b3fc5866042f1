"""Secrets of providers that the catalog does not know: what the other rules find.

The formats of providers are left out of the catalog, all of them, which says what to
expect of a token whose provider has no format there.
"""

from benchmarks.detection.labels import Labelled
from benchmarks.detection.values import count
from detection.catalog import BUILT_IN, read
from detection.database import default_cache
from detection.scanner import Scanner


def report(rows: list[Labelled]) -> None:
    """Prints the share of labelled secrets that are still found."""
    files = sorted(set(BUILT_IN.glob("*.yaml")) - set(BUILT_IN.glob("apikey-*.yaml")))
    scanner = Scanner(read(files), default_cache())
    counts = count(scanner, [row for row in rows if row.kind == "secret"])
    print("secrets without the formats of providers: ", end="")
    for setting in ("neutral", "telling", "sentence"):
        cell = counts["secret", setting]
        print(f"{setting} {cell['found valid'] / cell['valid']:.3f}", end=" ")
    print()
