"""Metadata of an object that a reference names, asked for by itself.

In: a reference to an owner, as objects have it. Out: the metadata of just that object,
if it is there and we may read its kind. Which resource a kind is, the server tells
(kubernetes.io/docs/reference/using-api/api-concepts, discovery, open to every account).
So what our ClusterRole grants is followed, of any project, and nothing else is asked
for twice within AGAIN_SECONDS.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec
import urllib3

from agent.cluster.watching.api import AS_PARTIAL, Api, ApiError, GoneError
from agent.cluster.watching.objects import Metadata, Owner, Partial

AGAIN_SECONDS = 600.0
"""Kinds that are not there, or not for us, may be later."""
MOST_VERSIONS = 1_000
"""API versions that are remembered, a few hundred bytes each; whoever makes pods may
name any."""
MOST_KINDS = 1_000
"""Of one API version."""
_VERSION = re.compile(r"(?:[a-z0-9][a-z0-9.-]{0,252}/)?v[0-9][a-z0-9]{0,62}")
_NAME = re.compile(r"[a-z0-9][a-z0-9.:-]{0,252}")

T = TypeVar("T")

Find = Callable[[Owner, str], Metadata | None]
"""Of an owner and its namespace; None: there is no such object for us. Raises ApiError
if the server does not tell."""


class _Kind(msgspec.Struct):
    name: str = ""
    kind: str = ""
    namespaced: bool = False


class _Kinds(msgspec.Struct):
    """APIResourceList."""

    resources: list[_Kind] | None = None


class _Version(NamedTuple):
    plurals: dict[str, str]
    """Kind → its resource; without those that we may not read."""
    until: float


class References:
    """A Find; for one thread."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._versions: OrderedDict[str, _Version] = OrderedDict()

    def __call__(self, owner: Owner, namespace: str) -> Metadata | None:
        if not (_VERSION.fullmatch(owner.api_version) and _NAME.fullmatch(owner.name)):
            return None
        plurals = self._plurals(owner.api_version)
        plural = plurals.get(owner.kind)
        if plural is None:
            return None
        path = f"{_root(owner.api_version)}/namespaces/{namespace}/{plural}"
        try:
            told = self._get(f"{path}/{owner.name}", AS_PARTIAL)
        except ApiError as error:
            if error.status == 403:
                del plurals[owner.kind]
            elif error.status != 404:
                raise
            return None
        found = _decoded(told, Partial).metadata
        return found if found.uid == owner.uid else None

    def _plurals(self, version: str) -> dict[str, str]:
        known = self._versions.get(version)
        if known is None or known.until < self._clock():
            known = _Version(self._told(version), self._clock() + AGAIN_SECONDS)
            self._versions[version] = known
            self._versions.move_to_end(version)
            if len(self._versions) > MOST_VERSIONS:
                self._versions.popitem(last=False)
        return known.plurals

    def _told(self, version: str) -> dict[str, str]:
        try:
            told = self._get(_root(version))
        except ApiError as error:
            if error.status not in (403, 404):
                raise
            return {}
        kinds = (_decoded(told, _Kinds).resources or ())[:MOST_KINDS]
        inner = (one for one in kinds if one.namespaced and _NAME.fullmatch(one.name))
        return {one.kind: one.name for one in inner}

    def _get(self, path: str, *accept: str) -> bytes:
        try:
            return self._api.get(path, {}, *accept)
        except (GoneError, OSError, urllib3.exceptions.HTTPError) as error:
            raise ApiError(type(error).__name__) from None


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _decoded(told: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(told, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ApiError("an answer is none") from None
