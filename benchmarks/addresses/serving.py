"""The served side: an index of many addresses that change, in a process of its own.

In: the port, addresses, changes a second and nodes as arguments, and three files for
TLS. Out: a line `ready`,
then for each line on standard input its CPU seconds and resident memory as JSON.
"""

import json
import os
import random
import resource
import sys
import threading
import time
from functools import cache
from pathlib import Path

from agent.certificates import Files
from agent.cluster.address_list.service import Server
from agent.cluster.addresses import POD, AddressIndex, Workload
from agent.links import PLAIN

STEP_SECONDS = 0.05


def address(number: int, nodes: int) -> bytes:
    """Each node has a range, and any addresses of it: what compresses worst."""
    node, pod = number % nodes, number // nodes
    return bytes((10, node >> 8 & 255, node & 255, order(node)[pod & 255]))


@cache
def order(node: int) -> bytes:
    return bytes(random.Random(node).sample(range(256), 256))


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def change(index: AddressIndex, count: int, per_second: float, nodes: int) -> None:
    """Pods go and come, for ever."""
    number, due, last = 0, 0.0, time.monotonic()
    while True:
        time.sleep(STEP_SECONDS)
        due += (time.monotonic() - last) * per_second
        last = time.monotonic()
        while due >= 2:
            due -= 2
            number = (number + 7_919) % count
            ip, now = address(number, nodes), time.time_ns()
            index.remove(ip, f"pod-{number}", now)
            name = Workload("shop", "Deployment", f"w{number % 3_000}")
            index.add(ip, name, POD, now, f"pod-{number}", node=f"n{number % nodes}")


def main(port: int, count: int, per_second: float, nodes: int, *pem: str) -> None:
    index = AddressIndex()
    began = time.time_ns() - 10**12
    for number in range(count):
        name = Workload("shop", "Deployment", f"w{number % 3_000}")
        ip, node = address(number, nodes), f"n{number % nodes}"
        index.add(ip, name, POD, began, f"pod-{number}", node=node)
    index.complete()
    files = Files("addresses", *pem) if pem else PLAIN
    with Server(index, f"127.0.0.1:{port}", files) as server:
        print("ready", server.port, flush=True)
        changing = (index, count, per_second, nodes)
        threading.Thread(target=change, args=changing, daemon=True).start()
        for _ in sys.stdin:
            used = resource.getrusage(resource.RUSAGE_SELF)
            told = {
                "cpu": used.ru_utime + used.ru_stime,
                "resident": resident_bytes(),
                "most": used.ru_maxrss * 1024,
                "followers": server.followers,
                "at": time.monotonic(),
            }
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    port, count, changes, nodes, *pem = sys.argv[1:]
    main(int(port), int(count), float(changes), int(nodes), *pem)
