"""Objects of the Kubernetes API, kept up to date.

Each resource is followed by a thread of its own: one list, then one watch at a time
(`resources.py`), as client-go does. A version that the server forgot, and one that it
does not have because its store was set back, mean a new list; a lost connection is
taken up again after a growing pause. A thread that fails ends its role.
"""

import random
import threading
import time
from collections.abc import Sequence
from functools import partial

import msgspec
import urllib3

from agent.cluster.addresses import AddressIndex
from agent.cluster.freshness import Freshness
from agent.cluster.watching.api import Api, ApiError, GoneError
from agent.cluster.watching.resources import Resource
from agent.lifecycle import Roles
from agent.outage import Outage

PAUSE_SECONDS = (0.5, 30.0)
"""First and longest pause before the server is asked again."""
ABSENT_SECONDS = 600.0
"""Kinds that the cluster does not have are asked for that often."""
AWAY_SECONDS = 60.0
"""After so long without the server its store may be another one, whatever versions
say: list again."""
BEFORE_SECONDS = 15.0
"""Pods are listed without what their names are made of when it does not come."""
STOP_SECONDS = 0.3
"""A thread that waits for a silent server is left behind."""
_LOOK_SECONDS = 0.2
_ASK_SECONDS = 1.0


def follow(
    api: Api,
    index: AddressIndex,
    resources: Sequence[Resource],
    freshness: Freshness,
    stop: threading.Event,
) -> None:
    """Keeps what the resources' sinks feed up to date until `stop`; returns within a
    second or two of it. The index is complete once all that names need was listed.

    Raises RoleError if one of its threads fails.
    """
    index.is_static = False
    by_name = {resource.name: resource for resource in resources}
    needed = [resource for resource in resources if resource.need == "names"]
    freshness.need(resource.name for resource in needed)
    failed = threading.Event()
    with Roles(failed, STOP_SECONDS) as roles:
        for resource in resources:
            before = [by_name[n] for n in resource.after if n in by_name]
            follower = Follower(resource, api, freshness, before)
            roles.start(f"watch of {resource.name}", follower.run)
        roles.start("watch for silence", partial(_ask, api))
        while not (stop.wait(_LOOK_SECONDS) or failed.is_set()):
            if not index.is_complete and all(r.is_listed.is_set() for r in needed):
                index.complete()
        api.close()


def _ask(api: Api, stop: threading.Event) -> None:
    while not (stop.wait(_ASK_SECONDS) or api.is_closed):
        api.ask_silent()


class Follower:
    """Keeps one resource current; each new reason why it is not is told once."""

    def __init__(
        self,
        resource: Resource,
        api: Api,
        freshness: Freshness,
        before: Sequence[Resource] = (),
    ) -> None:
        """`before`: what is awaited first, a while."""
        self._before = before
        self._resource = resource
        self._api = api
        self._freshness = freshness
        self._outage = Outage("kubernetes", resource.name)
        self._pause = PAUSE_SECONDS[0]
        self._broke_at: float | None = None
        """When contact was lost; None: it was not."""

    def run(self, stop: threading.Event) -> None:
        """Until `stop`, or the API is closed."""
        end = time.monotonic() + BEFORE_SECONDS
        while time.monotonic() < end and not all(map(_is_over, self._before)):
            if stop.wait(_LOOK_SECONDS) or self._api.is_closed:
                return
        while not (stop.is_set() or self._api.is_closed):
            began = time.monotonic()
            wait = self._step()
            self._resource.is_tried = True
            if time.monotonic() - began > self._pause:
                self._pause = PAUSE_SECONDS[0]
            # Even a server that ends each watch at once is not asked in a tight loop.
            wait = max(wait, random.uniform(self._pause / 2, self._pause))
            self._wait(wait, stop)

    def _wait(self, seconds: float, stop: threading.Event) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._api.is_closed:
            if stop.wait(min(left, _LOOK_SECONDS)):
                return

    def _step(self) -> float:
        """One watch, with its list if need be; how long at least to wait then."""
        resource = self._resource
        try:
            self._check()
            resource.follow(self._api, self._hear)
            self._hear()
        except GoneError:
            self._grow()
            resource.version = ""
        except ApiError as error:
            is_absent = resource.need == "perhaps" and error.status == 404
            if not is_absent:
                self._lose(str(error))
            return ABSENT_SECONDS if is_absent else error.wait_seconds
        except (OSError, urllib3.exceptions.HTTPError) as error:
            self._lose(f"no answer, {type(error).__name__}")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            resource.version = ""
            self._lose("an answer that is not the Kubernetes API's")
        return 0.0

    def _check(self) -> None:
        """After a break: whether what we know can be built on."""
        if self._broke_at is None or not self._resource.version:
            return
        if time.monotonic() - self._broke_at > AWAY_SECONDS:
            self._resource.version = ""
        else:
            self._resource.check(self._api)

    def _hear(self) -> None:
        if not self._resource.version or self._api.is_closed:
            return
        self._broke_at = None
        self._freshness.hear(self._resource.name)
        self._outage.end()

    def _lose(self, reason: str) -> None:
        self._broke_at = self._broke_at or time.monotonic()
        verb = "watched" if self._resource.version else "listed"
        if not self._api.is_closed:
            self._outage.tell(f"cannot be {verb} ({reason})")
        self._grow()

    def _grow(self) -> None:
        self._pause = min(2 * self._pause, PAUSE_SECONDS[1])


def _is_over(resource: Resource) -> bool:
    return resource.is_tried or resource.is_listed.is_set()
