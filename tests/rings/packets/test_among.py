"""A filter's beginning that passes packets among addresses, run by the kernel."""

import contextlib
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from rings.packets.among import MOST_ADDRESSES, among, outward
from rings.packets.filters import FilterError, monitoring
from tests.rings.packets.test_filters import LOOPBACK, Tap, segment
from tests.rings.wire import ethernet, ipv4, ipv6

POD, PROXY, OTHER = "10.0.0.5", "127.0.0.6", "192.0.2.9"
POD_6, PROXY_6, OTHER_6 = "2001:db8::5", "::6", "2001:db8::9"
GIVEN = [ip_address(a).packed for a in (POD, PROXY, POD_6, PROXY_6, "10.0.0.6")]


def between(source: str, destination: str) -> tuple[bytes, int]:
    """A frame and its Ethernet type."""
    if ":" in source:
        packet = ipv6(segment(b"x"), source=source, target=destination)
        return ethernet(packet, 0x86DD), 0x86DD
    return ethernet(ipv4(segment(b"x"), source=source, target=destination)), 0x0800


@pytest.fixture
def tap(own_network: None) -> Iterator[Tap]:
    with contextlib.closing(Tap()) as tap:
        yield tap


@pytest.mark.parametrize(
    ("source", "destination", "is_passed"),
    [
        (PROXY, POD, True),
        (POD, PROXY, True),
        (POD, "10.0.0.6", True),
        (PROXY_6, POD_6, True),
        (POD_6, POD_6, True),
        (POD, OTHER, False),
        (OTHER, POD, False),
        (POD_6, OTHER_6, False),
        (OTHER_6, POD_6, False),
        ("2001:db8::6", POD_6, False),
    ],
)
def test_only_packets_among_the_addresses_go_on(
    tap: Tap, source: str, destination: str, is_passed: bool
) -> None:
    tap.attach(among(GIVEN) + monitoring({LOOPBACK}))
    assert tap.passes(*between(source, destination)) is is_passed


def test_addresses_of_one_family_pass_none_of_the_other(tap: Tap) -> None:
    tap.attach(among(GIVEN[:2]) + monitoring({LOOPBACK}))
    assert tap.passes(*between(PROXY, POD))
    assert not tap.passes(*between(PROXY_6, POD_6))


def test_without_addresses_all_go_on(tap: Tap) -> None:
    tap.attach(among([]) + monitoring({LOOPBACK}))
    assert tap.passes(*between(OTHER, OTHER))


def test_what_is_not_ip_is_dropped(tap: Tap) -> None:
    tap.attach([*among(GIVEN), (0x06, 0, 0, 0xFFFF)])
    frame, _ = between(PROXY, POD)
    assert not tap.passes(frame[:12] + b"\x88\xb5" + frame[14:], 0x88B5)


def test_the_most_addresses_fit_and_one_more_is_refused(tap: Tap) -> None:
    most = [
        *GIVEN,
        *(bytes([10, 1, 0, n]) for n in range(29)),
        *(bytes([32]) * 15 + bytes([n]) for n in range(30)),
    ]
    assert len(most) == MOST_ADDRESSES
    tap.attach(among(most) + monitoring({LOOPBACK}))
    assert tap.passes(*between(PROXY, POD))
    with pytest.raises(FilterError):
        among([*most, bytes(16)])


@pytest.mark.parametrize(
    ("source", "destination", "is_passed"),
    [
        (OTHER, POD, True),
        (POD, OTHER, True),
        (OTHER_6, POD_6, True),
        (POD_6, OTHER_6, True),
        ("::2", "::3", True),
        ("127.0.0.1", POD, False),
        (POD, "127.0.0.1", False),
        (POD, "127.9.9.9", False),
        ("::1", POD_6, False),
        (POD_6, "::1", False),
    ],
)
def test_outward_drops_what_has_a_loopback_address(
    tap: Tap, source: str, destination: str, is_passed: bool
) -> None:
    tap.attach(outward() + monitoring({LOOPBACK}))
    assert tap.passes(*between(source, destination)) is is_passed
