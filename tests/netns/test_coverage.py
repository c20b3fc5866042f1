"""Coverage from the ring to the dashboard: each byte of an interface has a bucket."""

import json
import threading
import urllib.request
from pathlib import Path
from typing import Any

from agent.interceptor.reading.witness import HEADER_BYTES
from agent.loading import load
from agent.settings import Settings
from agent.standalone import Standalone
from tests.netns.capturing import WAIT_SECONDS, packed, wait_for
from tests.netns.pods import Node
from tests.netns.web import CLIENT, SERVER, requests_done, web
from tests.ports import free_port

_NAMES = """
[[workload]]
name = "shop"
addresses = ["{server}"]

[[workload]]
name = "client"
addresses = ["{client}"]
"""


def test_the_dashboard_accounts_for_what_the_interfaces_carried(
    node: Node, tmp_path: Path
) -> None:
    stop = threading.Event()
    with web(node, tmp_path, pad=2000) as site, _standalone(tmp_path, stop) as line:
        assert line.ready(90)
        pods = frozenset(map(packed, (SERVER, CLIENT)))
        wait_for(lambda: line.monitors(pods))
        requests_done(site.start(3, 4, delay_ms=10))
        served = site.served()
        assert line.quiesce(WAIT_SECONDS)
        wait_for(lambda: _count(_parts(line)["shop"], "pairs") == served)
        parts = _parts(line)
    for name in ("shop", "client"):
        part = parts[name]
        packets = _count(part, "interface_packets")
        carried = _count(part, "interface_bytes") - HEADER_BYTES * packets
        told = sum(reason["bytes"] for reason in part["coverage"]["reasons"])
        assert served > 500
        assert 0.97 < told / carried < 1.01
    reasons = {reason["reason"] for reason in parts["shop"]["coverage"]["reasons"]}
    assert "paired" in reasons
    assert "elsewhere" in {r["reason"] for r in parts["client"]["coverage"]["reasons"]}


def _standalone(folder: Path, stop: threading.Event) -> Standalone:
    names = folder / "names.toml"
    names.write_text(_NAMES.format(server=SERVER, client=CLIENT))
    return Standalone(_settings(folder, names), stop)


def _settings(folder: Path, names: Path) -> Settings:
    addresses, collector = (f"127.0.0.1:{free_port()}" for _ in range(2))
    flags = {
        "addresses-file": str(names),
        "addresses-listen": addresses,
        "addresses-server": addresses,
        "cloud-listen": "127.0.0.1:0",
        "cloud-collector-listen": collector,
        "cloud-server": collector,
        "cloud-database-url": f"sqlite:///{folder / 'store.sqlite3'}",
        "digger-package-seconds": "0.3",
    }
    return load(environment={}, flags=flags)


def _parts(line: Standalone) -> dict[str, Any]:
    """Workload → its part of the report."""
    address = line.dashboard.rstrip("/") + "/api/v1/coverage"
    headers = {"authorization": f"Bearer {line.key()}"}
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        report = json.load(answer)
    parts = {part["workload"]["name"]: part for part in report["parts"]}
    empty = {"counts": [], "coverage": {"reasons": []}}
    return {"shop": empty, "client": empty} | parts


def _count(part: dict[str, Any], reason: str) -> int:
    return sum(c["count"] for c in part["counts"] if c["reason"] == reason)
