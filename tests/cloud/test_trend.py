"""A trend as report and as picture."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec

from cloud.pages.application import _templates
from cloud.pages.sights import rate
from cloud.pages.trend import HEIGHT, Trend, trend
from cloud.store.trends import MOST_STEPS, Steps

STEPS = Steps(3_600, 3_600, 5)
SOME = trend([0, 8, 0, 2, 4], STEPS, heard={0}, now=STEPS.window.end - 60)


def drawn(told: Trend) -> str:
    parts: Any = _templates().get_template("parts.html").module
    return str(parts.trend(told, "pairs"))


def test_steps_without_agents_are_unknown_and_not_zero() -> None:
    assert SOME.counts == [0, 8, None, 2, 4]
    assert SOME.start == datetime(1970, 1, 1, 1, tzinfo=UTC)
    assert SOME.is_last_partial
    assert not trend([1], Steps(0, 60, 1), set(), now=60).is_last_partial
    assert msgspec.json.decode(msgspec.json.encode(SOME)) == {
        "start": "1970-01-01T01:00:00Z",
        "step_seconds": 3600,
        "counts": [0, 8, None, 2, 4],
        "is_last_partial": True,
    }


def test_bars_are_as_high_as_their_counts() -> None:
    heights = re.findall(r"M(\d+) 24v-(\d+)", SOME.bars)
    assert heights == [("4", str(HEIGHT)), ("12", str(HEIGHT // 4))]
    assert re.findall(r"M(\d+) 24v-(\d+)", SOME.partial) == [("16", "12")]
    assert SOME.holes == "M8 0h3v24h-3z"


def test_neighbouring_gaps_are_one_piece() -> None:
    told = trend([0, 0, 5, 0, 0], STEPS, heard=(), now=0)
    assert told.holes == "M0 0h7v24h-7zM12 0h7v24h-7z"


def test_few_of_many_are_seen() -> None:
    told = trend([1, 1_000_000], Steps(0, 60, 2), heard=(), now=1_000)
    assert told.bars.startswith("M0 24v-1h")


def test_the_picture_tells_in_words_what_it_shows() -> None:
    text = drawn(SOME)
    (title,) = re.findall("<title>(.*)</title>", text)
    assert title == (
        "Pairs since 1970-01-01 01:00 UTC in steps of 60 min: least 0, most 8, "
        "last 4 so far. Agents not heard in 1 of 5 steps."
    )
    assert 'role="img"' in text


def test_nothing_heard_is_told_without_a_picture() -> None:
    text = drawn(trend([0, 0], Steps(0, 60, 2), heard=(), now=500))
    assert "<svg" not in text
    assert "nothing heard" in text


def test_the_largest_picture_is_small() -> None:
    counts = [10**15 - position for position in range(MOST_STEPS)]
    told = trend(counts, Steps(0, 300, MOST_STEPS), heard=(), now=1)
    assert len(drawn(told)) < 2_000
    assert SimpleNamespace(**msgspec.to_builtins(told)).counts == counts


def test_a_rate_begins_with_the_first_pair() -> None:
    """Steps are hours long, and what began in one may be seconds old."""
    end = STEPS.window.end
    whole = rate(600, STEPS, {1, 2}, first=0, now=end)
    assert whole == 600 / 120
    began = STEPS.start + 2 * 3_600 + 3_000
    assert rate(600, STEPS, {2}, first=began, now=end) == 600 / 10
    assert rate(600, STEPS, {2}, first=began, now=began + 5) == 600
    assert rate(0, STEPS, set(), first=0, now=end) is None
