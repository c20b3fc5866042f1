"""What is told while nothing can be read: a page with the whole frame, or a problem.

In: the watch, which knows since when. Out: a report for the page, and a document of the
form of RFC 9457 for programs. Strangers read both, since nobody can be let in either:
there is no word of the database's own in them, and no name of a cluster.
"""

from datetime import datetime

import msgspec

from cloud.pages import reports
from cloud.pages.status import Problem
from cloud.store.outlook import Outlook

TEMPLATE = "away.html"
STATUS = 503
RETRY = {"cache-control": "no-store", "retry-after": "5"}
"""Seconds; the watch looks every two while it fails."""
MEDIA_TYPE = "application/problem+json"
WORDS = "The database does not answer, so no page can be read and nothing is stored."
ADVICE = "Packages wait at the diggers; nothing is lost while Kafka keeps the records."


class Away(msgspec.Struct, frozen=True):
    """The problem of RFC 9457; `error` as in every other failure."""

    title: str
    status: int
    detail: str
    error: str
    since: datetime
    type: str = "about:blank"


def told(watch: Outlook) -> Away:
    """Since the watch saw it first; it may be that it has not looked yet."""
    failure = watch.failure
    seconds = failure.since_seconds if failure else watch.clock()
    return Away(
        title="Service Unavailable",
        status=STATUS,
        detail=f"{WORDS} {ADVICE}",
        error=WORDS,
        since=reports.time(seconds * 10**9),
    )


def banner(away: Away) -> Problem:
    """The same above a page."""
    return Problem(
        kind="writing",
        cluster="",
        stopped=True,
        words=WORDS,
        advice=ADVICE,
        since=away.since,
    )
