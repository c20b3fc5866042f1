"""Pytest plugin (-p tests.plain): imports sources where compiled modules stand too."""

import sys
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = tuple(
    str(ROOT / package)
    for package in ("rings", "detection", "agent/digger", "agent/naming")
)


def _source_only(path: str) -> FileFinder:
    if path not in OURS:
        raise ImportError
    return FileFinder(path, (SourceFileLoader, [".py"]))


sys.path_hooks.insert(0, _source_only)
sys.path_importer_cache.clear()
