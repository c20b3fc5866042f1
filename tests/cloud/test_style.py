"""The page about the look names every part, and none that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = (ROOT / "cloud/pages/templates/parts.html").read_text()
STYLES = (ROOT / "cloud/pages/static/style.css").read_text()
MARKUP = "".join(
    file.read_text() for file in (ROOT / "cloud/pages/templates").rglob("*.html")
)
PAGE = (ROOT / "docs/style.md").read_text()
ROWS = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
NAMED = {name for row in ROWS for name in re.findall(r"`([^`]+)`", row)}


COVERING = {
    f"covering.{macro}"
    for macro in re.findall(
        r"{% macro (\w+)", (ROOT / "cloud/pages/templates/covering.html").read_text()
    )
}


def test_each_macro_of_the_parts_is_named() -> None:
    macros = set(re.findall(r"{% macro (\w+)", PARTS))
    assert len(macros) > 20
    assert macros - NAMED == set()


def test_each_part_that_is_named_is_there() -> None:
    macros = set(re.findall(r"{% macro (\w+)", PARTS))
    for name in NAMED - macros - COVERING - {"base.html", "data-label", "h2"}:
        tag, _, kind = name.rpartition(".")
        assert name in STYLES, name
        assert f"<{tag}" in MARKUP, name
        assert kind.lstrip("#") in MARKUP, name
