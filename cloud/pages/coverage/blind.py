"""What is known not to be seen: reasons with their weight, and what to do about each.

In: amounts by reason. Out: a line a reason, the heaviest first. Bytes that were read,
or that are counted elsewhere, are none.
"""

from collections.abc import Mapping

from cloud import reasons
from cloud.pages.coverage.reports import BlindSpot
from cloud.reasons import Group

MOST = 12
_GROUPS = (Group.LEFT_OUT, Group.UNREADABLE, Group.MISSED)


def spots(amounts: Mapping[str, int], counts: Mapping[str, int]) -> list[BlindSpot]:
    """At most MOST, those of bytes first."""
    groups = reasons.grouped(amounts)
    whole = groups[Group.CAPTURED.value] + sum(groups[one.value] for one in _GROUPS)
    of_bytes = [
        _spot(reason, reasons.group(reason).value, amount, whole)
        for reason, amount in amounts.items()
        if amount and reasons.group(reason) in _GROUPS
    ]
    of_pieces = [
        BlindSpot(
            reason=reason,
            words=reasons.counts_words(reason),
            group="",
            bytes=0,
            share=None,
            count=counts[reason],
            advice=reasons.advice(reason),
        )
        for reason in reasons.BLIND
        if counts.get(reason)
    ]
    of_bytes.sort(key=lambda spot: (-spot.bytes, spot.reason))
    return [*of_bytes, *of_pieces][:MOST]


def _spot(reason: str, group: str, amount: int, whole: int) -> BlindSpot:
    return BlindSpot(
        reason=reason,
        words=reasons.bytes_words(reason),
        group=group,
        bytes=amount,
        share=amount / whole if whole else None,
        count=0,
        advice=reasons.advice(reason),
    )
