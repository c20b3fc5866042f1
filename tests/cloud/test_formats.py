"""Numbers, sizes, shares and times for readers."""

from datetime import UTC, datetime

import pytest

from cloud.pages import formats


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_500_000_000, "1.5 GB"),
        (10**19, "10,000.0 PB"),
    ],
)
def test_size_uses_the_largest_fitting_unit(value: int, shown: str) -> None:
    assert formats.size(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        (0.0, "0 %"),
        (0.0001, "< 0.1 %"),
        (0.5, "50 %"),
        (0.1234, "12.3 %"),
        (0.9995, "> 99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_share_is_never_rounded_to_all_or_nothing(
    value: float | None, shown: str
) -> None:
    assert formats.share(value) == shown


def test_query_leaves_out_what_is_empty_and_escapes_the_rest() -> None:
    assert formats.query({}) == ""
    assert formats.query({"q": "a&b=c", "page": "3"}, page="") == "?q=a%26b%3Dc"
    assert formats.query({"sort": "path"}, page=2) == "?sort=path&page=2"


def test_numbers_words_and_times_read_well() -> None:
    assert formats.number(1_234_567) == "1,234,567"
    assert formats.words("very_likely") == "very likely"
    assert formats.group("left_out") == "left out on purpose"
    moment = datetime(2030, 1, 2, 3, 4, 5, 678_000, UTC)
    assert formats.moment(moment) == "2030-01-02 03:04:05"
