"""Which addresses the demo's network takes; the network itself is in tests/netns."""

from ipaddress import ip_network

from agent.demo.network import free_blocks

RANGE_V4 = ip_network("198.19.252.0/22")
DOCUMENTATION = [
    ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
]


def test_the_first_blocks_are_taken_when_free() -> None:
    assert [str(block) for block in free_blocks([], [4, 6])] == [
        "198.19.252.0/29",
        "2001:db8:7e57::/64",
    ]


def test_blocks_that_meet_a_route_are_passed_over() -> None:
    taken = [ip_network("198.19.252.0/24"), ip_network("198.19.253.4/32")]
    assert [str(block) for block in free_blocks(taken, [4])] == ["198.19.253.8/29"]


def test_the_next_range_follows_when_one_is_taken() -> None:
    taken = [RANGE_V4, ip_network("192.0.2.0/24")]
    assert [str(block) for block in free_blocks(taken, [4])] == ["198.51.100.0/29"]


def test_a_family_without_a_free_block_is_left_out() -> None:
    taken = [RANGE_V4, *DOCUMENTATION, ip_network("2001:db8:7e57::7/128")]
    blocks = free_blocks(taken, [4, 6])
    assert [str(block) for block in blocks] == ["2001:db8:7e57:1::/64"]


def test_nothing_is_free_when_all_is_taken() -> None:
    assert free_blocks([ip_network("0.0.0.0/1"), ip_network("128.0.0.0/1")], [4]) == []


def test_other_starts_give_other_blocks() -> None:
    starts = range(128)
    found = {str(block) for start in starts for block in free_blocks([], [4], start)}
    assert len(found) == len(starts)
