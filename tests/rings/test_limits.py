"""Every bound is a positive number."""

import dataclasses

import pytest

from rings.limits import Limits


def test_bounds_are_positive() -> None:
    for field in dataclasses.fields(Limits):
        value = getattr(Limits(), field.name)
        assert value is False or value > 0


def test_bounds_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Limits().connections = 5  # type: ignore[misc]
