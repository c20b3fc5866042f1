"""Messages from heads as captured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.heads import fields, message, target


@pytest.mark.parametrize(
    ("head", "asked"),
    [
        (b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", b"/a"),
        (b"POST /a?b=c HTTP/1.1\n\n", b"/a?b=c"),
        (b"GET /a b HTTP/1.1\r\n\r\n", b"/a b"),
        (b"GET /a", b"/a"),
        (b"GET", b""),
        (b"", b""),
        (b"\xff\xfe \x00 HTTP/1.1\r\n", b"\x00"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", b""),
    ],
)
def test_the_request_line_gives_the_target(head: bytes, asked: bytes) -> None:
    assert target(head) == asked


def test_fields_are_unfolded_and_keep_their_order() -> None:
    head = b"GET / HTTP/1.1\r\nA: 1\r\nX-Long: a\r\n  b\nno colon\n: empty\nA:2\n\n"
    assert fields(head) == [(b"A", b"1"), (b"X-Long", b"a b"), (b"A", b"2")]


def test_a_message_has_all_of_its_head() -> None:
    head = b"POST /a?b=1 HTTP/1.1\r\nCONTENT-TYPE:  text/json \r\nHost: x\r\n\r\n"
    made = message(head, b"{}", True)
    assert (made.target, made.content_type) == (b"/a?b=1", "text/json")
    assert (made.body, made.truncated, len(made.headers)) == (b"{}", True, 2)


@given(st.binary())
def test_no_bytes_raise(head: bytes) -> None:
    message(head, b"", False)
