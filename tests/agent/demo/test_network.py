"""Which addresses the demo's network takes; the network itself is in tests/netns."""

from ipaddress import ip_network

from agent.demo.network import (
    OUTSIDE_RANGES,
    PODS_RANGES,
    Network,
    Ranges,
    free_blocks,
)

RANGE_V4 = ip_network("198.19.240.0/20")


def free(taken: list[Network], families: list[int], start: int = 0) -> list[str]:
    return [str(block) for block in free_blocks(PODS_RANGES, taken, families, start)]


def test_the_first_blocks_are_taken_when_free() -> None:
    assert free([], [4, 6]) == ["198.19.240.0/26", "2001:db8:7e57::/64"]


def test_blocks_that_meet_a_route_are_passed_over() -> None:
    taken = [ip_network("198.19.240.0/25"), ip_network("198.19.240.130/32")]
    assert free(taken, [4]) == ["198.19.240.192/26"]


def test_the_next_range_follows_when_one_is_taken() -> None:
    assert free([RANGE_V4], [4]) == ["192.0.2.0/26"]


def test_a_family_without_a_free_block_is_left_out() -> None:
    taken = [RANGE_V4, ip_network("192.0.2.0/24"), ip_network("2001:db8:7e57::7/128")]
    assert free(taken, [4, 6]) == ["2001:db8:7e57:1::/64"]


def test_nothing_is_free_when_all_is_taken() -> None:
    assert free([ip_network("0.0.0.0/1"), ip_network("128.0.0.0/1")], [4]) == []


def test_other_starts_give_other_blocks() -> None:
    starts = range(64)
    found = {block for start in starts for block in free([], [4], start)}
    assert len(found) == len(starts)


def test_pods_and_who_is_outside_never_share_a_block() -> None:
    def ranges(known: Ranges) -> list[Network]:
        return [ip_network(text) for texts in known.values() for text in texts]

    assert not [
        (one, other)
        for one in ranges(PODS_RANGES)
        for other in ranges(OUTSIDE_RANGES)
        if one.version == other.version and one.overlaps(other)
    ]
