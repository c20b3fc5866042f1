"""Bytes that the kernel dropped, told from the frames that came at the time."""

import math

from agent.interceptor.overload import DroppedBytes
from rings.flow import View


def view(interface: int) -> View:
    return View(interface)


def read(view: View, frames: int, size: int) -> None:
    view.stats.frames += frames
    view.stats.payload_bytes += frames * size


def test_dropped_frames_are_like_those_of_their_time() -> None:
    one, other = view(1), view(2)
    views = {1: one, 2: other}
    dropped = DroppedBytes()
    read(one, 100, 10)
    dropped.feed(views, 50, now_ns=1000, read_ns=400)
    assert not dropped.by_interface
    read(one, 30, 1000)
    read(other, 10, 200)
    dropped.feed(views, 50, now_ns=2000, read_ns=1000)
    assert dropped.by_interface == {1: 50 * 30 * 1000 // 40, 2: 50 * 10 * 200 // 40}
    read(one, 30, 1000)
    dropped.feed(views, 50, now_ns=3000, read_ns=2000)
    assert dropped.by_interface.total() == 50 * 32_000 // 40


def test_drops_wait_for_frames_to_compare_with() -> None:
    one = view(1)
    dropped = DroppedBytes()
    dropped.feed({1: one}, 10, now_ns=1, read_ns=math.inf)
    read(one, 5, 100)
    dropped.feed({1: one}, 10, now_ns=2, read_ns=math.inf)
    assert dropped.by_interface == {1: 1000}


def test_an_interface_that_went_keeps_its_estimate() -> None:
    one = view(1)
    dropped = DroppedBytes()
    read(one, 5, 100)
    dropped.feed({1: one}, 10, now_ns=1, read_ns=1)
    dropped.feed({}, 10, now_ns=2, read_ns=2)
    assert dropped.by_interface == {1: 1000}
