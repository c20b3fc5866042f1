"""One kind of Kubernetes object: how it is listed and watched.

In: answers of the API server. Out: objects in sinks, decoded by msgspec. A list comes
as the beginning of a watch where the server streams it (`sendInitialEvents`), else in
pages (kubernetes.io/docs/reference/using-api/api-concepts).
"""

import random
import threading
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from agent.cluster.watching.api import (
    AS_PARTIAL,
    JSON,
    Api,
    ApiError,
    GoneError,
    Status,
)
from agent.cluster.watching.objects import Metadata
from agent.cluster.watching.sink import Sink

PAGE = 500
"""Objects of a list page: bounds the memory of one answer."""
WATCH_SECONDS = (240, 480)
"""The server ends a watch after so long, not all at once; we go on from there."""
UNSTREAMED = frozenset((400, 422, 500))
"""Answers of servers that do not stream lists, or whose store is too old for it: they
are asked for pages from then on."""
_END = "k8s.io/initial-events-end"
_AS_PARTIALS = AS_PARTIAL.replace("Metadata;", "MetadataList;")


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Bookmark(msgspec.Struct):
    metadata: Metadata


def page_of(kind: type[Any]) -> type[Any]:
    """What a page of such objects is."""
    return msgspec.defstruct(
        f"{kind.__name__}Page",
        [("metadata", _ListMetadata), ("items", list[kind] | None, None)],  # type: ignore[valid-type]
    )


Need = Literal["names", "more", "perhaps"]
"""Names depend on it; or they do not; or the cluster may not even have such objects."""


class Resource:
    """Listed once and then watched."""

    def __init__(
        self,
        path: str,
        kind: type[Any],
        *sinks: Sink,
        need: Need = "names",
        is_partial: bool = False,
        selector: str = "",
        after: tuple[str, ...] = (),
        renewed: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_partial`: of each object only the metadata is asked for; `selector`: of
        labels; `after`: listed once others were; `renewed`: whether sinks want all
        anew, which they get within the minute that bookmarks take."""
        self._renewed = renewed
        self.after = after
        self.path = path
        self.name = path.rpartition("/")[2]
        self.need = need
        self.is_listed = threading.Event()
        self.is_tried = False
        """It was asked for, whatever came."""
        self._list_as, self._watch_as = JSON, JSON
        if is_partial:
            self._list_as, self._watch_as = _AS_PARTIALS, AS_PARTIAL
        self._selector = {"labelSelector": selector} if selector else {}
        self._page_decoder = msgspec.json.Decoder(page_of(kind))
        self._decoder = msgspec.json.Decoder(kind)
        self._sinks = sinks
        self._streams = True
        self._seen: set[str] | None = None
        """Of a list that is coming: uids so far."""
        self.version = ""
        """What is known; empty: nothing."""

    def follow(self, api: Api, heard: Callable[[], None]) -> None:
        """Lists if need be, then takes changes until the server ends the watch; `heard`
        is called when what is known is current.

        Raises GoneError, ApiError, urllib3 errors, MsgspecError.
        """
        if not self.version:
            self._renewed()
        if not self.version and not self._streams:
            self.list(api)
            heard()
        if self.version:
            self._watch(api, {"resourceVersion": self.version}, heard)
            return
        try:
            self._seen = set()
            query = {
                "sendInitialEvents": "true",
                "resourceVersionMatch": "NotOlderThan",
            }
            self._watch(api, query, heard)
        except ApiError as error:
            if error.status not in UNSTREAMED:
                raise
            self._streams = False
        finally:
            self._seen = None
        if not self._streams:
            self.follow(api, heard)

    def check(self, api: Api) -> None:
        """Whether the server's store still is the one that our version is of: after a
        break it may be an older one. Raises as `follow`, GoneError if it is not."""
        query = {
            "limit": "1",
            "resourceVersion": self.version,
            "resourceVersionMatch": "NotOlderThan",
        }
        api.get(self.path, query | self._selector, self._list_as)

    def list(self, api: Api) -> None:
        """Takes the whole list, page by page."""
        query, seen = {"limit": str(PAGE)} | self._selector, set()
        while True:
            page = self._page_decoder.decode(api.get(self.path, query, self._list_as))
            for thing in page.items or ():
                seen.add(thing.metadata.uid)
                for sink in self._sinks:
                    sink.put(thing)
            if not page.metadata.continue_:
                break
            query["continue"] = page.metadata.continue_
        self._complete(seen, page.metadata.resource_version)

    def _complete(self, seen: set[str], version: str) -> None:
        for sink in self._sinks:
            for uid in sink.uids() - seen:
                sink.drop(uid)
        self.version = version
        self.is_listed.set()

    def _watch(
        self, api: Api, query: dict[str, str], heard: Callable[[], None]
    ) -> None:
        query |= {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(*WATCH_SECONDS)),
        } | self._selector

        def current() -> None:
            # While a list is coming nothing is current yet.
            if self._seen is None:
                heard()

        for line in api.lines(self.path, query, current, self._watch_as):
            version = self._take(msgspec.json.decode(line, type=_Event))
            if self._seen is None:
                self.version = version
                if self._renewed():
                    self.version = ""
                    return

    def _take(self, event: _Event) -> str:
        if event.type == "ERROR":
            status = msgspec.json.decode(event.object, type=Status)
            if status.is_gone:
                raise GoneError
            raise ApiError(f"watch status {status.code}", status.code)
        if event.type == "BOOKMARK":
            metadata = msgspec.json.decode(event.object, type=_Bookmark).metadata
            if self._seen is not None and _END in (metadata.annotations or {}):
                seen, self._seen = self._seen, None
                self._complete(seen, metadata.resource_version)
            return metadata.resource_version
        thing = self._decoder.decode(event.object)
        uid = thing.metadata.uid
        is_deleted = event.type == "DELETED"
        if self._seen is not None and not is_deleted:
            self._seen.add(uid)
        for sink in self._sinks:
            sink.put(thing)
            if is_deleted:
                sink.drop(uid)
        return str(thing.metadata.resource_version)
