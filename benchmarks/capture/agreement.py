"""Exchanges of real captures, as tshark and as the capture core see them.

In come capture files, out goes every difference in (connection, method, target,
status) and the shares that agree; connections are told by their ports. tshark is asked
twice: it gives up a response whose body it cannot put together, and with
`http.desegment_body` off it does not wait for bodies. Then every file is read again,
cut at random places: nothing may raise, and every byte must land in one bucket.

Usage: python -m benchmarks.capture.agreement [--cuts N] [--seed N] FILE...
"""

import argparse
import random
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rings.limits import Limits
from rings.packets.block import MalformedBlockError
from rings.packets.pcap import CaptureError, read_blocks
from rings.pairs.message import Pair
from rings.streams.assembler import Assembler

LIMITS = Limits(keep_all_bodies=True, tunnels=True, offline=True, in_parts=False)
_FIELDS = (
    "frame.number tcp.stream tcp.srcport tcp.dstport "
    "http.request.method http.request.uri http.response.code http.request_in"
).split()
_BETWEEN, _WITHIN = "\x1f", "\x1e"

Exchange = tuple[str, str, str, int | None]
"""Ports, method, target and status; None: unanswered."""


@dataclass
class Request:
    """One that tshark saw."""

    frame: str
    exchange: tuple[str, str, str]
    status: int | None = None


@dataclass
class Agreement:
    """Sums over files."""

    theirs: int = 0
    same: int = 0
    same_to_either: int = 0
    same_but_status: int = 0
    ours_only: int = 0
    lines: list[str] = field(default_factory=list)

    def add(self, name: str, ours: list[Exchange], path: Path) -> None:
        """Compares one file's."""
        strict = Counter(theirs(path, True))
        lenient = Counter(theirs(path, False))
        mine = Counter(ours)
        missing, more = strict - mine, mine - strict
        unknown = more - lenient
        self.theirs += strict.total()
        self.same += strict.total() - missing.total()
        told = more.total() - unknown.total()
        self.same_to_either += strict.total() - max(0, missing.total() - told)
        self.ours_only += max(0, more.total() - missing.total())
        rest = Counter(one[:3] for one in missing.elements())
        self.same_but_status += (
            strict.total() - (rest - Counter(one[:3] for one in more)).total()
        )
        for sign, some in (("-", missing), ("+", more)):
            for one in some.elements():
                either = " (tshark too, not waiting)" if one in lenient else ""
                self.lines.append(f"{sign} {name}: {' '.join(map(str, one))}{either}")


def theirs(path: Path, waits: bool) -> Iterator[Exchange]:
    """What tshark sees; `waits` for whole bodies, as it does if not told otherwise."""
    requests: defaultdict[str, list[Request]] = defaultdict(list)
    responses: list[tuple[str, int, str]] = []
    for row in _rows(path, waits):
        number, stream = row["frame.number"][0], row["tcp.stream"][-1]
        ends = f"{row['tcp.srcport'][-1]}-{row['tcp.dstport'][-1]}"
        for method, target in zip(
            row["http.request.method"], row["http.request.uri"], strict=False
        ):
            requests[stream].append(Request(number, (ends, method, target)))
        asked = row["http.request_in"]
        for place, code in enumerate(row["http.response.code"]):
            if int(code) >= 200 or code == "101":
                responses.append(
                    (stream, int(code), asked[place] if place < len(asked) else "")
                )
    for stream, status, frame in responses:
        for one in requests[stream]:
            if one.status is None and frame in ("", one.frame):
                one.status = status
                break
    for several in requests.values():
        for one in several:
            yield *one.exchange, one.status


def _rows(path: Path, waits: bool) -> Iterator[dict[str, list[str]]]:
    """Frames with a head, each field's values."""
    command = ["tshark", "-r", str(path), "-o", "tcp.reassemble_out_of_order:TRUE"]
    command += ["-o", f"http.desegment_body:{str(waits).upper()}"]
    command += ["-Y", "tcp && (http.request || http.response)", "-T", "fields"]
    command += ["-E", f"separator={_BETWEEN}", "-E", f"aggregator={_WITHIN}"]
    for name in _FIELDS:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    for line in done.stdout.decode("utf-8", "replace").split("\n"):
        cells = line.split(_BETWEEN)
        if len(cells) == len(_FIELDS):
            yield {
                name: cell.split(_WITHIN) if cell else []
                for name, cell in zip(_FIELDS, cells, strict=True)
            }


def ours(path: Path) -> tuple[list[Exchange], str]:
    """What the core sees, and why it could not read on."""
    assembler, pairs, failure = Assembler(LIMITS), list[Pair](), ""
    try:
        for block in read_blocks(str(path)):
            pairs += assembler.feed(block)
    except (CaptureError, MalformedBlockError) as error:
        failure = str(error)
    pairs += assembler.close()
    stats = assembler.total()
    assert stats.payload_bytes == sum(stats.buckets().values()), "bytes do not add up"
    assert stats.in_flight_bytes == assembler.budget.held_bytes == 0, "bytes are left"
    return [_exchange(pair) for pair in pairs], failure


def _exchange(pair: Pair) -> Exchange:
    ends = f"{pair.client_port}-{pair.server_port}"
    method = pair.request.method.decode("latin-1")
    target = pair.request.target.decode("utf-8", "replace")
    status = pair.response.status if pair.response else None
    return ends, method, target, status


def cut(path: Path, cuts: int, chance: random.Random) -> None:
    """Reads the file's beginnings."""
    data = path.read_bytes()
    with tempfile.NamedTemporaryFile() as part:
        for _ in range(cuts):
            size = chance.randrange(len(data))
            Path(part.name).write_bytes(data[:size])
            ours(Path(part.name))


def main() -> None:
    """Compares and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("files", nargs="+", type=Path)
    options = parser.parse_args()
    agreement, chance = Agreement(), random.Random(options.seed)
    for path in options.files:
        exchanges, failure = ours(path)
        if failure:
            agreement.lines.append(f"! {failure}")
        agreement.add(path.name, exchanges, path)
        cut(path, options.cuts, chance)
    print("\n".join(agreement.lines))
    total = agreement.theirs
    for count, what in (
        (agreement.same, "the same in all parts"),
        (agreement.same_to_either, "the same, waiting for bodies or not"),
        (agreement.same_but_status, "the same but for the status"),
    ):
        print(f"{count:5} of {total} ({count / total:.1%}) {what}")
    print(f"{agreement.ours_only:5} more here")
    cuts = options.cuts * len(options.files)
    print(f"{cuts:5} cut files read, every byte in one bucket")


if __name__ == "__main__":
    main()
