"""`python -m benchmarks.cluster`: a large cluster's names, in digger and interceptor.

A simulated API server in a process of its own lists nodes and pods and tells changes;
the digger's part that follows it, the index and the address service, is another, and
one interceptor's list with one worker's set a third. Prints what each takes in CPU time
and memory. Pods are as large as in a cluster: metadata of fields, conditions, volumes.
"""

import argparse
import json
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubernetes import client

from agent.cluster.address_list.client import AddressClient
from agent.cluster.address_list.service import Server
from agent.cluster.addresses import AddressIndex
from agent.cluster.following import resources
from agent.cluster.freshness import Freshness
from agent.cluster.owners import Owners
from agent.cluster.watching.api import Api
from agent.cluster.watching.watch import follow
from agent.cluster.workloads import Workloads
from agent.interceptor.orders import Cluster as ListOrder
from agent.interceptor.reading.monitored import Monitored
from rings.streams.assembler import Assembler

MIB = 1 << 20
STEP_SECONDS = 0.05
PAGE = 500
PADDING: dict[str, Any] = {
    "managedFields": [{"fieldsV1": {f"f:field-{n}": {}}} for n in range(60)]
}
"""Some 2 kB, as API servers send them."""


def pod(number: int, nodes: int, version: int, moment: str) -> dict[str, Any]:
    node, place = number % nodes, number // nodes
    ip = f"10.{node >> 8 & 255}.{node & 255}.{place + 2}"
    name = f"w{number % 3_000}-7d9f8"
    owner = {"kind": "ReplicaSet", "name": name, "uid": name, "controller": True}
    ready = {"type": "PodReadyToStartContainers", "status": "True"}
    state = {"running": {"startedAt": moment}}
    return {
        "metadata": {
            "name": f"{name}-{number}",
            "namespace": f"team-{number % 200}",
            "uid": f"3f1c2a9e-0000-4000-8000-{number:012d}",
            "resourceVersion": str(version),
            "creationTimestamp": moment,
            "labels": {"pod-template-hash": "7d9f8", "app": "shop", "tier": "web"},
            "ownerReferences": [owner],
        }
        | PADDING,
        "spec": {
            "nodeName": f"n{node}",
            "containers": [{"name": "main", "image": "registry.example/shop:1"}],
            "volumes": [{"name": "token", "projected": {"sources": []}}] * 3,
        },
        "status": {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "hostIP": f"192.168.{node >> 8 & 255}.{node & 255}",
            "startTime": moment,
            "conditions": [ready | {"lastTransitionTime": moment}],
            "containerStatuses": [
                {"name": "main", "imageID": "x@sha256:1", "state": state}
            ],
        },
    }


def node(number: int) -> dict[str, Any]:
    address = f"192.168.{number >> 8 & 255}.{number & 255}"
    images = [{"names": [f"registry.example/image-{n}"]} for n in range(50)]
    return {
        "metadata": {"name": f"n{number}", "uid": f"n{number}"} | PADDING,
        "spec": {"podCIDR": f"10.{number >> 8 & 255}.{number & 255}.0/24"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "images": images,
        },
    }


class Simulated:
    """What there is, and how it changes."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._pods = [self._pod(number, 1) for number in range(options.pods)]
        self._nodes = [node(number) for number in range(options.nodes)]

    def page(self, path: str, start: int) -> bytes:
        """Of a list, beginning there."""
        things = {"pods": self._pods, "nodes": self._nodes}.get(path, [])
        metadata = {"resourceVersion": "1"}
        if start + PAGE < len(things):
            metadata["continue"] = str(start + PAGE)
        items = things[start : start + PAGE]
        return json.dumps({"metadata": metadata, "items": items}).encode()

    def changes(self, path: str) -> Iterator[bytes]:
        """Pods go and others come at their addresses, at the wanted rate, for ever."""
        number, due, last, version = 0, 0.0, time.monotonic(), 2
        while True:
            time.sleep(STEP_SECONDS)
            due += (time.monotonic() - last) * self._options.changes
            last = time.monotonic()
            while path == "pods" and due >= 1:
                due -= 1
                version += 1
                if version % 4 != 2:
                    number = (number + 7_919) % self._options.pods
                kind = ("MODIFIED", "DELETED", "ADDED", "MODIFIED")[version % 4]
                event = {"type": kind, "object": self._pod(number, version)}
                yield json.dumps(event).encode() + b"\n"

    def _pod(self, number: int, version: int) -> dict[str, Any]:
        return pod(number, self._options.nodes, version, self._moment)


def answering(simulated: Simulated) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query, path = parse_qs(parts.query), parts.path.rpartition("/")[2]
            if "sendInitialEvents" in query:
                self.send_error(422)
                return
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if "watch" not in query:
                start = int(query.get("continue", ["0"])[0])
                self._chunk(simulated.page(path, start))
                self.wfile.write(b"0\r\n\r\n")
                return
            for lines in simulated.changes(path):
                self._chunk(lines)

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Answers


def api_server(pipe: Connection, options: argparse.Namespace) -> None:
    """As an older one answers, which streams no lists."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answering(Simulated(options)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(server.server_port)
    pipe.recv()
    server.server_close()


def digger(pipe: Connection, port: int) -> None:
    configuration = client.Configuration()
    configuration.host = f"http://127.0.0.1:{port}"
    index, age, stop = AddressIndex(), Freshness(), threading.Event()
    watched = resources(index, Owners(), pods=(Workloads(["team"], ["tier"]),))
    following = (Api(configuration), index, watched, age, stop)
    threading.Thread(target=follow, args=following, daemon=True).start()
    while not index.is_complete:
        time.sleep(0.1)
    with Server(index, "127.0.0.1:0", freshness=age) as server:
        pipe.send((server.port, used()))
        while pipe.recv():
            pipe.send((*used(), index.revision))


def interceptor(pipe: Connection, port: int) -> None:
    """Its list, and what one of its workers does with it."""
    followed, stop = AddressClient(f"127.0.0.1:{port}", "n1"), threading.Event()
    threading.Thread(target=followed.run, args=(stop,), daemon=True).start()
    followed.is_complete.wait(60)
    monitored = Monitored(Assembler())
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.25):
            for news in followed.news():
                monitored.set_cluster(ListOrder(*news), time.time_ns())

    threading.Thread(target=work, daemon=True).start()
    time.sleep(1)
    pipe.send(used())
    while pipe.recv():
        pipe.send((*used(), len(followed.monitored)))


def used() -> tuple[float, float, float]:
    """CPU seconds, resident bytes, a monotonic time."""
    of = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    return of.ru_utime + of.ru_stime, resident, time.monotonic()


def measure(options: argparse.Namespace) -> None:
    context = multiprocessing.get_context("spawn")

    def start(target: Any, *arguments: Any) -> tuple[Connection, Any]:
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
        process.start()
        return ours, ours.recv()

    api, api_port = start(api_server, options)
    served, (port, (cpu, resident, _)) = start(digger, api_port)
    pods = f"{options.pods:,} pods on {options.nodes:,} nodes"
    print(f"digger: {pods} known after {cpu:.1f} CPU s, {resident / MIB:.0f} MiB")
    following, _ = start(interceptor, port)
    names = (("digger", served), ("interceptor", following))
    before = {}
    for name, pipe in names:
        pipe.send(True)
        before[name] = pipe.recv()
    time.sleep(options.seconds)
    for name, pipe in names:
        pipe.send(True)
        cpu, resident, at, count = pipe.recv()
        seconds = at - before[name][2]
        told = "changes of the list" if name == "digger" else "addresses listed"
        number = count - before[name][3] if name == "digger" else count
        print(
            f"{name}: {(cpu - before[name][0]) / seconds:.1%} of a core, "
            f"{resident / MIB:.0f} MiB, {number:,} {told}"
        )
    api.send(True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--pods", type=int, default=150_000)
    parser.add_argument("--changes", type=float, default=1_000, help="a second")
    parser.add_argument("--seconds", type=float, default=30)
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
