"""`vethscope replay`: the same core from capture files.

In come capture files, each its own world of connections; out go one JSON line a pair,
or a pair with findings, the coverage counters, or a summary table. Bodies are never
written, only their sizes and SHA-256. A file that cannot be read to its end gives what
was readable, then one line on standard error, and the exit status is 1.
"""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TextIO

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from agent.findings import Findings
from rings.assembler import Assembler
from rings.block import MalformedBlockError
from rings.content import decode
from rings.limits import Limits
from rings.message import Message, Pair
from rings.pcap import CaptureError, read_blocks
from rings.stats import Stats


class Line(msgspec.Struct):
    """A pair as the contract of `--pairs` has it."""

    file: str
    connection: int
    client: str
    server: str
    method: str
    target: str
    status: int | None
    request_content_type: str | None
    response_content_type: str | None
    request_body_bytes: int
    request_body_sha256: str
    response_body_bytes: int | None
    response_body_sha256: str | None
    truncated: bool
    gaps: int
    started_ns: int
    answered_ns: int | None


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
) -> int:
    """Replays files; the exit status. Outputs are paths or `-`.

    `tunnels` looks for TCP inside of VXLAN, GRE, MPLS and the like. `catalog` is the
    user's own data types for `findings`.

    Raises OSError if an output cannot be written, CatalogError.
    """
    limits = Limits(
        keep_all_bodies=True, body_bytes=body_bytes, tunnels=tunnels, offline=True
    )
    reports: list[FileReport] = []
    total = Stats()
    found = Findings(catalog, body_bytes) if findings else None
    with (
        _opened(pairs) as lines,
        _opened(findings) as told,
        _progress(files) as advance,
    ):
        for file in files:
            assembler = Assembler(limits)
            error = None
            try:
                for pair in _pairs(assembler, file, advance):
                    if not all_content_types and not pair.is_json:
                        continue
                    if lines:
                        _write(lines, line(file, pair, body_bytes))
                    if found and told:
                        _write_all(told, found.feed(file, pair))
            except (CaptureError, OSError) as failure:
                error = _told(file, failure)
            if found and told:
                _write_all(told, found.flush())
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
            _write(target, whole)
    if found and sys.stdout.isatty():
        found.print_table(Console(markup=False))
    if not pairs and not report and not findings:
        _print_summary(reports)
    return 1 if any(done.error for done in reports) else 0


def line(file: str, pair: Pair, limit: int) -> Line:
    """The pair's JSON line."""
    request, response = pair.request, pair.response
    request_body, request_whole = _content(request, limit)
    response_body, response_whole = (
        _content(response, limit) if response else (b"", True)
    )
    return Line(
        file=file,
        connection=pair.connection,
        client=_endpoint(pair.client, pair.client_port),
        server=_endpoint(pair.server, pair.server_port),
        method=request.method.decode("latin-1"),
        target=request.target.decode("latin-1"),
        status=response.status if response else None,
        request_content_type=_content_type(request),
        response_content_type=_content_type(response) if response else None,
        request_body_bytes=len(request_body),
        request_body_sha256=hashlib.sha256(request_body).hexdigest(),
        response_body_bytes=len(response_body) if response else None,
        response_body_sha256=(
            hashlib.sha256(response_body).hexdigest() if response else None
        ),
        truncated=not (request_whole and response_whole),
        gaps=request.gap_bytes + (response.gap_bytes if response else 0),
        started_ns=request.first_ns,
        answered_ns=response.first_ns if response else None,
    )


def _pairs(assembler: Assembler, file: str, advance: "Advance") -> Iterator[Pair]:
    """The file's pairs, those before a broken place too. Raises CaptureError."""
    try:
        for block in read_blocks(file):
            before = block.position
            yield from assembler.feed(block)
            advance(block.position - before)
    except MalformedBlockError as error:
        yield from assembler.close()
        raise CaptureError(f"{file}: is not readable to its end: {error}") from None
    except CaptureError:
        yield from assembler.close()
        raise
    yield from assembler.close()


def _content(message: Message, limit: int) -> tuple[bytes, bool]:
    body = bytes(message.body)
    codings = b",".join(
        (message.field(b"content-encoding"), message.field(b"transfer-encoding"))
    )
    codings = b",".join(name for name in codings.split(b",") if _is_coded(name))
    if not codings:
        return body, not message.truncated
    decoded, is_whole = decode(codings, body, limit)
    return decoded, is_whole and not message.truncated


def _is_coded(name: bytes) -> bool:
    """Chunks were joined by the parser."""
    return name.strip().lower() not in (b"", b"chunked")


def _content_type(message: Message) -> str | None:
    return message.content_type.decode("latin-1") or None


def _endpoint(address: bytes, port: int) -> str:
    ip = ip_address(address)
    return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"


def _write(target: TextIO, value: msgspec.Struct) -> None:
    target.write(msgspec.json.encode(value).decode() + "\n")


def _write_all(target: TextIO, values: Iterable[msgspec.Struct]) -> None:
    for value in values:
        _write(target, value)


def _told(file: str, failure: Exception) -> str:
    if isinstance(failure, OSError):
        return f"{file}: {failure.strerror or 'cannot be read'}"
    return str(failure)


@contextmanager
def _opened(path: str | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
    elif path == "-":
        yield sys.stdout
        sys.stdout.flush()
    else:
        with Path(path).open("w") as file:
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
