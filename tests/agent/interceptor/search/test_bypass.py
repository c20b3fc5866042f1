"""Which pairs of interfaces do not carry all that the pod does."""

from agent.interceptor.search.bypass import LEAST_PACKETS, Bypass
from agent.interceptor.search.netlink import Counters

SAME = (Counters(900, 800), Counters(800, 900))
INWARD = (Counters(900, 0), Counters(800, 900))
OUTWARD = (Counters(0, 800), Counters(800, 900))


def test_ends_that_agree_are_no_bypass() -> None:
    bypass = Bypass()
    assert not any(bypass.compare({7: SAME}) for _ in range(3))
    assert not bypass.found


def test_either_direction_passing_by_is_found_at_the_second_comparison() -> None:
    bypass = Bypass()
    assert not bypass.compare({7: INWARD, 8: OUTWARD, 9: SAME})
    assert bypass.compare({7: INWARD, 8: OUTWARD, 9: SAME})
    assert bypass.found == {7, 8}
    assert not bypass.compare({7: INWARD, 8: OUTWARD, 9: SAME})


def test_ends_that_differed_for_a_moment_are_no_bypass() -> None:
    bypass = Bypass()
    for ends in (INWARD, SAME, INWARD, SAME):
        assert not bypass.compare({7: ends})


def test_a_few_packets_or_a_small_share_are_no_bypass() -> None:
    few = (Counters(0, 0), Counters(LEAST_PACKETS, 0))
    small = (Counters(0, 91_000), Counters(100_000, 0))
    bypass = Bypass()
    assert not any(bypass.compare({7: few, 8: small}) for _ in range(3))


def test_an_index_that_is_used_again_starts_anew() -> None:
    bypass = Bypass()
    for _ in range(2):
        bypass.compare({7: INWARD})
    bypass.forget(7)
    assert not bypass.found
    assert not bypass.compare({7: INWARD})
