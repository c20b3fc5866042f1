"""A report's table as CSV (RFC 4180).

In: rows of a report. Out: a line each, nested values under names with dots, lists in
one cell. Spreadsheets run what looks like a formula: an apostrophe stands before such a
text (OWASP, CSV injection). So it does behind what a spreadsheet of another country
takes for the end of a cell: a semicolon, a tab, a line's end.
"""

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

_FORMULA = re.compile("(^ *|[;\t\r\n][;\t\r\n ]*)([=+@\uff1d\uff0b\uff0d\uff20-])")
"""Also of full width: some spreadsheets read both alike."""


def encode(rows: Iterable[msgspec.Struct], shape: type[msgspec.Struct]) -> str:
    """The table of rows that are all of one shape; its head also without rows."""
    lines = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for line in lines for name in line))
    names = names or list(shape.__struct_fields__)
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _flat(value: msgspec.Struct, prefix: str = "") -> dict[str, str]:
    cells: dict[str, str] = {}
    for name in value.__struct_fields__:
        told = getattr(value, name)
        if isinstance(told, msgspec.Struct):
            cells |= _flat(told, f"{prefix}{name}.")
        else:
            cells[prefix + name] = _cell(told)
    return cells


def _cell(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    text = _FORMULA.sub(r"\1'\2", _words(value))
    return f"'{text}" if text.startswith(("\t", "\r", "\n")) else text


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, msgspec.Struct):
        return " ".join(filter(None, map(_words, msgspec.structs.astuple(value))))
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_words(told)}" for name, told in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_words, value))
    return str(value)
