"""Spans of time that pages offer to look back: one table for all of them."""

from typing import Literal

from cloud.store.schema import DAY, HOUR

SpanName = Literal["hour", "day", "week", "month", "year"]
SPANS: dict[SpanName, int] = {
    "hour": HOUR,
    "day": DAY,
    "week": 7 * DAY,
    "month": 30 * DAY,
    "year": 400 * DAY,
}
"""In seconds. A year is all that is kept of the log of changes."""
WORDS: dict[SpanName, str] = {
    "hour": "last hour",
    "day": "last 24 hours",
    "week": "last 7 days",
    "month": "last 30 days",
    "year": "all that is kept",
}


def covering(seconds: float) -> SpanName:
    """The shortest span that is as long; the longest one for what is longer."""
    return next((name for name, span in SPANS.items() if span >= seconds), "year")
