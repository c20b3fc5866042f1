"""Tables as CSV."""

import csv
import io
import re
from datetime import UTC, datetime

import msgspec
import pytest

from cloud.pages import sheet


class End(msgspec.Struct):
    name: str


class Line(msgspec.Struct):
    end: End
    count: int
    at: datetime
    names: list[End]
    told: str | None = None
    is_on: bool = True


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_nested_values_are_columns_and_lists_are_cells() -> None:
    at = datetime(2030, 1, 2, tzinfo=UTC)
    line = Line(End('a "b", c'), 5, at, [End("x"), End("y")])
    assert read(sheet.encode([line], Line)) == [
        {
            "end.name": 'a "b", c',
            "count": "5",
            "at": "2030-01-02T00:00:00+00:00",
            "names": "x; y",
            "told": "",
            "is_on": "True",
        }
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_what_looks_like_a_formula_is_text(text: str) -> None:
    (line,) = read(sheet.encode([End(text)], End))
    assert line["name"].startswith("'")


@pytest.mark.parametrize("end", ["; ", ";", "\t", "\n", "\r\n "])
@pytest.mark.parametrize("formula", ["=1+1", "-1", "@x", "\uff1d1"])
def test_formula_behind_another_countrys_separator_is_text(
    end: str, formula: str
) -> None:
    told = f"a{end}{formula}"
    ((name,),) = list(csv.reader(io.StringIO(sheet.encode([End(told)], End))))[1:]
    cells = re.split("[;\t\n\r]+", name)
    assert len(cells) == 2
    assert cells[1].lstrip().startswith("'")


def test_numbers_stay_numbers() -> None:
    line = Line(End(""), -5, datetime.now(UTC), [])
    assert read(sheet.encode([line], Line))[0]["count"] == "-5"


def test_empty_table_has_a_head() -> None:
    assert sheet.encode([], End) == "name\r\n"
