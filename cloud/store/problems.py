"""Problems: what keeps the cloud from working, why, and what to do about it.

In: what the watch saw last, and the time. Out: the problems, those first that stop
everything. All thresholds are here. The words are for whoever reads the banner, so each
names the setting or the command that helps.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from cloud.refusals import LOSING, WORDS, Refusal
from cloud.store.schema import DAY, HOUR
from cloud.store.sight import Sender, Sight
from cloud.store.tally import Failure

SILENT_SECONDS = 300
"""Diggers send every few seconds while interceptors run, also where nobody talks."""
GONE_SECONDS = 7 * DAY
"""A cluster not heard for so long was taken down: nobody wants to read of it daily."""
NODE_SILENT_SECONDS = 900
"""A node is drained and started again in less."""
AHEAD_SECONDS = 120
"""Clocks kept by NTP differ by less than a second; packages come after their time."""
RECENT_SECONDS = 900
"""What happened is told for so long."""
LATE_SECONDS = 1_800
"""The roll-up runs every ten minutes; three that failed are no chance."""
LOW_BYTES = 512 << 20
"""Free: twice what SQLite's WAL may take while a page is read."""
LEAST_BYTES = 16 << 20
"""Free: one checkpoint of SQLite's WAL needs so much."""
STALE_SECONDS = 30
"""A watch that did not come by for so long is stuck itself."""

_SAFE = "Packages wait at the diggers; nothing is lost while Kafka keeps the records."
_ROOM = "Make room on the file system of cloud.database_url, or give it a larger one."
_DATABASE = "See that the database runs, and that cloud.database_url leads to it."
_WRITABLE = (
    "See that cloud.database_url leads to the primary, not to a standby, and that the "
    "database and its files may be written."
)


class Kind(Enum):
    """What kind of problem it is: a closed list, the label of its metric."""

    WRITING = "writing"
    DISK = "disk"
    SILENT = "silent"
    CLOCK = "clock"
    REFUSED = "refused"
    ROLLUP = "rollup"


OF_STORE = frozenset((Kind.WRITING, Kind.DISK, Kind.ROLLUP))
"""Of no cluster."""


class Problem(NamedTuple):
    kind: Kind
    words: str
    advice: str
    since_ns: int = 0
    cluster: str = ""
    is_stopped: bool = False
    """Nothing is stored, of this cluster or at all."""


def is_ready(sight: Sight, failure: Failure | None, now_seconds: int) -> bool:
    """Whether the store answers and can be written."""
    is_full = sight.free_bytes is not None and sight.free_bytes < LEAST_BYTES
    is_stale = now_seconds - sight.at_seconds > STALE_SECONDS
    return not (failure or is_full or is_stale)


def problems(
    sight: Sight, failure: Failure | None, began_seconds: int, now_seconds: int
) -> list[Problem]:
    """Those there are now; `began_seconds` is when this program started."""
    now_ns = now_seconds * 10**9
    found = [*_of_writing(failure), *_of_disk(sight, failure)]
    if not failure:
        found += _of_rollup(sight, began_seconds, now_seconds)
    for sender in sight.senders:
        # A cloud that cannot write hears nobody: that is told above already.
        if not failure:
            found += _of_silence(sender, began_seconds * 10**9, now_ns)
        found += _of_clock(sender, now_ns)
    return sorted(
        [*found, *_of_refusals(sight, now_ns)], key=lambda p: not p.is_stopped
    )


def is_silent(sender: Sender, now_ns: int) -> bool:
    """Whether a cluster that used to send does not any more."""
    return SILENT_SECONDS < (now_ns - sender.heard_ns) / 1e9 <= GONE_SECONDS


def is_ahead(claimed_ns: int, heard_ns: int) -> bool:
    """Whether a sender told of a time that had not come yet."""
    return claimed_ns - heard_ns > AHEAD_SECONDS * 10**9


def is_full(words: str) -> bool:
    """Whether these words tell of a disk without room: SQLite's, PostgreSQL's, ours."""
    return any(part in words.lower() for part in ("is full", "no space", "quota"))


def _of_writing(failure: Failure | None) -> Iterator[Problem]:
    if failure:
        is_of_disk = is_full(failure.words)
        yield Problem(
            Kind.DISK if is_of_disk else Kind.WRITING,
            f"Nothing is stored: {failure.words}.",
            f"{_advice(failure.words)} {_SAFE}",
            failure.since_seconds * 10**9,
            is_stopped=True,
        )


def _advice(words: str) -> str:
    """PostgreSQL speaks of a read-only transaction, SQLite of a readonly database."""
    if is_full(words):
        return _ROOM
    return _WRITABLE if re.search("read-?only", words) else _DATABASE


def _of_disk(sight: Sight, failure: Failure | None) -> Iterator[Problem]:
    if sight.free_bytes is None or sight.free_bytes >= LOW_BYTES:
        return
    if failure and is_full(failure.words):
        return
    free = f"{sight.free_bytes / 1e6:,.0f} MB"
    if sight.free_bytes < LEAST_BYTES:
        words = f"The disk of the database is full: {free} are free."
        yield Problem(Kind.DISK, words, f"{_ROOM} {_SAFE}", is_stopped=True)
    else:
        words = f"The disk of the database is nearly full: {free} are free."
        advice = f"{_ROOM} A lower cloud.store_bytes makes facts coarser earlier."
        yield Problem(Kind.DISK, words, advice)


def _of_rollup(sight: Sight, began: int, now: int) -> Iterator[Problem]:
    late = min(sight.lag_seconds(now), now - began)
    if late > LATE_SECONDS:
        yield Problem(
            Kind.ROLLUP,
            f"The roll-up of old facts is {_spoken(sight.lag_seconds(now))} late.",
            "The database grows meanwhile. The cloud's log tells which step fails.",
        )


def _of_silence(sender: Sender, began_ns: int, now_ns: int) -> Iterator[Problem]:
    if is_silent(sender, now_ns) and now_ns - began_ns > SILENT_SECONDS * 10**9:
        silent = _spoken((now_ns - sender.heard_ns) // 10**9)
        yield Problem(
            Kind.SILENT,
            f"Nothing has come from the cluster {sender.cluster} for {silent}.",
            "Look at its digger: kubectl -n vethscope logs deployment/digger tells "
            "whether it reaches Kafka and the cloud, and whether its token holds.",
            sender.heard_ns,
            sender.cluster,
            is_stopped=True,
        )


def _of_clock(sender: Sender, now_ns: int) -> Iterator[Problem]:
    if now_ns - sender.heard_ns > RECENT_SECONDS * 10**9:
        return
    is_clamped = now_ns - sender.clamped_ns <= RECENT_SECONDS * 10**9
    is_digger = is_ahead(sender.claimed_ns, sender.heard_ns)
    if not (is_clamped or is_digger or sender.nodes_ahead):
        return
    ahead = sender.nodes_ahead
    where = f", on {ahead} node{'s' if ahead > 1 else ''}" if ahead else ""
    yield Problem(
        Kind.CLOCK,
        f"Clocks of the cluster {sender.cluster} are wrong{where}.",
        "Impossible times are stored as now. See that NTP runs on its nodes; the nodes "
        "below tell by how much each is ahead.",
        cluster=sender.cluster,
    )


def _of_refusals(sight: Sight, now_ns: int) -> Iterator[Problem]:
    losing = {refusal.value for refusal in LOSING}
    for one in sight.refusals:
        if one.reason in losing and now_ns - one.last_ns <= RECENT_SECONDS * 10**9:
            whose = (
                f"of the cluster {one.cluster}" if one.cluster else "without a token"
            )
            yield Problem(
                Kind.REFUSED,
                f"Packages {whose} are refused: {WORDS[Refusal(one.reason)]}.",
                f"Told was: {one.words}. Digger and cloud may be of two versions, or "
                "the digger's cluster.name is not that of its token.",
                one.last_ns,
                one.cluster,
            )


def _spoken(seconds: float) -> str:
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{seconds:.0f} seconds"
