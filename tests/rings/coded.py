"""Messages in content codings, as servers send them while they come: what a message
makes goes out at once."""

import zlib
from collections.abc import Callable

import brotli
import zstandard


def gzipped(bits: int) -> Callable[[list[bytes]], bytes]:
    def coded(messages: list[bytes]) -> bytes:
        state = zlib.compressobj(wbits=bits)
        parts = [state.compress(m) + state.flush(zlib.Z_SYNC_FLUSH) for m in messages]
        return b"".join(parts) + state.flush()

    return coded


def brotlied(messages: list[bytes]) -> bytes:
    state = brotli.Compressor(quality=4)
    parts = [state.process(message) + state.flush() for message in messages]
    return bytes(b"".join(parts) + state.finish())


def zstandarded(messages: list[bytes]) -> bytes:
    state = zstandard.ZstdCompressor().compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    parts = [state.compress(message) + state.flush(flush) for message in messages]
    return b"".join(parts) + state.flush()


CODINGS: dict[str, Callable[[list[bytes]], bytes]] = {
    "gzip": gzipped(31),
    "deflate": gzipped(15),
    "br": brotlied,
    "zstd": zstandarded,
}
