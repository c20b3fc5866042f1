"""Walks of texts that show where their hits are."""

import re

from detection.fields import HIT_BITS, KEY_HIT, Field, Place
from detection.walker import Walker

RULE = 20


def hits_of(data: bytes) -> list[int]:
    """A hit for each `HIT` in the text, a key hit for each `told"`."""
    hits = [m.end() << HIT_BITS | RULE for m in re.finditer(b"HIT|777", data)]
    hits += [m.end() << HIT_BITS | KEY_HIT for m in re.finditer(b'told"', data)]
    return sorted(hits)


def walker() -> Walker:
    return Walker(lambda _: True, lambda _: True)


def root() -> Place:
    return Place(None, None, False, "$")


def walked(data: bytes) -> list[Field]:
    hits = hits_of(data)
    return walker().walk(data, 0, len(data), hits, 0, len(hits), root())


def seen(data: bytes) -> list[tuple[int, bytes | None, bytes]]:
    return [(f.kind, f.key, data[f.start : f.end]) for f in walked(data)]
