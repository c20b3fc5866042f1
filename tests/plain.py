"""Pytest plugin (-p tests.plain): imports sources where compiled modules stand too."""

import sys
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RINGS = (path.parent for path in (ROOT / "rings").glob("*/__init__.py"))
OURS = (
    *(str(ROOT / package) for package in ("rings", "detection")),
    *(str(ROOT / "agent" / package) for package in ("digger", "naming")),
    *(str(ROOT / "cloud" / package) for package in ("store", "doors/clusters")),
    *map(str, RINGS),
)


def _source_only(path: str) -> FileFinder:
    if path not in OURS:
        raise ImportError
    return FileFinder(path, (SourceFileLoader, [".py"]))


sys.path_hooks.insert(0, _source_only)
sys.path_importer_cache.clear()
