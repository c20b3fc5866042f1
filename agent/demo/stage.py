"""What the demo sets up around its traffic: names, settings, a policy.

In: settings, the traffic and a folder that ends with the demo. Out: the roles of this
machine, ready, with names from the company's own Kubernetes API, an own store and free
ports; and a policy that comes with the program, switched on as a person would do it.
"""

import random
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from msgspec.structs import replace

from agent.cluster.addresses import INTERNET
from agent.demo.cluster import Cluster
from agent.demo.company import OFFICE, OUTSIDE, PODS, ROLL_OUT
from agent.settings import Settings, split_address
from cloud.visitor import Role

PACKAGE_SECONDS = 0.5
"""More often than usual, so that the dashboard follows."""
BASELINE_SECONDS = 4
"""All that the company does comes within a second."""
PORTS = range(20_000, 32_000)
POLICY_SET, POLICY = "pci-dss", "pci-card-outside"
CARDS = "financial.payment_card"
_ANSWER_SECONDS = 10.0

Addresses = Mapping[str, tuple[str, ...]]


class Places(NamedTuple):
    """Pages to look at first: why, and the address."""

    today: str
    violation: str
    cards: str

    @classmethod
    def of(cls, dashboard: str) -> "Places":
        base = dashboard.rstrip("/")
        return cls(
            f"{base}/",
            f"{base}/violations?{urlencode({'policy': POLICY})}",
            f"{base}/map?{urlencode({'type': CARDS})}",
        )

    def lines(self) -> Iterator[str]:
        yield f"What is new, the gravest first:        {self.today}"
        yield f"Cards that leave the company in clear: {self.violation}"
        yield f"Where card numbers go:                 {self.cards}"


@contextmanager
def naming(addresses: Addresses, folder: Path) -> Iterator[Cluster]:
    """The company's Kubernetes API, with the pods that run at first."""
    with Cluster(folder) as cluster:
        for name in PODS.keys() - set(ROLL_OUT.values()):
            cluster.run(name, addresses[name])
        yield cluster


def settings(
    given: Settings, cluster: Cluster, traffic: Addresses, folder: Path
) -> Settings:
    """With own names, an own store and free ports."""
    ranges = folder / "ranges.toml"
    ranges.write_text("".join(_ranges(traffic)))
    ports = _free_ports(3)
    addresses, collector = (f"127.0.0.1:{port}" for port in ports[:2])
    dashboard = given.cloud.listen
    if not _is_free(dashboard):
        dashboard = f"127.0.0.1:{ports[2]}"
    return replace(
        given,
        addresses=replace(
            given.addresses,
            file="",
            kubeconfig_file=str(cluster.file),
            ranges_file=str(ranges),
            listen=addresses,
            server=addresses,
        ),
        cloud=replace(
            given.cloud,
            listen=dashboard,
            collector_listen=collector,
            collector_certificate_file="",
            collector_key_file="",
            dashboard_certificate_file="",
            dashboard_key_file="",
            origin="",
            trusted_proxies="",
            token_file="",
            server=collector,
            ca_file="",
            baseline_seconds=BASELINE_SECONDS,
            database_url=f"sqlite:///{folder / 'demo.sqlite3'}",
        ),
        digger=replace(given.digger, package_seconds=PACKAGE_SECONDS),
    )


def switch_on(dashboard: str, key: Callable[[Role], str]) -> None:
    """Adopts the set of policies and switches one on. Raises OSError."""
    headers = {
        "authorization": f"Bearer {key(Role.EDITOR)}",
        "content-type": "application/x-www-form-urlencoded",
    }
    target = urlsplit(dashboard)
    for path, form in (
        ("/policies/adopt", {"set": POLICY_SET}),
        (f"/policies/{POLICY}/switch", {"is_on": "yes"}),
    ):
        host, port = target.hostname or "", target.port
        connection = HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
        try:
            connection.request("POST", path, urlencode(form), headers)
            status = connection.getresponse().status
        finally:
            connection.close()
        if status != 303:
            raise OSError(f"the dashboard answered {status} to {path}")


def _ranges(traffic: Addresses) -> Iterator[str]:
    """TOML of `agent.outside.ranges`: documentation's addresses count as public."""
    for name in OUTSIDE:
        called = OFFICE if name == OFFICE else INTERNET.name
        quoted = ", ".join(f'"{address}"' for address in traffic[name])
        yield f'[[range]]\nname = "{called}"\naddresses = [{quoted}]\n'


def _free_ports(count: int) -> list[int]:
    """Below those that the kernel gives to outgoing connections at any moment."""
    numbers = iter(random.sample(PORTS, 1000))
    free = (number for number in numbers if _is_free(f"127.0.0.1:{number}"))
    return list(islice(free, count))


def _is_free(listen: str) -> bool:
    try:
        socket.create_server(split_address(listen)).close()
    except OSError:
        return False
    return True
