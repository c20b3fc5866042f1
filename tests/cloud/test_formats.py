"""Numbers, sizes, shares and times for readers."""

from datetime import UTC, datetime

import pytest

from cloud.pages import formats
from cloud.store import protocols


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


def test_long_names_are_cut_in_the_middle() -> None:
    assert formats.middle("orders", 6) == "orders"
    assert formats.middle("nightly-report-7d9f", 10) == "night…7d9f"
    assert len(formats.middle("x" * 10_000, 34)) == 34


def test_path_breaks_after_its_slashes_only_and_is_escaped() -> None:
    assert formats.path("/users/{id}") == "/<wbr>users/<wbr>{id}"
    assert "<b>" not in formats.path("/<b>/x")
    assert len(formats.path("/" + "x" * 10_000)) < 100


def test_data_types_read_as_words_by_category() -> None:
    assert formats.data_type("financial.card_cvv") == "card CVV"
    assert formats.data_type("contact.email") == "email"
    assert formats.data_type("own") == "own"
    names = ["b.two", "a.one", "b.three"]
    assert formats.groups(names) == [("a", ["a.one"]), ("b", ["b.three", "b.two"])]


def test_protocols_have_the_names_of_their_standards() -> None:
    shown = [formats.protocol(name) for name in protocols.NAMES]
    assert shown == ["HTTP/1", "HTTP/2", "gRPC", "WebSocket", "SSE"]


@pytest.mark.parametrize(
    ("per_minute", "said"),
    [
        (0.0, ("0", "a day")),
        (1 / 14_400, ("0.1", "a day")),
        (0.00965, ("14", "a day")),
        (0.05, ("3", "an hour")),
        (1.36, ("1.4", "a minute")),
        (99.4, ("99", "a minute")),
        (12_345.6, ("12,346", "a minute")),
    ],
)
def test_rates_are_told_in_a_unit_of_which_there_is_one(
    per_minute: float, said: tuple[str, str]
) -> None:
    assert formats.pace(per_minute) == said
