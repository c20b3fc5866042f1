"""Roles: order of stopping, failures that stop all."""

import threading
from collections.abc import Callable

import pytest

from agent.lifecycle import RoleError, Roles


def _waits(event: threading.Event) -> None:
    event.wait(5)


def test_roles_stop_in_reverse_order() -> None:
    ended: list[str] = []

    def role(name: str) -> Callable[[threading.Event], None]:
        def run(stop: threading.Event) -> None:
            stop.wait(5)
            ended.append(name)

        return run

    with Roles(threading.Event()) as roles:
        for name in ("first", "second", "third"):
            roles.start(name, role(name))
    assert ended == ["third", "second", "first"]


def test_a_failing_role_stops_all_and_is_named() -> None:
    stop = threading.Event()

    def fails(_: threading.Event) -> None:
        raise OSError("port taken")

    roles = Roles(stop)
    roles.start("waits", _waits)
    roles.start("cloud", fails)
    assert roles.wait(5)
    with pytest.raises(RoleError, match="cloud: port taken"):
        roles.close()


def test_a_role_that_does_not_stop_is_left_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    released = threading.Event()
    roles = Roles(threading.Event(), stop_seconds=0.01)
    roles.start("stuck", lambda _: _waits(released))
    roles.close()
    assert "stuck did not stop" in caplog.text
    released.set()


def test_a_mistake_of_ours_is_told_without_its_text() -> None:
    def fails(_: threading.Event) -> None:
        int("captured 4111111111111111")

    roles = Roles(threading.Event())
    roles.start("digger", fails)
    with pytest.raises(RoleError) as caught:
        roles.close()
    assert "digger: ValueError at " in str(caught.value)
    assert "4111" not in str(caught.value)
