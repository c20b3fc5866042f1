"""`vethscope run` on a node with pods and no names, as somebody tries it first."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from agent.kafka.embedded import SECOND
from tests.netns.capturing import ask, forwarding, serving
from tests.netns.pods import NET, NET_6, Node, Pod
from tests.ports import free_port
from tests.waiting import eventually

PORT = 8000
SERVER, CLIENT = f"{NET}.98", f"{NET}.102"
COUNT = 60
END_SECONDS = 20.0
ASK = """
import sys, urllib.request
key = {"authorization": f"Bearer {sys.argv[2]}"}
request = urllib.request.Request(sys.argv[1], headers=key)
sys.stdout.buffer.write(urllib.request.urlopen(request, timeout=5).read())
"""


@contextmanager
def running(folder: Path, host: Pod | None = None) -> Iterator[list[str]]:
    """All roles, on this host or another; gives the command that asks the dashboard for
    endpoints, once it answers."""
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
    inside = ["ip", "netns", "exec", host.name] if host else []
    process = subprocess.Popen(
        [*inside, sys.executable, "-m", "agent.cli", "run", *words],
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
        url = f"http://{dashboard}/api/v1/endpoints"
        yield [*inside, sys.executable, "-c", ASK, url, key.strip()]
    finally:
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0, told


def endpoints(asking: list[str], server: str = SERVER) -> list[dict[str, Any]]:
    """Those of the test's own server."""
    listed = json.loads(subprocess.check_output(asking, timeout=30))["endpoints"]
    return [one for one in listed if one["server"]["name"] == server]


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
        assert eventually(lambda: agents(tmp_path) == [("ready", os.uname().release)])


def test_on_a_host_without_an_ipv4_address(node: Node, tmp_path: Path) -> None:
    host = node.routed(f"{NET_6}:7::2/64")
    server = f"{NET_6}:8::2"
    pod = node.inner(host, f"{NET_6}:8::1/64", f"{server}/64")
    with serving(pod, PORT), running(tmp_path, host) as dashboard:
        assert SECOND in _loopback(host)
        assert ask(host, server, PORT, COUNT) == COUNT
        assert eventually(
            lambda: sum(one["pairs"] for one in endpoints(dashboard, server)) == COUNT
        )
    assert SECOND not in _loopback(host)


def test_without_the_right_to_add_one_it_says_which_setting_helps(node: Node) -> None:
    host = node.routed(f"{NET_6}:7::2/64")
    run = subprocess.run(
        [
            *("ip", "netns", "exec", host.name),
            *("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"),
            *(sys.executable, "-m", "agent.cli", "run"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "kafka.bootstrap: name a Kafka cluster" in run.stderr
    assert "Traceback" not in run.stderr


def _loopback(host: Pod) -> str:
    return subprocess.check_output(
        ["ip", "-n", host.name, "address", "show", "dev", "lo"], text=True
    )


def agents(folder: Path) -> list[tuple[str, str]]:
    """State and kernel of each interceptor that told of itself."""
    with closing(sqlite3.connect(folder / "store.sqlite3")) as store:
        return store.execute("SELECT state, kernel FROM nodes").fetchall()
