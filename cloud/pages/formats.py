"""Numbers, sizes, shares and times as a reader likes them: filters of the templates."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from cloud.reasons import GROUP_WORDS, Group
from cloud.store.schema import identity

_SPELLED = {
    word: word.upper()
    for word in "abn api aws bic bsn cpf cvv dna iban id imei ip jwt mac mbi nhs npi "
    "pin ssn tfn ttl url vat vin".split()
} | {"icd10": "ICD-10"}
"""Words of data types that are not written as they stand in names; nor are countries,
which come first and have two letters."""
UNKNOWN_PATH = "/{unknown}"
"""As agents call it."""
_AFTER_SIGNS = re.compile(r"(?<=[._\]-])(?<!^\$\.)(?=[^._\]-])")
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def number(value: int) -> str:
    """12,345"""
    return f"{value:,}"


def size(value: int) -> str:
    """Bytes in the largest decimal unit that leaves at least 1: 1.5 MB."""
    amount = float(value)
    for unit in _SIZES:
        if round(amount, 1) < 1000 or unit == _SIZES[-1]:
            break
        amount /= 1000
    return f"{value} B" if unit == "B" else f"{amount:,.1f} {unit}"


def share(value: float | None) -> str:
    """In percent; never 0 or 100 for what is only nearly so."""
    if value is None:
        return "none"
    if 0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1:
        return "> 99.9 %"
    return f"{value * 100:.1f} %".replace(".0 %", " %")


def moment(value: datetime) -> str:
    """To the second, in UTC."""
    return value.strftime("%Y-%m-%d %H:%M:%S")


def minute(value: datetime) -> str:
    """To the minute, in UTC; `page.js` writes it in the reader's own zone."""
    return value.strftime("%Y-%m-%d %H:%M")


def span(seconds: float) -> str:
    """How long, in the largest unit of which there are two: 5 min, 3 h, 12 days."""
    for unit, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit:,.0f} {name}"
    return f"{seconds:.0f} s"


def middle(value: str, most: int = 48) -> str:
    """Cut in the middle, where names differ least, to `most` characters."""
    if len(value) <= most:
        return value
    end = (most - 1) // 2
    return f"{value[: most - 1 - end]}…{value[-end:]}"


def path(value: str, most: int = 96) -> Markup:
    """A path that may break after its slashes, and nowhere else."""
    parts = (middle(part, 40) for part in middle(value, most).split("/"))
    return Markup("/<wbr>").join(parts)


def field(value: str, most: int = 120) -> Markup:
    """A field's path that may break after its signs, and nowhere else."""
    return Markup("<wbr>").join(_AFTER_SIGNS.split(middle(value, most)))


def is_path_unknown(value: str) -> bool:
    """Whether agents did not hear the path of an endpoint."""
    return value.partition(" ")[0] == UNKNOWN_PATH


def data_type(value: str) -> str:
    """The name of a data type as words: financial.card_cvv → card CVV."""
    first, *others = (value.partition(".")[2] or value).split("_")
    if others and len(first) == 2:
        first = first.upper()
    return " ".join(_SPELLED.get(word, word) for word in (first, *others))


def groups(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Data types by their category, both in the order of the alphabet."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        found.setdefault(name.partition(".")[0], []).append(name)
    return list(found.items())


def alike(names: Iterable[str], most: int = 40) -> list[tuple[str, str]]:
    """Names to choose from: the whole one, and the one to show."""
    return [(name, middle(name, most)) for name in names]


def workload_id(one: Any) -> str:
    """Of the page of a workload: the store's key, from its names."""
    key = identity("workload", one.cluster, one.namespace, one.kind, one.name)
    return f"{key:016x}"


def duration(microseconds: int) -> str:
    """How long an answer took: 850 µs, 12 ms, 1.5 s."""
    if microseconds < 1_000:
        return f"{microseconds} µs"
    if microseconds < 1_000_000:
        amount = microseconds / 1_000
        return f"{amount:.1f} ms" if amount < 10 else f"{amount:.0f} ms"
    return f"{microseconds / 1_000_000:,.1f} s"


_PACES = ((1, "a minute"), (60, "an hour"), (1_440, "a day"))


def pace(per_minute: float) -> tuple[str, str]:
    """How often, in the shortest unit in which it is at least once: 12, an hour."""
    paces = [(per_minute * minutes, unit) for minutes, unit in _PACES]
    amount, unit = next((one for one in paces if one[0] >= 1), paces[-1])
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.2g}", unit


_PROTOCOLS = {"grpc": "gRPC", "websocket": "WebSocket"}


def protocol(value: str) -> str:
    """The name of a protocol as its standard writes it: HTTP/2, gRPC."""
    return _PROTOCOLS.get(value, value.upper())


def words(value: str) -> str:
    """A name of ours as words: very likely."""
    return value.replace("_", " ")


def group(value: str) -> str:
    """What a group of reasons means."""
    return GROUP_WORDS[Group(value)]


def query(parameters: Mapping[str, str], **changed: object) -> str:
    """A query string with some parameters changed; empty ones are left out."""
    merged = {**parameters, **changed}
    encoded = urlencode({name: value for name, value in merged.items() if value})
    return f"?{encoded}" if encoded else ""


FILTERS: dict[str, Callable[..., object]] = {
    "alike": alike,
    "data_type": data_type,
    "duration": duration,
    "field": field,
    "groups": groups,
    "is_path_unknown": is_path_unknown,
    "middle": middle,
    "minute": minute,
    "number": number,
    "pace": pace,
    "path": path,
    "size": size,
    "span": span,
    "share": share,
    "moment": moment,
    "words": words,
    "workload_id": workload_id,
    "protocol": protocol,
    "query": query,
    "group": group,
}
