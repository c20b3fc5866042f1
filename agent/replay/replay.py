"""`vethscope replay`: the same core from capture files.

In come capture files, each its own world of connections; out go one JSON line a pair,
or a pair with findings, the coverage counters, or a summary table. Bodies are never
written, only their sizes and SHA-256. A file that cannot be read to its end gives what
was readable, then one line on standard error, and the exit status is 1.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from agent.digger.descriptors import take_file
from agent.replay.findings import Findings
from agent.replay.lines import line
from detection.protobuf.schemas import Schemas
from rings.limits import Limits
from rings.packets.block import MalformedBlockError
from rings.packets.pcap import CaptureError, read_blocks
from rings.pairs.message import Pair
from rings.stats import Stats
from rings.streams.assembler import Assembler

_JSON = msgspec.json.Encoder()


class FileReport(msgspec.Struct):
    """A file's coverage counters."""

    file: str
    buckets: dict[str, int]
    counts: dict[str, int]
    unpaired: dict[str, int]
    error: str | None


class Report(msgspec.Struct):
    """What `--report` writes: the sums, then each file."""

    buckets: dict[str, int]
    counts: dict[str, int]
    unpaired: dict[str, int]
    files: list[FileReport]


def replay(
    files: list[str],
    pairs: str | None,
    report: str | None,
    all_content_types: bool,
    body_bytes: int,
    tunnels: bool = True,
    findings: str | None = None,
    catalog: str = "",
    descriptors: Iterable[str] = (),
) -> int:
    """Replays files; the exit status. Outputs are paths or `-`.

    `tunnels` looks for TCP inside of VXLAN, GRE, MPLS and the like. `catalog` is the
    user's own data types for `findings`, `descriptors` are FileDescriptorSets with
    names of protobuf fields.

    Raises OSError if an output cannot be written or descriptors cannot be read,
    CatalogError.
    """
    limits = Limits(
        keep_all_bodies=True,
        body_bytes=body_bytes,
        tunnels=tunnels,
        offline=True,
        in_parts=False,
    )
    reports: list[FileReport] = []
    total = Stats()
    found = _findings(catalog, body_bytes, descriptors) if findings else None
    with (
        _opened(pairs) as lines,
        _opened(findings) as told,
        _progress(files) as advance,
    ):
        for file in files:
            assembler = Assembler(limits)
            error = None
            try:
                for some in _pairs(assembler, file, advance):
                    if not all_content_types:
                        some = [pair for pair in some if pair.is_json]
                    if lines:
                        _write(lines, [line(file, pair, body_bytes) for pair in some])
                    if found and told:
                        _write(told, found.feed_all(file, some))
            except (CaptureError, OSError) as failure:
                error = _told(file, failure)
            if found and told:
                _write(told, found.flush())
            stats = assembler.total()
            total.add(stats)
            reports.append(
                FileReport(
                    file, stats.buckets(), stats.counts(), stats.unpaired(), error
                )
            )
            if error:
                print(f"vethscope: {error}", file=sys.stderr)
    with _opened(report) as target:
        if target:
            whole = Report(total.buckets(), total.counts(), total.unpaired(), reports)
            _write(target, [whole])
    if found and sys.stdout.isatty():
        found.print_table(Console(markup=False))
    if not pairs and not report and not findings:
        _print_summary(reports)
    return 1 if any(done.error for done in reports) else 0


def _findings(catalog: str, body_bytes: int, descriptors: Iterable[str]) -> Findings:
    schemas = Schemas()
    for path in descriptors:
        take_file(Path(path), schemas)
    return Findings(catalog, body_bytes, schemas)


def _pairs(assembler: Assembler, file: str, advance: "Advance") -> Iterator[list[Pair]]:
    """The file's pairs, those before a broken place too. Raises CaptureError."""
    try:
        for block in read_blocks(file):
            before = block.position
            yield assembler.feed(block)
            advance(block.position - before)
    except MalformedBlockError as error:
        yield assembler.close()
        raise CaptureError(f"{file}: is not readable to its end: {error}") from None
    except CaptureError:
        yield assembler.close()
        raise
    yield assembler.close()


def _write(target: BinaryIO, values: Iterable[msgspec.Struct]) -> None:
    target.write(_JSON.encode_lines(list(values)))


def _told(file: str, failure: Exception) -> str:
    if isinstance(failure, OSError):
        return f"{file}: {failure.strerror or 'cannot be read'}"
    return str(failure)


@contextmanager
def _opened(path: str | None) -> Iterator[BinaryIO | None]:
    if path is None:
        yield None
    elif path == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
    else:
        with Path(path).open("wb") as file:
            yield file


class Advance:
    """Tells how many bytes more were walked."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("replay", total=total) if progress else None

    def __call__(self, size: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, size)


@contextmanager
def _progress(files: Iterable[str]) -> Iterator[Advance]:
    if not sys.stderr.isatty():
        yield Advance(None, 0)
        return
    sizes = (Path(file) for file in files)
    total = sum(path.stat().st_size for path in sizes if path.is_file())
    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield Advance(progress, total)


def _print_summary(reports: list[FileReport]) -> None:
    table = Table("file")
    for name in ("pairs", "not JSON", "unanswered", "gap bytes", "captured"):
        table.add_column(name, justify="right")
    for done in reports:
        counts = done.counts
        table.add_row(
            done.file,
            str(counts["pairs"]),
            str(counts["pairs_not_json"]),
            str(counts["unpaired_no_response"]),
            str(counts["gap_bytes"]),
            f"{counts['payload_bytes']:,} B",
        )
    Console(markup=False).print(table)
