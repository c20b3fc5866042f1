"""What real peers stream: the parts of an exchange are all of it, byte for byte."""

import json
import subprocess
import sys
from collections import defaultdict
from hashlib import sha256

import pytest

from proto.v1.collector_pb2 import GRPC, SSE, WEBSOCKET
from rings.limits import Limits
from rings.pairs.message import Pair
from tests.peers import flowing, programs
from tests.peers.network import captured, network
from tests.rings.wire import collect

PROTOCOLS = {
    flowing.METHOD: GRPC,
    **dict.fromkeys(flowing.EVENTS, SSE),
    flowing.CHAT: WEBSOCKET,
}


def test_streams_of_real_peers_are_told_whole() -> None:
    if lacking := programs.missing():
        pytest.skip(f"not installed: {lacking}; see make servers")
    command = [sys.executable, "-m", "tests.peers.flowing"]
    with network(), captured() as frames:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    pairs, assembler = collect(frames, Limits(part_bytes=4096))
    exchanges = defaultdict[str, list[Pair]](list)
    for pair in pairs:
        exchanges[pair.request.target.decode()].append(pair)
    digests = {
        target: [digest(parts, True), digest(parts, False)]
        for target, parts in exchanges.items()
    }
    assert digests == json.loads(done.stdout)
    for target, parts in exchanges.items():
        assert len(parts) > 10
        assert sum(part.exchanges for part in parts) == 1
        assert {part.request.protocol for part in parts} == {PROTOCOLS[target]}
    stats = assembler.total()
    assert (stats.pairs, stats.websockets, stats.bodies_truncated) == (7, 1, 0)
    assert (stats.http2_connections, stats.coded_streams_left) == (3, 0)
    (compressed,) = {
        pair.response.head for pair in exchanges[flowing.COMPRESSED] if pair.response
    }
    assert b"\r\ncontent-encoding:     \r\n" in compressed


def digest(parts: list[Pair], is_asking: bool) -> str:
    """Of one side's bodies in a row."""
    whole = sha256()
    for part in parts:
        message = part.request if is_asking else part.response
        whole.update(message.body if message else b"")
    return whole.hexdigest()
