"""What the map of 2,000 services costs: `python -m benchmarks.map [--services N]`.

Fills a store with the flows of many services in forty namespaces of five clusters, with
parties outside, then asks for the map at each level. Printed: CPU milliseconds with
nothing kept from before and with the drawing kept, wall milliseconds, kilobytes of the
page. Last the layout alone, of graphs far larger than any that is drawn.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from benchmarks import targets
from benchmarks.cloud.asking import Asking
from cloud.pages.kept import Kept
from cloud.pages.map.layout.picture import Box, lay_out
from cloud.pages.site import application
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import endpoint, offsets, package, place

CLUSTERS, NAMESPACES, OUTSIDE = 5, 8, 60
TYPES = [
    ("financial.payment_card", d.HIGH),
    ("credential.bearer_token", d.HIGH),
    ("personal.birth_date", d.HIGH),
    ("contact.email", d.MEDIUM),
    ("personal.name", d.MEDIUM),
    ("contact.postal_code", d.LOW),
    ("network.ip_address", d.LOW),
]
TIMES = 5
AIM_MS, AIM_KB = 300, 150


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=2_000)
    options = parser.parse_args()
    targets.print_machine()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder)}/cloud.sqlite3")
        for sent in packages(options.services):
            store.add(sent)
        _read(store)
        store.close()
    _lay_out()
    return 0


def packages(services: int, seed: int = 7) -> Iterator[c.Package]:
    """One a cluster."""
    chance = random.Random(seed)
    each = services // CLUSTERS
    for cluster in range(CLUSTERS):
        rows = [
            _row(chance, number, server)
            for number in range(each)
            for server in _servers(chance, number)
        ]
        yield package(offsets(0, 1), endpoints=rows, cluster=f"cluster-{cluster}")


def _servers(chance: random.Random, number: int) -> list[c.Workload]:
    """Whom a service asks: a few near ones, now and then a hub or somebody outside."""
    asked = [_service(chance.randrange(8))] if chance.random() < 0.15 else []
    asked += [_service(chance.randrange(number + 1)) for _ in range(2)]
    if chance.random() < 0.08:
        name = f"api-{chance.randrange(OUTSIDE)}.partner.example"
        asked.append(c.Workload(kind="External", name=name))
    return asked


def _service(number: int) -> c.Workload:
    return c.Workload(
        namespace=f"team-{number % NAMESPACES}",
        kind="Deployment",
        name=f"service-with-a-name-{number}",
    )


def _row(chance: random.Random, number: int, server: c.Workload) -> c.Endpoint:
    client = c.Workload(kind="External", name="internet")
    found = [
        place(name, f"$.f{n}", sensitivity, direction=chance.choice((1, 2)))
        for n, (name, sensitivity) in enumerate(chance.sample(TYPES, 3))
    ]
    return endpoint(
        f"/v1/{number}",
        found if chance.random() < 0.7 else [],
        pairs=chance.randint(1, 5_000),
        server=server,
        client=_service(number) if number else client,
    )


def _read(store: Store) -> None:
    pages = application(store)
    asking = Asking(pages)
    listed = asking.json("/api/v1/map?level=workloads&size=1")
    one = listed["flows"][0]["source"]["id"]
    for path in (
        "/map",
        f"/map?open={quote('cluster-1/team-3')}",
        "/map?level=clusters",
        "/map?level=workloads",
        "/map?level=workloads&cluster=cluster-2",
        f"/map?workload={one}&hops=2",
        "/map?type=financial.payment_card",
        "/map?direction=returned&sensitivity=high",
    ):
        asking.get(path)
        cold, wall = [], []
        for _ in range(TIMES):
            pages.kept = Kept(store.reading)
            began, cpu = time.perf_counter(), time.process_time()
            body = asking.get(path)
            cold.append(time.process_time() - cpu)
            wall.append(time.perf_counter() - began)
        cpu = time.process_time()
        for _ in range(TIMES):
            asking.get(path)
        warm = (time.process_time() - cpu) / TIMES
        targets.at_most(f"CPU of {path}", min(cold) * 1_000, AIM_MS, "ms", 1)
        targets.told("  wall", min(wall) * 1_000, "ms", 1)
        targets.told("  CPU, kept from before", warm * 1_000, "ms", 1)
        targets.at_most("  page", len(body) / 1_000, AIM_KB, "kB", 1)
    asking.close()


def _lay_out() -> None:
    for count in (60, 500, 2_000):
        chance = random.Random(count)
        boxes = [Box(f"{n:05}", 150, 42) for n in range(count)]
        arrows = {
            (boxes[n].key, boxes[chance.randrange(n)].key)
            for n in range(1, count)
            for _ in range(2)
        }
        cpu = time.process_time()
        lay_out(boxes, arrows)
        spent = (time.process_time() - cpu) * 1_000
        targets.told(f"CPU of the layout of {count} boxes", spent, "ms", 1)


if __name__ == "__main__":
    sys.exit(main())
