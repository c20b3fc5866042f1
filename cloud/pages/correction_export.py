"""Corrections to take along: a file that a catalog takes (docs/detection.md).

In: the filters of the page. Out: YAML with those of the corrections that match and hold
and that the visitor may see, the earlier first: of two that name as much the later one
holds there, as it does here. Who made one is not told, why is.
"""

from typing import Any

import yaml

from cloud.pages.corrections import conditions, seen
from cloud.pages.page import Asked, Take
from cloud.pages.reports import direction, location, sensitivity
from cloud.store.corrections import Kept, listed
from cloud.store.schema import corrections
from proto.v1 import collector_pb2, detector_pb2

MOST_EXPORTED = 10_000
"""What a catalog takes; the latest of more."""
_HEAD = "# Corrections of Vethscope: for detector.catalog, --detector-catalog.\n"


def rules(asked: Asked) -> str:
    """The file."""
    holds = corrections.c.undone_ns == 0
    found = listed(
        asked.connection,
        *(*conditions(asked.query), seen(asked.scope), holds),
        most=MOST_EXPORTED,
    )
    document = {"corrections": [_rule(kept) for kept in reversed(found)]}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return _HEAD + text


TAKES = {"yaml": Take("text/plain", "yaml", rules)}


def _rule(kept: Kept) -> dict[str, Any]:
    one = kept.correction
    level = detector_pb2.Sensitivity.ValueType(one.sensitivity)
    way = collector_pb2.Direction.ValueType(one.direction)
    part = detector_pb2.Location.ValueType(one.location)
    told: dict[str, Any] = {
        "type": one.data_type,
        "is": one.becomes,
        "sensitivity": sensitivity(level) if level else "",
        "cluster": one.cluster,
        "namespace": one.namespace,
        "kind": one.kind,
        "workload": one.name,
        "port": one.port,
        "method": one.method,
        "endpoint": one.endpoint,
        "direction": direction(way) if way else "",
        "location": location(part) if part else "",
        "path": one.path,
        "reason": kept.reason,
    }
    return {name: value for name, value in told.items() if value}
