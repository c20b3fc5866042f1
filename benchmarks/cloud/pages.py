"""Every page and its JSON, asked as a browser does, over HTTP."""

import http.client
import re
import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from benchmarks.cloud.served import Served
from cloud.pages.page import API
from cloud.pages.site import PAGES

_NODE = "/coverage/node"
_COVERED = "/coverage?cluster=cluster-7"
TIMES = 20
TIMEOUT = 60
CHOSEN = (
    "/endpoints?q=resource-7",
    "/endpoints?type=contact.email&sensitivity=high",
    "/endpoints?sort=path",
    "/endpoints?sort=last_seen&page=100",
    "/catalog?cluster=cluster-7",
    "/changes?window=year",
    "/coverage?page=20",
    _COVERED,
    "/coverage?namespace=team-1",
    "/map?level=workloads",
    "/map?open=cluster-7/team-1",
    "/map?type=contact.email",
    "/search?q=resource-77",
    "/status?page=2",
    "/workloads?cluster=cluster-7&namespace=team-1",
    "/?window=year",
)
LARGE = 200_000
"""Bytes that a page should stay below."""


class Taken(NamedTuple):
    """What a page took, in seconds; `slow`: nineteen of twenty stay below."""

    cpu: float
    """Of the whole program, in the mean."""
    slow_cpu: float
    slow: float
    """By the clock."""
    first: float
    """By the clock, of the one before the twenty, when nothing may be kept yet."""


class Pages:
    """The dashboard of a cloud, on one connection."""

    def __init__(self, served: Served, asked: re.Pattern[str]) -> None:
        """`asked` finds something in each address that is asked for."""
        self._served = served
        self.refused: dict[str, int] = {}
        """Pages whose statements took too long, and how often: they are left out."""
        host = served.address.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=TIMEOUT)
        whole = [p for p in PAGES if "{" not in p.path and p.path != _NODE]
        self._paths = [path for page in whole for path in (page.path, page.api)]
        for path in self._ones():
            self._paths += [path, API + path]
        self._paths = [path for path in (*self._paths, *CHOSEN) if asked.search(path)]

    def _ones(self) -> Iterator[str]:
        """Of pages about one thing each, that of the first which is listed."""
        for page, rows, name in (
            ("/endpoints", "endpoints", "id"),
            ("/workloads", "workloads", "id"),
            ("/types", "types", "data_type"),
            ("/policies", "policies", "id"),
        ):
            for row in msgspec.json.decode(self._get(API + page))[rows][:1]:
                yield f"{page}/{row[name]}"
        for row in msgspec.json.decode(self._get(f"{API}{_COVERED}"))["nodes"][:1]:
            named = {name: row[name] for name in ("cluster", "node")}
            yield f"{_NODE}?{urlencode(named)}"

    def taken(self) -> dict[str, Taken]:
        """Of each page, once it was asked for."""
        found = {}
        for path in self._paths:
            began = time.perf_counter()
            self._get(path)
            first = time.perf_counter() - began
            walls, spent = [], []
            for _ in range(TIMES):
                began, cpu = time.perf_counter(), self._served.cpu_seconds
                self._get(path)
                walls.append(time.perf_counter() - began)
                spent.append(self._served.cpu_seconds - cpu)
            found[path] = Taken(
                statistics.mean(spent), sorted(spent)[-2], sorted(walls)[-2], first
            )
        return found

    def largest_bytes(self) -> int:
        """Of all pages."""
        return max(len(self._get(path)) for path in self._paths)

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()

    def _get(self, path: str) -> bytes:
        headers = {"cookie": self._served.cookie}
        if path in self.refused:
            return b""
        try:
            self._connection.request("GET", path, headers=headers)
            answer = self._connection.getresponse()
        except (OSError, http.client.HTTPException):
            # It was idle for long: the cloud hung up.
            self._connection.close()
            self._connection.request("GET", path, headers=headers)
            answer = self._connection.getresponse()
        body = answer.read()
        if answer.status == 503:
            self.refused[path] = self.refused.get(path, 0) + 1
        else:
            assert answer.status == 200, (path, answer.status)
        return body
