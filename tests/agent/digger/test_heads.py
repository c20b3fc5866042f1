"""Message heads as captured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.digger.heads import (
    content_coding,
    content_type,
    fields,
    request_line,
    status,
)


@pytest.mark.parametrize(
    ("head", "method", "target"),
    [
        (b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET", b"/a"),
        (b"POST /a?b=c HTTP/1.1\n\n", "POST", b"/a?b=c"),
        (b"BREW /pot HTTP/1.0\r\n\r\n", "OTHER", b"/pot"),
        (b"GET /a b HTTP/1.1\r\n\r\n", "GET", b"/a b"),
        (b"GET /a", "GET", b"/a"),
        (b"GET", "GET", b""),
        (b"", "OTHER", b""),
        (b"\xff\xfe \x00 HTTP/1.1\r\n", "OTHER", b"\x00"),
    ],
)
def test_the_request_line_gives_method_and_target(
    head: bytes, method: str, target: bytes
) -> None:
    assert request_line(head) == (method, target)


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.0 404\n\n", 404),
        (b"HTTP/1.1 099 No\r\n", 0),
        (b"HTTP/1.1 2000 No\r\n", 0),
        (b"rubbish", 0),
        (b"", 0),
    ],
)
def test_the_status_line_gives_the_code(head: bytes, code: int) -> None:
    assert status(head) == code


def test_fields_are_unfolded_and_keep_their_order() -> None:
    head = b"GET / HTTP/1.1\r\nA: 1\r\nX-Long: a\r\n  b\nno colon\n: empty\nA:2\n\n"
    assert fields(head).lines == [(b"A", b"1"), (b"X-Long", b"a b"), (b"A", b"2")]
    assert fields(head).value(b"a") == b"1, 2"
    assert fields(head).value(b"b") == b""


def test_type_and_coding_are_found_in_any_case() -> None:
    head = b"HTTP/1.1 200 OK\nCONTENT-TYPE:  text/json \ncontent-Encoding:gzip\r\n\r\n"
    assert content_type(head) == b"text/json"
    assert content_coding(head) == b"gzip"
    assert content_coding(b"HTTP/1.1 200 OK\r\nX-Content-Encoding: br\r\n\r\n") == b""


@given(st.binary())
def test_no_bytes_raise(head: bytes) -> None:
    request_line(head)
    status(head)
    fields(head).value(b"host")
    content_type(head)
