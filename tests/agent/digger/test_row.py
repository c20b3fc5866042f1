"""Rows add up exactly, latencies too."""

from hypothesis import given
from hypothesis import strategies as st

from agent.digger.row import Row, bucket_of

MOST_US = (1 << 32) - 1

DURATIONS = st.lists(st.integers(0, 1 << 40), max_size=50)


def defined(duration: int) -> int:
    """As collector.proto says."""
    if duration < 16:
        return duration
    octave = duration.bit_length() - 1
    return 8 * (octave - 3) + (duration >> (octave - 3))


@given(st.integers(0, MOST_US))
def test_buckets_are_those_of_the_protocol(duration: int) -> None:
    assert bucket_of(duration) == defined(duration)


def test_buckets_are_240_and_rise() -> None:
    assert bucket_of(-5) == bucket_of(0) == 0
    assert bucket_of(MOST_US) == bucket_of(1 << 50) == 239
    edges = [bucket_of(1 << octave) for octave in range(32)]
    assert edges == sorted(edges)


def counted(durations: list[int]) -> Row:
    row = Row(5)
    for duration in durations:
        row.count(200, 5, duration, 1, 2)
    return row


def sketch(row: Row) -> tuple[int, int, dict[int, int]]:
    traffic = row.traffic[2]
    return traffic.pairs, traffic.sum_us, traffic.buckets


@given(DURATIONS, DURATIONS)
def test_a_merge_is_what_counting_all_gives(some: list[int], others: list[int]) -> None:
    merged = counted([1, *some])
    merged.merge(counted([2, *others]))
    assert sketch(merged) == sketch(counted([1, *some, 2, *others]))


def test_alike_exchanges_count_as_one_fact() -> None:
    row = Row(5)
    row.count(503, 7, 100, 30, 60, truncated=1, times=3)
    row.count(999, 3, 0, 1, 1)
    assert (row.first_ns, row.last_ns) == (3, 7)
    failed, other = row.traffic[5], row.traffic[0]
    assert (failed.pairs, failed.truncated, failed.sum_us) == (3, 1, 300)
    assert (failed.request_bytes, failed.response_bytes) == (30, 60)
    assert other.pairs == 1


def test_places_keep_the_worst_and_add_up() -> None:
    row = Row(0)
    key = (1, 1, "$.a", "contact.email")
    assert row.place(key, [1, 4, 2, 1, 1])
    assert not row.place(key, [3, 1, 3, 2, 2])
    assert row.places == {key: [3, 4, 5, 3, 3]}
