"""Content codings (RFC 9110 section 8.4): bodies as their sender meant them.

In come a Content-Encoding value and the coded bytes, out go the decoded bytes, at most
`limit` of them and at most `MOST_RATIO` for each coded one. A body that is cut short,
or broken, gives what can be read of it. Each coding is undone once. Where one is
unknown, or was said of bytes that do not have it, the bytes are taken as they are if
they are text, as the Fetch standard has it; else there are none. The table at the end
is the only place that says which codings there are.
"""

import re
import zlib
from collections.abc import Callable

import brotli
import zstandard

from rings.bodies.media import is_json_text

MOST_CODINGS = 4
"""Stacked codings undone; more are an attack on the reader."""

MOST_RATIO = 1032
"""Decoded bytes to a coded one: deflate cannot reach more (zlib's documentation), what
the others make of more is an attack on the reader."""
SMALL_BYTES = 1 << 18
"""So many bytes are decoded at any ratio."""

ZSTD_WINDOW_BYTES = 8 << 20
"""At most (RFC 9659)."""
_PIECE_BYTES = 1 << 16
_TEXT_BYTES = 1 << 10
"""Looked at to see whether bytes are text."""
_LEAST_TEXT_BYTES = 16
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1d\x1f\x7f]")
_CODING_FIELD = re.compile(
    rb"\n(content|transfer)-encoding[ \t]*:([^\r\n]*)", re.IGNORECASE
)
_CONTENT_CODING = b"\ncontent-encoding"
_TRANSFER_CODING = b"\ntransfer-encoding"
_AWS_CODING = b"aws-chunked"
_AWS_CHUNK = re.compile(rb"([0-9a-fA-F]{1,12})(?:;[^\r\n]*)?\r?\n")
_ZSTD_MAGIC = 0xFD2FB528
_ZSTD_SKIPPED = 0x184D2A5
"""Without the last four bits."""

Decoder = Callable[[bytes, int], tuple[bytes, bool]]


def decode(codings: bytes, body: bytes, limit: int) -> tuple[bytes, bool]:
    """Undoes all codings, the last applied first.

    Returns at most `limit` bytes, and whether these are the whole body. What has an
    unknown coding and is no text gives no bytes. Never raises.
    """
    limit = min(limit, max(SMALL_BYTES, MOST_RATIO * len(body)))
    names = _names(codings)
    if len(names) > MOST_CODINGS:
        return b"", False
    is_whole = True
    for name in reversed(names):
        decoder = _DECODERS.get(name, _unknown)
        decoded, was_whole = decoder(body, limit)
        if body and not decoded and not was_whole:
            seen = coding_of(body) or (b"deflate" if is_zlib(body) else b"")
            decoded, was_whole = _DECODERS.get(seen, _unknown)(body, limit)
        if body and not decoded and not was_whole and _is_text(body):
            decoded, was_whole = body, True
        body = decoded
        is_whole = is_whole and was_whole
    return body[:limit], is_whole and len(body) <= limit


def codings(head: bytes) -> bytes:
    """All codings of a message's body in the order in which they were applied: those of
    its content, then those of its transfer (RFC 9112 section 7) but chunked, which is
    undone already.
    """
    lowered = head.lower()
    if _CONTENT_CODING not in lowered and _TRANSFER_CODING not in lowered:
        return b""
    content: list[bytes] = []
    transfer: list[bytes] = []
    for field in _CODING_FIELD.finditer(head):
        is_transfer = field[1].lower() == b"transfer"
        for name in map(bytes.strip, field[2].split(b",")):
            if not is_transfer and name:
                content.append(name)
            elif name and name.lower() != b"chunked":
                transfer.append(name)
    return b",".join(content + transfer)


def only_coding(head: bytes) -> bytes:
    """The only one of a message's body; nothing if there are several, or none."""
    names = _names(codings(head))
    return names[0] if len(names) == 1 else b""


def coding_of(body: bytes) -> bytes:
    """The coding that the first bytes of a body prove; nothing: none does."""
    if body[:3] == b"\x1f\x8b\x08":
        return b"gzip"
    if body[:4] == _ZSTD_MAGIC.to_bytes(4, "little"):
        return b"zstd"
    return b""


def _names(codings: bytes) -> list[bytes]:
    """In lower case, without the parameters, quotes and `x-` that senders add. What AWS
    frames stands outermost wherever it is named (Signature Version 4)."""
    members = (part.partition(b";")[0] for part in codings.lower().split(b","))
    bare = (part.strip(b" \t\r\n\"'").removeprefix(b"x-") for part in members)
    names = [name for name in bare if name]
    return sorted(names, key=_AWS_CODING.__eq__)


def _is_text(body: bytes) -> bool:
    """UTF-8 without control characters, as far as the first bytes go; a few bytes may
    be the beginning of any coding, if they are no JSON.
    """
    start = body[:_TEXT_BYTES]
    if len(body) < _LEAST_TEXT_BYTES and not is_json_text(body):
        return False
    if _CONTROL.search(start):
        return False
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return len(body) > _TEXT_BYTES and error.start > _TEXT_BYTES - 4
    return True


def _unknown(body: bytes, _: int) -> tuple[bytes, bool]:
    return b"", not body


def _identity(body: bytes, _: int) -> tuple[bytes, bool]:
    return body, True


def _aws_chunked(body: bytes, limit: int) -> tuple[bytes, bool]:
    """The chunks that AWS signs one by one (Signature Version 4, streaming): a size in
    hexadecimal, extensions, the data; trailers after the last.
    """
    output = bytearray()
    place = 0
    while len(output) <= limit:
        found = _AWS_CHUNK.match(body, place)
        if found is None:
            return bytes(output), False
        size = int(found[1], 16)
        if size == 0:
            return bytes(output), True
        output += body[found.end() : found.end() + size]
        place = found.end() + size + 2
    return bytes(output), False


def _gzip(body: bytes, limit: int) -> tuple[bytes, bool]:
    """One or more members (RFC 1952); zero bytes after the last are padding."""
    output = bytearray()
    while body.strip(b"\0"):
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        is_whole = _inflate(decoder, body, output, limit)
        if not is_whole:
            return bytes(output), False
        body = decoder.unused_data
    return bytes(output), True


def _deflate(body: bytes, limit: int) -> tuple[bytes, bool]:
    """zlib format (RFC 1950), or the bare data that some servers send (RFC 1951)."""
    bits = zlib.MAX_WBITS if is_zlib(body) else -zlib.MAX_WBITS
    decoder = zlib.decompressobj(bits)
    output = bytearray()
    is_whole = not body or _inflate(decoder, body, output, limit)
    return bytes(output), is_whole


def is_zlib(body: bytes) -> bool:
    """Whether the header of RFC 1950 section 2.2 stands there."""
    is_deflate = len(body) > 1 and body[0] & 15 == 8 and body[0] < 128
    return is_deflate and (body[0] << 8 | body[1]) % 31 == 0


def _inflate(
    decoder: "zlib._Decompress", body: bytes, output: bytearray, limit: int
) -> bool:
    """Appends what can be read; whether the end of the data was reached."""
    piece = body
    try:
        while not decoder.eof and (piece or body) and len(output) <= limit:
            piece = decoder.decompress(body, _PIECE_BYTES)
            output += piece
            body = decoder.unconsumed_tail
    except zlib.error:
        return False
    return decoder.eof


def _brotli(body: bytes, limit: int) -> tuple[bytes, bool]:
    """RFC 7932."""
    decoder = brotli.Decompressor()
    output = bytearray()
    try:
        piece = decoder.process(body, output_buffer_limit=_PIECE_BYTES)
        while piece and len(output) <= limit:
            output += piece
            piece = decoder.process(b"", output_buffer_limit=_PIECE_BYTES)
    except brotli.error:
        return bytes(output), False
    return bytes(output), not body or decoder.is_finished()


def _zstd(body: bytes, limit: int) -> tuple[bytes, bool]:
    """RFC 8878."""
    decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    output = bytearray()
    try:
        with decoder.stream_reader(body, read_across_frames=True) as reader:
            while len(output) <= limit and (piece := reader.read(_PIECE_BYTES)):
                output += piece
        is_whole = len(output) <= limit and _is_whole_zstd(body)
    except zstandard.ZstdError:
        return bytes(output), False
    return bytes(output), is_whole


def _is_whole_zstd(body: bytes) -> bool:
    """Whether the last frame ends where the input does, which the reader does not
    tell: its blocks are walked by their headers (RFC 8878 section 3.1).
    """
    place = 0
    while 0 <= place < len(body):
        magic = _number(body, place, 4)
        if magic >> 4 == _ZSTD_SKIPPED:
            place += 8 + _number(body, place + 4, 4)
        else:
            place = _end_of_zstd_frame(body, place) if magic == _ZSTD_MAGIC else -1
    return place == len(body)


def _end_of_zstd_frame(body: bytes, place: int) -> int:
    """Where the frame at `place` ends; past the end of a body that is cut."""
    descriptor = _number(body, place + 4, 1)
    is_single = descriptor >> 5 & 1
    place += 5 + (0, 1, 2, 4)[descriptor & 3]
    place += (1, 2, 4, 8)[descriptor >> 6] if is_single or descriptor >> 6 else 0
    place += 1 - is_single
    block = 0
    while not block & 1:
        if place + 3 > len(body):
            return len(body) + 1
        block = _number(body, place, 3)
        is_repeated = block >> 1 & 3 == 1
        place += 3 + (1 if is_repeated else block >> 3)
    return place + (4 if descriptor & 4 else 0)


def _number(body: bytes, place: int, size: int) -> int:
    return int.from_bytes(body[place : place + size], "little")


_DECODERS: dict[bytes, Decoder] = {
    b"identity": _identity,
    b"none": _identity,
    b"utf-8": _identity,
    b"utf8": _identity,
    b"us-ascii": _identity,
    b"binary": _identity,
    b"7bit": _identity,
    b"8bit": _identity,
    _AWS_CODING: _aws_chunked,
    b"gzip": _gzip,
    b"deflate": _deflate,
    b"br": _brotli,
    b"zstd": _zstd,
}
