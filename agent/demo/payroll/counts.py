"""What the payroll's client counts."""

import msgspec


class Counts(msgspec.Struct):
    """Calls answered in full, and others."""

    exchanges: int = 0
    failed: int = 0
