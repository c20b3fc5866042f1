"""`vethscope run` on a node with pods and no names, as somebody tries it first."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.netns.capturing import ask, forwarding, serving
from tests.netns.pods import NET, Node
from tests.ports import free_port
from tests.waiting import eventually

PORT = 8000
SERVER, CLIENT = f"{NET}.98", f"{NET}.102"
COUNT = 60
END_SECONDS = 20.0


@contextmanager
def running(folder: Path) -> Iterator[urllib.request.Request]:
    """All roles; gives what asks the dashboard for endpoints, once it answers."""
    dashboard, collector, addresses = (f"127.0.0.1:{free_port()}" for _ in range(3))
    flags = {
        "cloud-listen": dashboard,
        "cloud-collector-listen": collector,
        "cloud-server": collector,
        "cloud-database-url": f"sqlite:///{folder / 'store.sqlite3'}",
        "addresses-listen": addresses,
        "addresses-server": addresses,
        "digger-package-seconds": "0.5",
    }
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", "run", *words],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        assert any("reads" in line for line in process.stderr)
        key = subprocess.check_output(
            [
                *(sys.executable, "-m", "agent.cli", "cloud", "key", "create", "test"),
                *("--cloud-database-url", flags["cloud-database-url"]),
            ],
            text=True,
        )
        yield urllib.request.Request(
            f"http://{dashboard}/endpoints.json",
            headers={"authorization": f"Bearer {key.strip()}"},
        )
    finally:
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0, told


def endpoints(dashboard: urllib.request.Request) -> list[dict[str, Any]]:
    """Those of the test's own server."""
    with urllib.request.urlopen(dashboard, timeout=5) as answer:
        listed = json.load(answer)["endpoints"]
    return [one for one in listed if one["server"]["name"] == SERVER]


def test_pods_without_names_appear_by_their_addresses(
    node: Node, tmp_path: Path
) -> None:
    server, client = node.gateway(SERVER), node.gateway(CLIENT)
    with forwarding(), serving(server, PORT), running(tmp_path) as dashboard:
        assert ask(client, SERVER, PORT, COUNT) == COUNT
        assert eventually(
            lambda: sum(one["pairs"] for one in endpoints(dashboard)) == COUNT
        )
        for one in endpoints(dashboard):
            assert [c["name"] for c in one["clients"]] == [CLIENT]
            assert ip_address(one["server"]["name"])
