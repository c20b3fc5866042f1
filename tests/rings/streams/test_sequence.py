"""Sequence numbers wrap."""

from hypothesis import given
from hypothesis import strategies as st

from rings.streams.sequence import distance

numbers = st.integers(0, 0xFFFFFFFF)


@given(numbers, st.integers(-(1 << 31), (1 << 31) - 1))
def test_the_distance_is_what_was_added(origin: int, step: int) -> None:
    assert distance((origin + step) & 0xFFFFFFFF, origin) == step


def test_a_number_after_the_wrap_is_ahead() -> None:
    assert distance(5, 0xFFFFFFFB) == 10
    assert distance(0xFFFFFFFB, 5) == -10
