"""Captures of real peers, cut at every place and with every segment dropped.

Whatever is missing: no pair says what was not said in one exchange, neither in a head
nor in a body, and no exchange is told twice. What was found, of all, is printed for
`make peers PYTEST_ARGS="-rP -k missing"`.
"""

import shutil
import struct
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from rings.packets.block import PCAP, Block, Layout
from rings.pairs.message import Pair
from rings.streams.assembler import Assembler
from tests.peers.network import Frames
from tests.peers.oracle import Truth, exchanges
from tests.peers.programs import (
    ENVOY,
    GO,
    GO_GRPC,
    GRPCIO,
    JAVA,
    NGHTTPD,
    NGINX,
    PORTS,
    curl_upgrading,
    go_call,
    go_get,
    grpc_java,
    grpcio,
    nghttp,
)
from tests.rings.wire import ALL, assert_closed, pcap_records

TALKS = {
    "nginx": [nghttp(NGINX, 12), nghttp(NGINX, 12, "-m", "3")],
    "nghttpd": [nghttp(NGHTTPD, 12, "--padding=200", "--continuation")],
    "Go": [go_get(GO, 40, 10), curl_upgrading(GO, 5, 1)],
    "Go by gRPC": [go_call(GO_GRPC, 40, 10)],
    "grpcio": [grpcio(GRPCIO, 40)],
    "grpc-java": [grpc_java(JAVA, 40)],
    "Envoy": [go_get(ENVOY, 15, 5)],
}
READ = ("nginx", "Go", "Go by gRPC", "Envoy")
_PCAP = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
DROPPED, CUT = 0.9, 0.05
"""Of the exchanges, that are pairs at least, on average: one segment missing; read from
somewhere on. In a single burst of long padded frames no header begins a segment."""
OF_BURST = {"nghttpd": (0.5, 0.02)}


@pytest.mark.parametrize("name", TALKS)
def test_no_missing_segment_makes_a_wrong_pair(
    name: str, talk: Callable[..., Frames]
) -> None:
    frames = talk(*TALKS[name])
    wanted = exchanges(frames, PORTS)
    records = [pcap_records([frame]) for frame in frames]
    truth = Truth(wanted)
    assert truth.check(read(records)) == len(wanted)
    dropped = (records[:n] + records[n + 1 :] for n in range(len(records)))
    cut = (records[n:] for n in range(len(records)))
    least = OF_BURST.get(name, (DROPPED, CUT))
    found = []
    for cases, share in zip((dropped, cut), least, strict=True):
        paired = sum(truth.check(read(case)) for case in cases)
        found.append(paired / len(records) / len(wanted))
        assert found[-1] > share
    one, start = (f"{share:.1%}" for share in found)
    print(f"{name}: {len(records)} segments; one missing {one}, cut {start}")


def test_tshark_sees_the_same(talk: Callable[..., Frames], tmp_path: Path) -> None:
    """Paths and statuses of HTTP/2. tshark tells none of heads in CONTINUATION, as
    nghttp sends them, and few of grpcio's."""
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    frames = [frame for name in READ for frame in talk(*TALKS[name])]
    file = tmp_path / "all.pcap"
    file.write_bytes(_PCAP + pcap_records(frames))
    command = ["tshark", "-r", str(file), "-Y", "http2.header", "-T", "fields"]
    for field in ("http2.headers.path", "http2.headers.status"):
        command += ["-e", field]
    for port in PORTS:
        command += ["-d", f"tcp.port=={port},http"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    columns = [line.split(b"\t") for line in done.stdout.splitlines()]
    paths, statuses = (
        Counter(value for line in columns for value in line[place].split(b",") if value)
        for place in (0, 1)
    )
    pairs = read([pcap_records(frames)])
    asked = Counter(
        pair.request.target for pair in pairs if b":path: " in pair.request.head
    )
    answered = Counter(b"%d" % pair.response.status for pair in pairs if pair.response)
    statuses = Counter({s: n for s, n in statuses.items() if not s.startswith(b"1")})
    assert (asked, answered) == (paths, statuses)
    assert asked.total() > 150


def read(records: list[bytes]) -> list[Pair]:
    data = b"".join(records)
    assembler = Assembler(ALL)
    layout = Layout(PCAP, nanoseconds=True)
    pairs = list(assembler.feed(Block(memoryview(data or b"\0"), layout, 0, len(data))))
    pairs += assembler.close()
    assert_closed(assembler)
    return pairs
