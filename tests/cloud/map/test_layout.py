"""Properties that every picture has, whatever the graph is."""

import random
import sys
from collections.abc import Iterable
from itertools import combinations, pairwise
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.pages.map.labels import on_curve
from cloud.pages.map.layout.layers import LEFT, RIGHT, WITHIN, columns
from cloud.pages.map.layout.picture import Box, Pair, Picture, Rect, lay_out

FRAMES = ("", "", "alpha", "beta")
Made = tuple[list[Box], list[Pair]]


@st.composite
def graphs(draw: st.DrawFn, most: int = 14) -> Made:
    """Boxes of all sizes, some within frames, some at a side; any arrows."""
    count = draw(st.integers(0, most))
    boxes = []
    for number in range(count):
        frame = draw(st.sampled_from(FRAMES))
        side = WITHIN if frame else draw(st.sampled_from((LEFT, WITHIN, WITHIN, RIGHT)))
        size = draw(st.sampled_from(((120.0, 42.0), (180.0, 30.0), (60.0, 80.0))))
        boxes.append(Box(f"n{number:02}", *size, side, frame))
    keys = [box.key for box in boxes]
    if not keys:
        return [], []
    pairs = st.tuples(st.sampled_from(keys), st.sampled_from(keys))
    return boxes, draw(st.lists(pairs, max_size=30))


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def holds(outer: Rect, inner: Rect) -> bool:
    return (
        outer.x < inner.x
        and outer.y < inner.y
        and inner.x + inner.width < outer.x + outer.width
        and inner.y + inner.height < outer.y + outer.height
    )


def points(way: list[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """Many points along a way."""
    for start, end in pairwise(way):
        for step in range(1, 20):
            yield on_curve(start, end, step / 20)


def check(boxes: list[Box], arrows: list[Pair], picture: Picture) -> None:
    assert picture.boxes.keys() == {box.key for box in boxes}
    assert picture.frames.keys() == {box.frame for box in boxes if box.frame}
    assert picture.ways.keys() == {(a, b) for a, b in arrows if a != b}
    for one, other in combinations(picture.boxes.values(), 2):
        assert not overlap(one, other)
    for one, other in combinations(picture.frames.values(), 2):
        assert not overlap(one, other)
    whole = Rect(-1, -1, picture.width + 2, picture.height + 2)
    for box in boxes:
        rect = picture.boxes[box.key]
        assert holds(whole, rect)
        for name, frame in picture.frames.items():
            assert holds(frame, rect) if name == box.frame else not overlap(frame, rect)


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_all_is_drawn_and_nothing_overlaps(made: Made) -> None:
    check(*made, lay_out(*made))


@settings(max_examples=200, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_same_graph_is_the_same_picture(made: Made, chance: random.Random) -> None:
    boxes, arrows = made
    shuffled = chance.sample(boxes, len(boxes)), chance.sample(arrows, len(arrows))
    assert lay_out(*shuffled) == lay_out(boxes, arrows)
    assert lay_out(boxes, arrows + arrows[:3]) == lay_out(boxes, arrows)


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_ways_begin_and_end_at_their_boxes(made: Made) -> None:
    picture = lay_out(*made)
    for (source, target), way in picture.ways.items():
        for key, (x, y) in ((source, way[0]), (target, way[-1])):
            rect = picture.boxes[key]
            assert x in (pytest.approx(rect.x), pytest.approx(rect.x + rect.width))
            assert rect.y - 0.2 <= y <= rect.y + rect.height + 0.2


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_no_way_runs_through_a_box(made: Made) -> None:
    picture = lay_out(*made)
    for pair, way in picture.ways.items():
        for key, rect in picture.boxes.items():
            if key in pair:
                continue
            inner = Rect(rect.x + 1, rect.y + 1, rect.width - 2, rect.height - 2)
            for x, y in points(way):
                assert not overlap(inner, Rect(x, y, 0.001, 0.001)), (pair, key)


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_columns_are_of_one_side_and_part_what_an_arrow_joins(made: Made) -> None:
    boxes, arrows = made
    number = {box.key: n for n, box in enumerate(boxes)}
    pairs = sorted({(number[a], number[b]) for a, b in arrows if a != b})
    sides = [box.side for box in boxes]
    column = columns(sides, pairs)
    for source, target in pairs:
        assert column[source] != column[target]
    for one, other in combinations(range(len(boxes)), 2):
        if sides[one] != sides[other]:
            assert (sides[one] < sides[other]) is (column[one] < column[other])
    assert sorted(set(column)) == list(range(len(set(column))))


def test_arrows_lead_to_the_right_where_there_is_no_circle() -> None:
    chain = [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("x", "d")]
    picture = lay_out([Box(key, 100, 40) for key in "abcdx"], chain)
    for source, target in chain:
        assert picture.boxes[source].x < picture.boxes[target].x
    # As near to what it leads to as it can be.
    assert picture.boxes["x"].x == picture.boxes["c"].x


def test_of_a_circle_one_arrow_leads_back() -> None:
    circle = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    picture = lay_out([Box(key, 100, 40) for key in "abcd"], circle)
    back = [p for p in circle if picture.boxes[p[0]].x > picture.boxes[p[1]].x]
    assert len(back) == 1


def test_both_ways_between_two_boxes_are_two_lines() -> None:
    boxes = [Box("a", 100, 40), Box("b", 100, 40)]
    ways = lay_out(boxes, [("a", "b"), ("b", "a")]).ways
    assert set(ways["a", "b"]).isdisjoint(ways["b", "a"])


@pytest.mark.parametrize("count", [0, 1])
def test_few_boxes_are_a_picture(count: int) -> None:
    boxes = [Box(f"{n}", 100, 40) for n in range(count)]
    arrows = [("0", "0")] * count
    picture = lay_out(boxes, arrows)
    assert (picture.width, picture.height) == (100 * count, 40 * count)
    assert picture.ways == {}


def test_boxes_without_arrows_fill_columns_of_bounded_height() -> None:
    boxes = [Box(f"n{n:02}", 100, 40) for n in range(60)]
    picture = lay_out(boxes, [("n00", "n01")])
    check(boxes, [("n00", "n01")], picture)
    assert picture.height < 60 * 40


def test_hub_of_five_hundred_has_one_trunk() -> None:
    boxes = [Box(f"n{n:03}", 100, 40) for n in range(501)]
    arrows = [(box.key, "n000") for box in boxes[1:]]
    picture = lay_out(boxes, arrows)
    assert len({way[-1] for way in picture.ways.values()}) < 50
    assert picture.height < 501 * 40 / 5


def steps(count: int) -> int:
    """How many functions a layout of so many boxes calls: work, not time."""
    chance = random.Random(count)
    boxes = [Box(f"n{n:05}", 100, 40) for n in range(count)]
    arrows = [
        (boxes[n].key, boxes[chance.randrange(n)].key)
        for n in range(1, count)
        for _ in range(2)
    ]
    called = 0

    def note(_: FrameType, event: str, __: Any) -> None:
        nonlocal called
        called += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        lay_out(boxes, arrows)
    finally:
        sys.setprofile(before)
    return called


def test_two_thousand_boxes_are_little_work() -> None:
    # Lines grow longer as columns do: work grows as n to the power of 3/2.
    small, large = steps(500), steps(2_000)
    assert large < 6_500_000
    assert large < small * 4**1.5 * 1.25
