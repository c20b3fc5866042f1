"""Pods and services from the Kubernetes API, kept up to date.

In: list pages and watch events (JSON lines) of the API server
(kubernetes.io/docs/reference/using-api/api-concepts). Out: claims in the address index.
Decoded by msgspec from the raw answers. A forgotten resource version (410 Gone) means
a new list; a lost connection is taken up again after a growing pause.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import urllib3

from agent.cluster.addresses import AddressIndex
from agent.cluster.api import Api, ApiError, GoneError
from agent.cluster.objects import (
    Claim,
    Metadata,
    Pod,
    Service,
    pod_claim,
    service_claim,
)

log = logging.getLogger("vethscope")

PAGE = 500
"""Objects of a list page: bounds the memory of one answer."""
WATCH_SECONDS = 300
"""The server ends a watch after so long; we go on from where it was."""
PAUSE_SECONDS = (0.5, 30.0)
"""First and longest pause before the server is asked again."""


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _Pods(msgspec.Struct):
    metadata: _ListMetadata
    items: list[Pod] | None = None


class _Services(msgspec.Struct):
    metadata: _ListMetadata
    items: list[Service] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Status(msgspec.Struct):
    code: int = 0


class _Bookmark(msgspec.Struct):
    metadata: Metadata


class Resource:
    """One kind of object, listed once and then watched, into the index."""

    def __init__(
        self,
        path: str,
        page: type[_Pods] | type[_Services],
        kind: type[Pod] | type[Service],
        claim: Callable[[Any, int], Claim],
        index: AddressIndex,
    ) -> None:
        self._path = path
        self._page_decoder = msgspec.json.Decoder(page)
        self._decoder = msgspec.json.Decoder(kind)
        self._claim = claim
        self._index = index
        self._claims: dict[str, Claim] = {}
        self.is_listed = threading.Event()

    @classmethod
    def pods(cls, index: AddressIndex) -> "Resource":
        return cls("/api/v1/pods", _Pods, Pod, pod_claim, index)

    @classmethod
    def services(cls, index: AddressIndex) -> "Resource":
        return cls("/api/v1/services", _Services, Service, service_claim, index)

    def list(self, api: Api) -> str:
        """Takes the whole list; returns its resource version."""
        query = {"limit": str(PAGE)}
        seen = set()
        while True:
            page = self._page_decoder.decode(api.get(self._path, query))
            for thing in page.items or ():
                seen.add(thing.metadata.uid)
                self._put(thing)
            if not page.metadata.continue_:
                break
            query["continue"] = page.metadata.continue_
        for uid in self._claims.keys() - seen:
            self._drop(uid)
        self.is_listed.set()
        return page.metadata.resource_version

    def watch(self, api: Api, version: str, opened: Callable[[], None]) -> str:
        """Follows changes until the server ends the watch; returns the version."""
        query = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        for line in api.lines(self._path, query, opened):
            version = self._take(msgspec.json.decode(line, type=_Event)) or version
        return version

    def _take(self, event: _Event) -> str:
        if event.type == "ERROR":
            code = msgspec.json.decode(event.object, type=_Status).code
            if code == 410:
                raise GoneError
            raise ApiError(f"{self._path}: watch status {code}")
        if event.type == "BOOKMARK":
            bookmark = msgspec.json.decode(event.object, type=_Bookmark)
            return bookmark.metadata.resource_version
        thing = self._decoder.decode(event.object)
        if event.type == "DELETED":
            self._drop(thing.metadata.uid)
        else:
            self._put(thing)
        return thing.metadata.resource_version

    def _put(self, thing: Pod | Service) -> None:
        uid, now_ns = thing.metadata.uid, time.time_ns()
        claim, before = self._claim(thing, now_ns), self._claims.get(uid)
        if before is not None and before[:3] == claim[:3]:
            return
        self._release(uid, claim.ips, now_ns)
        for ip in claim.ips:
            self._index.add(ip, claim.workload, claim.kind, claim.start_ns, uid)
        self._claims[uid] = claim

    def _drop(self, uid: str) -> None:
        self._release(uid, frozenset(), time.time_ns())
        self._claims.pop(uid, None)

    def _release(self, uid: str, kept: frozenset[bytes], now_ns: int) -> None:
        if uid in self._claims:
            for ip in self._claims[uid].ips - kept:
                self._index.remove(ip, uid, now_ns)


def follow(api: Api, index: AddressIndex, stop: threading.Event) -> None:
    """Keeps the index up to date until `stop`; returns within a second of it."""
    index.is_static = False
    resources = (Resource.pods(index), Resource.services(index))
    threads = [
        threading.Thread(
            target=_follow, args=(resource, api, stop), daemon=True, name="watch"
        )
        for resource in resources
    ]
    for thread in threads:
        thread.start()
    while not stop.wait(0.2):
        if not index.is_complete and all(r.is_listed.is_set() for r in resources):
            index.complete()
    api.close()
    for thread in threads:
        thread.join(0.5)


class _Contact:
    """Whether the server answers: one log line for each change, growing pauses."""

    def __init__(self) -> None:
        self._is_away = False
        self._pause = PAUSE_SECONDS[0]

    def up(self) -> None:
        self._pause = PAUSE_SECONDS[0]
        if self._is_away:
            self._is_away = False
            log.warning("kubernetes: the API server is back")

    def down(self, reason: str, stop: threading.Event) -> None:
        if not self._is_away and not stop.is_set():
            self._is_away = True
            log.warning("kubernetes: %s, trying on", reason)
        stop.wait(random.uniform(self._pause / 2, self._pause))
        self._pause = min(2 * self._pause, PAUSE_SECONDS[1])


def _follow(resource: Resource, api: Api, stop: threading.Event) -> None:
    version, contact = "", _Contact()
    while not stop.is_set():
        try:
            version = version or resource.list(api)
            version = resource.watch(api, version, contact.up)
        except GoneError:
            version = ""
        except ApiError as error:
            contact.down(str(error), stop)
        except (OSError, urllib3.exceptions.HTTPError) as error:
            contact.down(f"no answer ({type(error).__name__})", stop)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            version = ""
            contact.down("an answer that is not the Kubernetes API's", stop)
        # Even a server that ends each watch at once is not asked in a tight loop.
        stop.wait(PAUSE_SECONDS[0])
