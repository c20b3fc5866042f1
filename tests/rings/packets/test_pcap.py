"""Capture files: formats, compression, cut ends."""

import gzip
import io
import os
import struct
import sys
import threading
from pathlib import Path

import pytest
import zstandard

from rings.packets.block import Frame
from rings.packets.pcap import CHUNK_BYTES, CaptureError, read_blocks
from rings.pairs.message import Pair
from rings.streams.assembler import Assembler
from tests.rings.wire import START_NS, Conversation, pcap_records, request, response

HEADER = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)


def capture(count: int = 3, size: int = 2) -> bytes:
    talk = Conversation().open()
    for number in range(count):
        talk.ask(request(f"/{number}"))
        talk.answer(response(b"[" + b" " * size + b"]"))
    return HEADER + pcap_records(talk.frames())


def collect_into(pairs: list[Pair], path: Path | str) -> None:
    assembler = Assembler()
    for block in read_blocks(str(path)):
        pairs += assembler.feed(block)
    pairs += assembler.close()


def targets(path: Path | str) -> list[bytes]:
    pairs: list[Pair] = []
    collect_into(pairs, path)
    return [pair.request.target for pair in pairs]


def written(folder: Path, data: bytes) -> Path:
    path = folder / "capture"
    path.write_bytes(data)
    return path


def in_members(data: bytes) -> bytes:
    """gzip's, as a capture has them that was compressed in parts."""
    return gzip.compress(data[:300]) + gzip.compress(data[300:])


def in_frames(data: bytes) -> bytes:
    """Zstandard's, one of them to be skipped (RFC 8878 section 3.1.2)."""
    pack = zstandard.ZstdCompressor().compress
    skipped = struct.pack("<II", 0x184D2A50, 3) + b"any"
    return pack(data[:300]) + skipped + pack(data[300:])


@pytest.mark.parametrize(
    "packed",
    [
        bytes,
        gzip.compress,
        in_members,
        zstandard.ZstdCompressor().compress,
        in_frames,
    ],
)
def test_plain_and_compressed_files_give_the_same(
    tmp_path: Path, packed: type[bytes]
) -> None:
    assert targets(written(tmp_path, packed(capture()))) == [b"/0", b"/1", b"/2"]


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_file_longer_than_a_chunk_is_read_in_pieces(
    tmp_path: Path, packed: type[bytes]
) -> None:
    data = capture(3, CHUNK_BYTES // 2 + 1000)
    path = written(tmp_path, packed(data))
    assert targets(path) == [b"/0", b"/1", b"/2"]
    assert len(frames_of_blocks(path)) == len(data) // CHUNK_BYTES + 1


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_frame_longer_than_a_chunk_is_read_whole(
    tmp_path: Path, packed: type[bytes]
) -> None:
    frames = [(START_NS, bytes(size)) for size in (9, 5 * CHUNK_BYTES, 0, 9)]
    path = written(tmp_path, packed(HEADER + pcap_records(frames)))
    assert sum(frames_of_blocks(path)) == len(frames)


def mapped_bytes() -> int:
    """Of files, that are in this process's memory."""
    status = Path("/proc/self/status").read_text()
    lines = (line.split() for line in status.splitlines())
    return next(int(line[1]) << 10 for line in lines if line[0] == "RssFile:")


def test_a_mapped_file_gives_its_pages_back(tmp_path: Path) -> None:
    frames = [(START_NS, bytes(CHUNK_BYTES // 2))] * 64
    path = written(tmp_path, HEADER + pcap_records(frames))
    assembler, before, most = Assembler(), mapped_bytes(), 0
    for block in read_blocks(str(path)):
        assembler.feed(block)
        most = max(most, mapped_bytes())
    assert assembler.total().frames == len(frames)
    assert most - before < 8 * CHUNK_BYTES


def frames_of_blocks(path: Path) -> list[int]:
    counts = []
    for block in read_blocks(str(path)):
        count, frame = 0, Frame()
        while block.next(frame):
            count += 1
        counts.append(count)
    return counts


class Standard:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BufferedReader(io.BytesIO(data))


def test_standard_input_is_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(capture()))
    assert targets("-") == [b"/0", b"/1", b"/2"]


def test_pcapng_is_recognized(tmp_path: Path) -> None:
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    assert frames_of_blocks(written(tmp_path, section)) == [0]


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("cut", [1, 70])
def test_a_file_cut_in_a_frame_gives_what_came_before(
    tmp_path: Path, is_packed: bool, cut: int
) -> None:
    data = capture()[:-cut]
    path = written(tmp_path, gzip.compress(data) if is_packed else data)
    pairs: list[Pair] = []
    with pytest.raises(CaptureError, match="ends within a frame, at byte"):
        collect_into(pairs, path)
    assert len(pairs) == 2


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_broken_compression_says_where(tmp_path: Path, pack: type[bytes]) -> None:
    data = pack(capture(50))
    cut = data[: len(data) // 2] + b"\xff" * 200
    with pytest.raises(CaptureError, match=r"past byte|ends within|is not a"):
        targets(written(tmp_path, cut))


def test_a_gzip_file_cut_short_gives_what_came_before(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(capture())[:-12])
    pairs: list[Pair] = []
    with pytest.raises(CaptureError, match="EOFError"):
        collect_into(pairs, path)
    assert len(pairs) >= 2


def test_a_pipe_by_name_is_a_capture(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=[capture()])
    thread.start()
    assert targets(path) == [b"/0", b"/1", b"/2"]
    thread.join()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is not a pcap"),
        (b"hello, I am text", "is not a pcap"),
        (HEADER[:20], "within its header, at byte 20"),
    ],
)
def test_what_is_no_capture_is_an_error(
    tmp_path: Path, data: bytes, complaint: str
) -> None:
    with pytest.raises(CaptureError, match=complaint):
        targets(written(tmp_path, data))


def test_a_missing_file_is_the_callers_to_report(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        targets(tmp_path / "none")


def test_bits_above_the_link_type_tell_of_checksums(tmp_path: Path) -> None:
    data = capture()
    wanted = targets(written(tmp_path, data))
    (link,) = struct.unpack_from("<I", data, 20)
    told = data[:20] + struct.pack("<I", link | 0x24000000) + data[24:]
    assert targets(written(tmp_path, told)) == wanted
    assert wanted
