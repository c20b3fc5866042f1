"""What a validator answers."""

import enum


class Verdict(enum.IntEnum):
    """Valid proves (a checksum, a library of numbers), unsure says nothing."""

    INVALID = -1
    UNSURE = 0
    VALID = 1


def verdict(holds: bool) -> Verdict:
    """Valid or invalid."""
    return Verdict.VALID if holds else Verdict.INVALID
