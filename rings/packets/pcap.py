"""Capture files as blocks: pcap and pcapng, plain, gzip or zstd, or a stream.

In comes a path (`-`: standard input), out come blocks of about `CHUNK_BYTES`, longer
where a frame is. Each must be walked to its end before the next is asked for. A plain
file is mapped, and its pages are given back behind the reader. A file that ends within
a frame, or breaks its format, gives all frames before that place and then raises
CaptureError, which says where.
"""

import gzip
import mmap
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import zstandard

from rings.packets.block import PCAP, PCAPNG, Block, Layout

CHUNK_BYTES = 1 << 20
"""Walked at once, as a ring's block is."""
_PCAP_MAGIC = {
    b"\xd4\xc3\xb2\xa1": (False, False),
    b"\xa1\xb2\xc3\xd4": (True, False),
    b"\x4d\x3c\xb2\xa1": (False, True),
    b"\xa1\xb2\x3c\x4d": (True, True),
}
_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
_PCAP_HEADER_BYTES = 24
_LINK_MASK = 0xFFFF
"""Above it the field tells whether frames end with a checksum (FCS), and of how many
bytes: the IP header's length leaves those out."""


class Source(Protocol):
    """A file, a pipe or a decompressor."""

    def read1(self, size: int, /) -> bytes: ...


class BinaryFile(Source, Protocol):
    """An open file that can be looked into."""

    def peek(self, size: int, /) -> bytes: ...

    def fileno(self) -> int: ...


class CaptureError(Exception):
    """A capture file cannot be read on; what was readable was given."""


def read_blocks(path: str) -> Iterator[Block]:
    """Blocks of a capture file. Raises CaptureError, OSError."""
    if path == "-":
        yield from _read_any(path, cast(BinaryFile, sys.stdin.buffer))
        return
    with Path(path).open("rb") as file:
        yield from _read_any(path, cast(BinaryFile, file))


def _read_any(path: str, file: BinaryFile) -> Iterator[Block]:
    magic = file.peek(4)[:4]
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(cast(BinaryIO, file)) as plain:
            yield from _read_stream(path, plain)
    elif magic == b"\x28\xb5\x2f\xfd":
        decompressor = zstandard.ZstdDecompressor()
        with decompressor.stream_reader(
            cast(BinaryIO, file), read_across_frames=True
        ) as plain:
            yield from _read_stream(path, plain)
    else:
        yield from _read_mapped(path, file)


def _read_mapped(path: str, file: BinaryFile) -> Iterator[Block]:
    try:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (ValueError, OSError):
        yield from _read_stream(path, file)
        return
    mapped.madvise(mmap.MADV_SEQUENTIAL)
    view = memoryview(mapped)
    layout, start = _layout(path, bytes(view[:_PCAP_HEADER_BYTES]))
    block = Block(view, layout, start, start)
    size, kept = CHUNK_BYTES, 0
    while block.end < len(view):
        before = block.position
        block.end = min(len(view), before + size)
        yield block
        size = CHUNK_BYTES if block.position > before else 2 * size
        walked = block.position // CHUNK_BYTES * CHUNK_BYTES
        if walked > kept:
            mapped.madvise(mmap.MADV_DONTNEED, kept, walked - kept)
            kept = walked
    _check_end(path, block.position, len(view))


def _read_stream(path: str, file: Source) -> Iterator[Block]:
    done, rest, layout = 0, b"", None
    for chunk in _chunks(path, file):
        data = rest + chunk
        if layout is None:
            layout, start = _layout(path, data[:_PCAP_HEADER_BYTES])
            data = data[start:]
            done = start
        block = Block(memoryview(data), layout, 0, len(data))
        yield block
        done += block.position
        rest = data[block.position :]
    if layout is None:
        _layout(path, b"")
    _check_end(path, done, done + len(rest))


def _chunks(path: str, file: Source) -> Iterator[bytes]:
    """The file's content; all of it that can be read, before any error."""
    done = 0
    while True:
        chunk, failure = _fill(file)
        done += len(chunk)
        if chunk:
            yield chunk
        if failure:
            raise CaptureError(f"{path}: cannot be read past byte {done}: {failure}")
        if not chunk:
            return


def _fill(file: Source) -> tuple[bytes, str]:
    """At most CHUNK_BYTES, and what ended the reading early."""
    chunk = bytearray()
    try:
        while piece := file.read1(CHUNK_BYTES - len(chunk)):
            chunk += piece
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        return bytes(chunk), type(error).__name__
    return bytes(chunk), ""


def _layout(path: str, head: bytes) -> tuple[Layout, int]:
    """How the file is laid out and where its frames begin."""
    if head[:4] == _PCAPNG_MAGIC:
        return Layout(PCAPNG), 0
    if head[:4] not in _PCAP_MAGIC:
        raise CaptureError(f"{path}: is not a pcap or pcapng capture")
    if len(head) < _PCAP_HEADER_BYTES:
        raise CaptureError(f"{path}: ends within its header, at byte {len(head)}")
    big_endian, nanoseconds = _PCAP_MAGIC[head[:4]]
    link = int.from_bytes(head[20:24], "big" if big_endian else "little")
    layout = Layout(PCAP, big_endian, nanoseconds, link & _LINK_MASK)
    return layout, _PCAP_HEADER_BYTES


def _check_end(path: str, position: int, end: int) -> None:
    if position < end:
        raise CaptureError(
            f"{path}: ends within a frame, at byte {end}; read up to byte {position}"
        )
