"""Names, numbers and times in reports."""

from datetime import UTC, datetime

import msgspec
import pytest

from cloud.pages import reports
from cloud.pages.coverage.reports import CoverageQuery
from cloud.pages.reports import FieldsQuery, Paging, Query


def test_time_keeps_milliseconds() -> None:
    at = reports.time(1_800_000_000_123_999_999)
    assert at == datetime(2027, 1, 15, 8, 0, 0, 123_000, UTC)
    assert msgspec.json.encode(at) == b'"2027-01-15T08:00:00.123000Z"'


def test_farthest_time_that_is_accepted_can_be_shown() -> None:
    assert reports.time(1 << 62).year == 2116


def test_sensitivities_have_names_both_ways() -> None:
    assert [reports.sensitivity(n) for n in range(4)] == [  # type: ignore[arg-type]
        "none",
        "low",
        "medium",
        "high",
    ]
    assert reports.sensitivity_number("high") == 3


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (50, 1), (51, 2)])
def test_an_empty_list_has_one_page(total: int, pages: int) -> None:
    assert Paging(page=1, size=50, total=total).pages == pages


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        (Query, {"size": "201"}),
        (Query, {"size": "0"}),
        (Query, {"page": "-1"}),
        (Query, {"page": "two"}),
        (Query, {"sort": "colour"}),
        (Query, {"sensitivity": "none"}),
        (Query, {"q": "x" * 201}),
        (CoverageQuery, {"page": "1e9"}),
        (FieldsQuery, {"uncertain": "perhaps"}),
    ],
)
def test_parameters_are_bounded(
    shape: type[msgspec.Struct], parameters: dict[str, str]
) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(parameters, shape, strict=False)
