"""Raw reads from a document's memory.

The compiled modules use the inline C function of `memory.pxd` on a pointer instead;
this is its plain twin. Bounds are the caller's to check. Not compiled itself.
"""

import re

_STRING = re.compile(rb'(?s)(?:[^"\\]+|\\.)*')


def string_end(data: bytes, start: int, end: int) -> int:
    """Where the JSON string ends whose text begins at `start`: at its closing quote, or
    at `end`."""
    match = _STRING.match(data, start, end)
    stop = match.end() if match else start
    return end if data[stop : stop + 1] == b"\\" else stop
