"""Numbers, sizes, shares and times as a reader likes them: filters of the templates."""

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlencode

from cloud.reasons import GROUP_WORDS, Group

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


FILTERS: dict[str, Callable[..., str]] = {
    "number": number,
    "size": size,
    "share": share,
    "moment": moment,
    "words": words,
    "query": query,
    "group": group,
}
