"""Captures that the demo makes itself, read back by the capture core."""

from pathlib import Path

from agent.demo.capture import Capture
from rings.packets.pcap import read_blocks
from rings.pairs.message import Pair
from rings.stats import Stats
from rings.streams.assembler import Assembler

START_NS = 1_767_225_600_000_000_000
COUNT = 230


def replayed(folder: Path, *pieces: bytes) -> tuple[list[Pair], Stats]:
    assembler = Assembler()
    pairs: list[Pair] = []
    for number, piece in enumerate(pieces):
        file = folder / f"{number}.pcap"
        file.write_bytes(piece)
        for block in read_blocks(str(file)):
            pairs += assembler.feed(block)
    return pairs, assembler.total()


def test_every_json_exchange_becomes_a_pair(tmp_path: Path) -> None:
    capture = Capture(1)
    pairs, stats = replayed(tmp_path, capture.piece(0, COUNT, START_NS, 500))
    assert capture.counts.exchanges == COUNT
    assert len(pairs) == capture.counts.json_exchanges
    assert stats.pairs_not_json == COUNT - len(pairs)
    assert not any(stats.unpaired().values())


def test_kept_connections_go_on_in_the_next_piece(tmp_path: Path) -> None:
    capture = Capture(1)
    pieces = [capture.piece(n, 23, START_NS + n * 10**9, 500) for n in (0, 23, 46)]
    pairs, stats = replayed(tmp_path, *pieces)
    assert len(pairs) == capture.counts.json_exchanges
    assert stats.unsynchronized_bytes == 0


def test_both_address_families_are_there(tmp_path: Path) -> None:
    pairs, _ = replayed(tmp_path, Capture(1).piece(0, 60, START_NS, 500))
    assert {len(pair.server) for pair in pairs} == {4, 16}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    pieces = [Capture(seed).piece(0, 60, START_NS, 500) for seed in (1, 1, 2)]
    assert pieces[0] == pieces[1] != pieces[2]
