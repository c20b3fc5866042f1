"""Connections that are shed: their numbers, their ends and their samples."""

import random
from collections import Counter
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rings.limits import Limits
from rings.packets.shedding import LEVELS, SAMPLED, flow_number, sampling
from rings.streams.assembler import Assembler
from tests.rings.wire import (
    CLIENT,
    SERVER,
    START_NS,
    Conversation,
    assert_closed,
    block_of,
    ethernet,
    ipv4,
    request,
    response,
    tcp,
)

keys = st.binary(min_size=12, max_size=12) | st.binary(min_size=36, max_size=36)
seeds = st.integers(0, 0xFFFFFFFF)


def opposite(key: bytes) -> bytes:
    size = len(key) // 2 - 2
    one, other = key[:size], key[size : 2 * size]
    return other + one + key[-2:] + key[-4:-2]


@given(keys, seeds)
def test_both_directions_have_the_same_number(key: bytes, seed: int) -> None:
    assert 0 <= flow_number(key, seed) < LEVELS
    assert flow_number(opposite(key), seed) == flow_number(key, seed)


def keys_of_one_client(count: int) -> list[bytes]:
    """Ports in turn to one server: the least different connections there are."""
    ends = bytes((10, 0, 0, 1, 10, 0, 0, 2))
    ports = range(32_768, 32_768 + count)
    return [ends + port.to_bytes(2, "big") + b"\x1f\x90" for port in ports]


def test_a_level_leaves_out_its_share() -> None:
    chance = random.Random(1)
    for _ in range(20):
        seed = chance.getrandbits(32)
        numbers = [flow_number(key, seed) for key in keys_of_one_client(4096)]
        for level in (16, 64, 128, 192, 240):
            share = sum(number < level for number in numbers) / len(numbers)
            assert abs(share - level / LEVELS) < 0.05


def test_another_seed_leaves_out_others() -> None:
    one, other = (
        {key for key in keys_of_one_client(4096) if flow_number(key, seed) < 128}
        for seed in (1, 2)
    )
    assert 0.2 < len(one & other) / 4096 < 0.3


def test_the_more_is_shed_the_fewer_are_sampled() -> None:
    places = [sampling(level) for level in range(LEVELS + 1)]
    assert places == sorted(places)
    assert (places[1], places[128], places[-1]) == (0, 0, len(SAMPLED) - 1)
    for level in (100, 200, 230, 250):
        samples = level / SAMPLED[places[level]]
        assert samples <= (LEVELS - level) / SAMPLED[0]


def test_all_numbers_occur() -> None:
    counts = Counter(flow_number(key, 7) for key in keys_of_one_client(16_384))
    assert len(counts) == LEVELS
    assert max(counts.values()) < 4 * 16_384 / LEVELS


def exchange(port: int) -> Conversation:
    talk = Conversation((port, 80)).open()
    talk.ask(request("/answered"))
    talk.answer(response(b"{}"))
    return talk


def key_of(talk: Conversation) -> bytes:
    ports = b"".join(port.to_bytes(2, "big") for port in talk.ports)
    return ip_address(CLIENT).packed + ip_address(SERVER).packed + ports


def test_shed_connections_end_and_come_back_as_new_ones() -> None:
    talks = [exchange(port) for port in range(40_000, 40_032)]
    assembler = Assembler(Limits(keep_all_bodies=True))
    pairs = assembler.feed(block_of([f for talk in talks for f in talk.frames()]))
    assert len(pairs) == 32
    for talk in talks:
        talk.ask(request("/never-answered"))
    assembler.feed(block_of([talk.frames()[-1] for talk in talks]))
    pairs = assembler.shed(128, seed=3)
    is_shed = {talk.ports[0]: flow_number(key_of(talk), 3) < 128 for talk in talks}
    total = assembler.total()
    assert 0 < total.connections_shed < 32
    assert total.connections_shed == sum(is_shed.values())
    assert {pair.client_port for pair in pairs} == {p for p in is_shed if is_shed[p]}
    assert all(pair.response is None for pair in pairs)
    assert total.unpaired_no_response == len(pairs)
    for talk in talks:
        talk.answer(response(b"{}"))
    late = assembler.feed(block_of([talk.frames()[-1] for talk in talks]))
    assert {pair.client_port for pair in late} == is_shed.keys() - {
        pair.client_port for pair in pairs
    }
    assert assembler.total().connections == 32 + total.connections_shed
    assert assembler.shed(0, seed=3) == []
    assembler.close()
    assert_closed(assembler)


def test_closed_connections_are_forgotten_and_not_counted() -> None:
    talk = exchange(40_000)
    talk.close()
    assembler = Assembler()
    assembler.feed(block_of(talk.frames()))
    assert assembler.shed(LEVELS, seed=1) == []
    assert assembler.total().connections_shed == 0
    assert not assembler.view(0).connections


@pytest.mark.parametrize("place", range(len(SAMPLED)))
def test_samples_of_shed_connections_are_counted_by_length(place: int) -> None:
    whole = ethernet(ipv4(tcp(b"x" * 500)))
    cut = whole[: 47 + place]
    assembler = Assembler()
    assembler.feed(block_of([(START_NS, cut)], lengths={0: len(whole)}))
    total = assembler.total()
    size = SAMPLED[place]
    assert (total.shed_segments, total.shed_bytes) == (size, 500 * size)
    assert (total.segments, total.malformed, total.connections) == (0, 0, 0)
    assert_closed(assembler)


@pytest.mark.parametrize(
    ("cut", "length", "is_offline"),
    [(46, 554, False), (51, 554, False), (47, 47, False), (47, 554, True)],
)
def test_other_cut_frames_are_no_samples(
    cut: int, length: int, is_offline: bool
) -> None:
    whole = ethernet(ipv4(tcp(b"x" * 500)))
    assembler = Assembler(Limits(offline=is_offline))
    assembler.feed(block_of([(START_NS, whole[:cut])], lengths={0: length}))
    total = assembler.total()
    assert (total.malformed, total.shed_segments, total.shed_bytes) == (1, 0, 0)


def test_a_sample_of_false_lengths_is_malformed() -> None:
    whole = ethernet(ipv4(tcp(b"x" * 20), length=30))
    assembler = Assembler()
    assembler.feed(block_of([(START_NS, whole[:47])], lengths={0: len(whole)}))
    assert assembler.total().malformed == 1
