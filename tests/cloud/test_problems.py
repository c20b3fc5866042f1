"""Problems: when each is told, and when not."""

import pytest

from cloud.refusals import Refusal
from cloud.store import problems as p
from cloud.store.sight import Facts, Refused, Sender, Sight
from cloud.store.tally import Failure

NOW, BEGAN = 2_000_000_000, 1_900_000_000
SECOND = 10**9


def told(
    sight: Sight, failure: Failure | None = None, began: int = BEGAN
) -> list[tuple[p.Kind, bool]]:
    found = p.problems(sight, failure, began, NOW)
    return [(one.kind, one.is_stopped) for one in found]


def sender(
    ago: int = 1, ahead: int = 0, clamped_ago: int = 10**9, nodes_ahead: int = 0
) -> Sender:
    heard = (NOW - ago) * SECOND
    clamped = (NOW - clamped_ago) * SECOND
    return Sender(
        "eu", heard, heard + ahead * SECOND, clamped, 0, nodes_ahead=nodes_ahead
    )


def test_nothing_is_told_while_all_is_well() -> None:
    assert told(Sight(senders=(sender(),), free_bytes=p.LOW_BYTES)) == []


@pytest.mark.parametrize(
    ("ago", "is_told"),
    [
        (p.SILENT_SECONDS, False),
        (p.SILENT_SECONDS + 1, True),
        (p.GONE_SECONDS, True),
        (p.GONE_SECONDS + 1, False),
    ],
)
def test_silent_cluster_is_told_until_it_is_gone(ago: int, is_told: bool) -> None:
    expected = [(p.Kind.SILENT, True)] if is_told else []
    assert told(Sight(senders=(sender(ago),))) == expected


def test_cloud_that_has_just_begun_waits_for_its_clusters() -> None:
    sight = Sight(senders=(sender(3_600),))
    assert told(sight, began=NOW - p.SILENT_SECONDS) == []
    assert told(sight, began=NOW - p.SILENT_SECONDS - 1) == [(p.Kind.SILENT, True)]


def test_failing_store_is_told_and_not_the_silence_that_it_causes() -> None:
    failure = Failure(NOW - 400, NOW, "disk I/O error")
    sight = Sight(senders=(sender(400),))
    assert told(sight, failure) == [(p.Kind.WRITING, True)]


@pytest.mark.parametrize(
    "words",
    [
        "database or disk is full",
        'could not extend file "base/5/16396": No space left on device',
        "Disk quota exceeded",
    ],
)
def test_full_disk_has_its_own_advice(words: str) -> None:
    (found,) = p.problems(Sight(free_bytes=0), Failure(NOW, NOW, words), BEGAN, NOW)
    assert (found.kind, found.is_stopped) == (p.Kind.DISK, True)
    assert "Make room" in found.advice


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (p.LOW_BYTES, []),
        (p.LOW_BYTES - 1, [(p.Kind.DISK, False)]),
        (p.LEAST_BYTES, [(p.Kind.DISK, False)]),
        (p.LEAST_BYTES - 1, [(p.Kind.DISK, True)]),
        (None, []),
    ],
)
def test_disk_is_told_before_it_is_full(
    free: int | None, expected: list[tuple[p.Kind, bool]]
) -> None:
    assert told(Sight(free_bytes=free)) == expected


@pytest.mark.parametrize(
    ("one", "is_told"),
    [
        (sender(ahead=p.AHEAD_SECONDS), False),
        (sender(ahead=p.AHEAD_SECONDS + 1), True),
        (sender(clamped_ago=p.RECENT_SECONDS), True),
        (sender(clamped_ago=p.RECENT_SECONDS + 1), False),
        (sender(nodes_ahead=1), True),
    ],
)
def test_wrong_clock_is_told_while_it_is_wrong(one: Sender, is_told: bool) -> None:
    expected = [(p.Kind.CLOCK, False)] if is_told else []
    assert told(Sight(senders=(one,))) == expected


@pytest.mark.parametrize("refusal", Refusal)
@pytest.mark.parametrize("ago", [p.RECENT_SECONDS, p.RECENT_SECONDS + 1])
def test_only_refusals_that_lose_packages_are_told(refusal: Refusal, ago: int) -> None:
    one = Refused("eu", refusal.value, 1, (NOW - ago) * SECOND, "path: too long")
    is_told = ago == p.RECENT_SECONDS and refusal.value in (
        "invalid_argument",
        "permission_denied",
    )
    assert told(Sight(refusals=(one,))) == (
        [(p.Kind.REFUSED, False)] if is_told else []
    )


@pytest.mark.parametrize("late", [p.LATE_SECONDS, p.LATE_SECONDS + 1])
def test_late_rollup_is_told(late: int) -> None:
    """Minutes of an hour become hours together, once all of it is old enough."""
    oldest = NOW - NOW % 3_600 - 7_200
    kept = NOW - late - (oldest + 3_600)
    sight = Sight(facts=(Facts("minutes", oldest, kept),))
    assert sight.lag_seconds(NOW) == late
    expected = [(p.Kind.ROLLUP, False)] if late > p.LATE_SECONDS else []
    assert told(sight) == expected
    assert told(sight, began=NOW - 60) == []


def test_what_stops_everything_comes_first() -> None:
    sight = Sight(senders=(sender(ahead=500),), free_bytes=0)
    assert [stopped for _, stopped in told(sight)] == [True, False]
