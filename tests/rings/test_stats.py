"""Counters add up."""

from rings.stats import BUCKETS, COUNTS, Stats


def test_counters_start_at_zero_and_add() -> None:
    one, other = Stats(), Stats()
    assert set(one.buckets().values()) == {0}
    for place, name in enumerate(COUNTS):
        setattr(other, name, place)
    for place, name in enumerate(BUCKETS):
        setattr(other, f"{name}_bytes", place)
    one.add(other)
    one.add(other)
    assert list(one.counts().values()) == [2 * place for place in range(len(COUNTS))]
    assert list(one.buckets().values()) == [2 * place for place in range(len(BUCKETS))]


def test_unpaired_messages_have_a_reason() -> None:
    stats = Stats()
    stats.unpaired_ambiguous = 2
    assert stats.unpaired() == {"no_response": 0, "no_request": 0, "ambiguous": 2}
