"""Each setting and each number of the cloud is named where operators look for it."""

import re
from pathlib import Path

from agent.settings import Cloud as Settings
from tests.cloud.running import Cloud

DOCS = Path(__file__).parents[2] / "docs"
WORDS = ("listen", "server", "origin")
"""Settings whose name alone says nothing."""


def test_settings_are_named() -> None:
    told = "".join(page.read_text() for page in sorted(DOCS.glob("*.md")))
    for name in Settings.__struct_fields__:
        before = r"cloud\." if name in WORDS else r"\b"
        assert re.search(rf"{before}{name}\b", told), f"cloud.{name}"


def test_metrics_are_named(cloud: Cloud) -> None:
    told = (DOCS / "operation.md").read_text()
    names = {one.name for one in cloud.measures()}
    assert {"vethscope_cloud_alerts_total", "vethscope_cloud_store_up"} <= names
    for name in names:
        assert f"`{name}" in told, name
