"""Parts of messages become JSON documents."""

import json

import pytest

from detection.documents import Document, documents, to_utf8
from detection.finding import Location, Message


def only(message: Message) -> Document:
    (document,) = documents(message)
    return document


def test_an_empty_message_has_none() -> None:
    assert list(documents(Message())) == []
    assert list(documents(Message(target=b"/", headers=[(b"Host", b"x")]))) == []


def test_a_body_is_taken_as_it_is() -> None:
    document = only(Message(body=b'{"a": 1}', truncated=True))
    assert document.data == b'{"a": 1}'
    assert document.is_cut
    assert document.location is Location.BODY


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8-sig",
        "utf-16",
        "utf-32",
        "utf-16-le",
        "utf-16-be",
        "utf-32-le",
        "utf-32-be",
    ],
)
def test_encodings_are_told_by_mark_or_zeros(encoding: str) -> None:
    assert to_utf8('{"é": 1}'.encode(encoding)) == '{"é": 1}'.encode()


@pytest.mark.parametrize("data", [b"{", b"text", b"\xff\xfe", b'{"\xff": 1}', b"12"])
def test_other_bytes_are_kept_or_replaced(data: bytes) -> None:
    assert to_utf8(data) == (b"" if data == b"\xff\xfe" else data)


def test_form_bodies_are_flat() -> None:
    form = "application/x-www-form-urlencoded; charset=utf-8"
    document = only(Message(body=b"a=1+2&b%20c=%22x%22&=&d", content_type=form))
    assert json.loads(document.data) == {"a": "1 2", "b c": '"x"', "d": ""}
    assert document.names == ("$.", "$.", "$.")
    assert document.data[document.starts[1] :].startswith(b'"b c"')


def test_empty_form_bodies_and_json_in_form_type_are_bodies() -> None:
    form = "application/x-www-form-urlencoded"
    assert only(Message(body=b"&&", content_type=form)).names == ()
    assert only(Message(body=b"{}", content_type=form)).names == ()


def test_targets_give_segments_and_query() -> None:
    target = b"https://h.example/users/a%40b.c//42?x=%7B%22y%22:1%7D&z#f"
    path, query = documents(Message(target=target))
    assert path.location is Location.PATH
    assert path.names == ("1", "2", "3")
    assert json.loads(path.data) == {"": "42", "users": "a@b.c"}
    assert query.location is Location.QUERY
    assert json.loads(query.data) == {"x": '{"y":1}', "z": ""}


def test_headers_and_cookies_are_flat_and_neutral_ones_left_out() -> None:
    headers = [
        (b"Host", b"example.com"),
        (b"Authorization", b"Basic\x01x"),
        (b"Cookie", b"a=1; b=2"),
        (b"Set-Cookie", b"c=3; Path=/; HttpOnly"),
    ]
    document = only(Message(headers=headers))
    assert document.location is Location.HEADER
    assert json.loads(document.data) == {
        "authorization": "Basic x",
        "cookie": {"c": "3"},
    }
    assert b'"cookie":{"a":"1"},"cookie":{"b":"2"}' in document.data
    assert document.names == ("header", "cookie:", "cookie:", "set-cookie:")


def test_form_fields_and_json_of_multipart_bodies_are_members() -> None:
    lines = (
        b"--B",
        b'Content-Disposition: form-data; name="email"',
        b"",
        b"a@example.com",
        b"--B",
        b'Content-Disposition: form-data; name="meta"; filename="m.json"',
        b"Content-Type: application/json",
        b"",
        b'{"id": 1}',
        b"--B",
        b'Content-Disposition: form-data; name="photo"; filename="p.png"',
        b"Content-Type: image/png",
        b"",
        b"\x89PNG",
        b"--B--",
        b"",
    )
    kind = 'multipart/form-data; boundary="B"'
    document = only(Message(body=b"\r\n".join(lines), content_type=kind))
    assert json.loads(document.data) == {"email": "a@example.com", "meta": '{"id": 1}'}
    assert document.location is Location.BODY
    assert only(Message(body=b"\n".join(lines), content_type=kind)).names


def test_json_in_batches_needs_no_name() -> None:
    lines = (b"--B", b"Content-Type: application/json", b"", b"{}", b"--B--")
    kind = "multipart/mixed; boundary=B"
    document = only(Message(body=b"\r\n".join(lines), content_type=kind))
    assert json.loads(document.data) == {"part": "{}"}
    lost = only(Message(body=b"--B\r\n\r\nx", content_type=kind))
    assert lost.names == ()
