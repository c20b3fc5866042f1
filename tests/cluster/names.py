"""Answers names of Services in the node, in place of the cluster's own DNS server.

`names.py ADDRESS KUBECTL…`: A records (RFC 1035) of Services and of the pods behind
headless ones, as the API server tells them, asked again every two seconds.
"""

import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

AGAIN_SECONDS = 2.0
DOMAIN = "svc.cluster.local"
HEADER = struct.Struct(">HHHHHH")
ANSWER = struct.Struct(">HHHIH4s")
FOUND, NOT_FOUND = 0x8580, 0x8583


def listed(kubectl: tuple[str, ...], path: str) -> Iterator[Any]:
    command = [*kubectl, "get", "--raw", path]
    told = subprocess.run(command, capture_output=True, timeout=10, check=True).stdout
    yield from json.loads(told)["items"]


def names(kubectl: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for service in listed(kubectl, "/api/v1/services"):
        meta, address = service["metadata"], service["spec"].get("clusterIP", "None")
        name = f"{meta['name']}.{meta['namespace']}.{DOMAIN}"
        found[name] = [] if address == "None" else [address]
    for part in listed(kubectl, "/apis/discovery.k8s.io/v1/endpointslices"):
        labels, meta = part["metadata"].get("labels", {}), part["metadata"]
        name = (
            f"{labels.get('kubernetes.io/service-name')}.{meta['namespace']}.{DOMAIN}"
        )
        is_headless = labels.get("service.kubernetes.io/headless") is not None
        for end in part.get("endpoints") or ():
            if is_headless and end["conditions"].get("ready"):
                found.setdefault(name, []).extend(end["addresses"])
                if end.get("hostname"):
                    found[f"{end['hostname']}.{name}"] = end["addresses"]
    return found


def question(data: bytes) -> tuple[str, int, int]:
    """The name asked for, its type, and where the question ends."""
    labels, at = [], HEADER.size
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode())
        at += data[at] + 1
    (kind,) = struct.unpack_from(">H", data, at + 1)
    return ".".join(labels).lower(), kind, at + 5


def main(address: str, *kubectl: str) -> None:
    known: dict[str, list[str]] = {}
    asked = -AGAIN_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        while True:
            data, peer = server.recvfrom(1500)
            name, kind, end = question(data)
            if time.monotonic() - asked > AGAIN_SECONDS:
                try:
                    known, asked = names(kubectl), time.monotonic()
                except (subprocess.SubprocessError, ValueError, KeyError) as error:
                    print(type(error).__name__, flush=True)
            there = name in known
            given = known.get(name, []) if kind == 1 else []
            number = int.from_bytes(data[:2])
            head = HEADER.pack(
                number, FOUND if there else NOT_FOUND, 1, len(given), 0, 0
            )
            answers = (
                ANSWER.pack(0xC00C, 1, 1, 5, 4, socket.inet_aton(one)) for one in given
            )
            server.sendto(head + data[HEADER.size : end] + b"".join(answers), peer)


if __name__ == "__main__":
    main(*sys.argv[1:])
