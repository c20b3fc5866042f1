"""Children of the demo: heard, finished and ended."""

import threading
import time

import pytest

from agent.demo.process import Child, ChildError, Stopped

SPEAKER = "tests.agent.demo.speaker"
SECONDS = 20.0


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


def test_what_is_said_is_heard(stop: threading.Event) -> None:
    with Child(SPEAKER, stop) as child:
        child.say("one")
        child.say("two")
        assert child.hear("heard", SECONDS) == {"heard": "one"}
        assert child.hear("heard", SECONDS) == {"heard": "two"}


def test_it_tells_its_last_after_it_was_finished(stop: threading.Event) -> None:
    with Child(SPEAKER, stop) as child:
        child.finish()
        child.finish()
        assert child.hear("finished", SECONDS)


def test_a_child_that_ended_is_an_error_and_not_a_wait(stop: threading.Event) -> None:
    with Child(SPEAKER, stop) as child:
        child.say("die")
        with pytest.raises(ChildError, match="ended"):
            child.hear("heard", SECONDS)


def test_what_it_told_before_its_end_is_still_heard(stop: threading.Event) -> None:
    with Child(SPEAKER, stop) as child:
        child.say("last")
        child.say("die")
        assert child.hear("heard", SECONDS) == {"heard": "last"}
        with pytest.raises(ChildError):
            child.hear("heard", SECONDS)


def test_a_silent_child_is_an_error_in_the_end(stop: threading.Event) -> None:
    with Child(SPEAKER, stop) as child, pytest.raises(ChildError, match="did not tell"):
        child.hear("heard", 0.01)


def test_the_stop_event_ends_a_wait(stop: threading.Event) -> None:
    stop.set()
    with Child(SPEAKER, stop) as child, pytest.raises(Stopped):
        child.hear("heard", SECONDS)


def test_a_deaf_child_is_killed(stop: threading.Event) -> None:
    child = Child(SPEAKER, stop)
    child.say("awake")
    child.hear("heard", SECONDS)
    child.say("sleep")
    began = time.monotonic()
    child.close(seconds=0.1)
    assert time.monotonic() - began < SECONDS
