"""Message heads as captured."""

from hypothesis import given
from hypothesis import strategies as st

from rings.bodies.content import codings


def test_the_coding_is_found_in_any_case() -> None:
    assert codings(b"HTTP/1.1 200 OK\ncontent-Encoding:gzip\r\n\r\n") == b"gzip"
    assert codings(b"HTTP/1.1 200 OK\r\nX-Content-Encoding: br\r\n\r\n") == b""


@given(st.binary())
def test_no_bytes_raise(head: bytes) -> None:
    codings(head)
