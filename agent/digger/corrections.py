"""What people know better than the rules, applied to findings before they are packed.

In: corrections of the cloud, asked for now and then, and those of the detector's
catalog; findings with where they stand. Out: findings without those that are none. What
the catalog says is of another type is that; what the cloud says is of another type is
told as it was found: the cloud, which knows the same corrections, keeps both. While the
cloud is away what was heard last goes on to hold. A place where the rules find nothing
cannot be corrected.
"""

import logging
import re
import threading
from collections.abc import Callable
from typing import Any

import grpc

from agent.digger.detectors import Known
from detection import corrections
from detection.corrections import LONGEST_TYPE, TYPE_PATTERN, Correction, Place
from detection.finding import Finding
from proto.v1 import collector_pb2, detector_pb2

log = logging.getLogger("vethscope")

ASK_SECONDS = 10.0
"""Between two questions; an answer without changes is a few bytes."""
MOST_CORRECTIONS = 5_000
"""Taken of one answer: those that the cloud may hold for a cluster."""

_TYPE = re.compile(TYPE_PATTERN)
_DIRECTIONS = {0: "", collector_pb2.REQUEST: "request"}
_DIRECTIONS |= {collector_pb2.RESPONSE: "response"}
_LOCATIONS = {0: ""} | {
    number: detector_pb2.Location.Name(number).lower()
    for number in detector_pb2.Location.values()
    if number
}
_NOBODY = ("", "", "")

Ask = Callable[[int], collector_pb2.CorrectResponse]
"""With the revision known."""


class Corrections:
    """Those that hold; `follow` runs in a thread of its own."""

    def __init__(self, cluster: str = "") -> None:
        self.revision = 0
        self._cluster = cluster
        self._known = Known()
        self._of_catalog = corrections.Corrections()
        self._of_cloud = corrections.Corrections()
        """Replaced, never changed."""

    def know(self, known: Known) -> None:
        """What the detector's catalog says, which is asked for with each finding."""
        if known is not self._known:
            self._known = known
            self._of_catalog = corrections.Corrections(known.corrections)

    def take(self, told: collector_pb2.CorrectResponse) -> None:
        """What the cloud answered, the latest first."""
        if told.unchanged:
            return
        taken = [
            _read(one)
            for one in told.corrections[:MOST_CORRECTIONS]
            if not one.becomes or _is_type(one.becomes)
        ]
        self._of_cloud = corrections.Corrections(reversed(taken))
        self.revision = told.revision

    def follow(self, ask: Ask, stop: threading.Event) -> None:
        """Asks until `stop` is set."""
        while not stop.is_set():
            try:
                self.take(ask(self.revision))
            except grpc.RpcError as error:
                # Why the cloud is away the uplink tells.
                log.debug("corrections: %s", error.code())
            except (KeyError, ValueError):
                log.warning("corrections: an answer that is not understood")
            stop.wait(ASK_SECONDS)

    def apply(
        self, edge: Any, direction: int, findings: list[Finding]
    ) -> list[Finding]:
        """The findings of one message as they are with the corrections."""
        if not findings or not (self._of_catalog or self._of_cloud):
            return findings
        namespace, kind, name = edge.server if len(edge.server) > 1 else _NOBODY
        place = Place(
            self._cluster,
            namespace,
            kind,
            name,
            edge.port,
            edge.method,
            " ".join(filter(None, (edge.path, edge.operation))),
            _DIRECTIONS[direction],
        )
        findings = self._of_catalog.apply(place, findings)
        told = self._of_cloud
        return [finding for finding in findings if not _is_none(told, place, finding)]


def _is_none(told: corrections.Corrections, place: Place, finding: Finding) -> bool:
    one = told.speaking(place, finding)
    return one is not None and not one.becomes


def _read(told: collector_pb2.Correction) -> Correction:
    """Raises KeyError for a direction or a location that is none."""
    return Correction(
        data_type=told.data_type,
        becomes=told.becomes,
        namespace=told.workload.namespace,
        kind=told.workload.kind,
        workload=told.workload.name,
        port=told.port,
        method=told.method,
        endpoint=told.endpoint,
        direction=_DIRECTIONS[told.direction],  # type: ignore[arg-type]
        location=_LOCATIONS[told.location],  # type: ignore[arg-type]
        path=told.path,
    )


def _is_type(name: str) -> bool:
    return len(name) <= LONGEST_TYPE and _TYPE.search(name) is not None
