"""Bytes that were left out, told from the frames that came at the time."""

import math

from agent.interceptor.reading.left_out import LeftOut
from rings.streams.flow import View


def read(view: View, frames: int, size: int) -> None:
    view.stats.frames += frames
    view.stats.payload_bytes += frames * size


def test_dropped_frames_are_like_those_of_their_time() -> None:
    one, other = View(1), View(2)
    views = {1: one, 2: other}
    left_out = LeftOut()
    read(one, 100, 10)
    left_out.feed(views, 50, now_ns=1000, read_ns=400)
    assert not left_out.take()
    read(one, 30, 1000)
    read(other, 10, 200)
    left_out.feed(views, 50, now_ns=2000, read_ns=1000)
    assert left_out.take() == {
        1: {"ring_drop": 50 * 30 * 1000 // 40},
        2: {"ring_drop": 50 * 10 * 200 // 40},
    }
    read(one, 30, 1000)
    left_out.feed(views, 50, now_ns=3000, read_ns=2000)
    assert not left_out.take()


def test_drops_wait_for_frames_to_compare_with() -> None:
    one = View(1)
    left_out = LeftOut()
    left_out.feed({1: one}, 10, now_ns=1, read_ns=math.inf)
    read(one, 5, 100)
    left_out.feed({1: one}, 10, now_ns=2, read_ns=math.inf)
    assert left_out.take() == {1: {"ring_drop": 1000}}


def test_what_was_shed_is_told_once_also_of_an_interface_that_went() -> None:
    one = View(1)
    left_out = LeftOut()
    one.stats.shed_bytes = 500
    left_out.feed({1: one}, 0, now_ns=1, read_ns=1)
    assert left_out.take() == {1: {"shed": 500}}
    one.stats.shed_bytes = 800
    left_out.end(1, one.stats)
    left_out.feed({}, 0, now_ns=2, read_ns=2)
    assert left_out.take() == {1: {"shed": 300}}
    assert left_out.take() == {}
