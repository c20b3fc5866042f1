"""Messages and pairs."""

from rings.pairs.message import Message, Pair


def message(head: bytes, is_request: bool = True) -> Message:
    made = Message()
    made.is_request = is_request
    made.head = head
    return made


def test_fields_are_joined_and_unfolded() -> None:
    made = message(
        b"GET / HTTP/1.1\r\nA: 1\r\n  folded\r\nB: 2\n\tfolded too\nb:3\r\nno colon\r\n"
        b"a : 4\r\n\r\n"
    )
    assert made.field(b"a") == b"1 folded, 4"
    assert made.field(b"b") == b"2 folded too, 3"
    assert made.field(b"c") == b""


def test_a_repr_shows_no_captured_byte() -> None:
    asked = message(b"GET /secret HTTP/1.1\r\n\r\n")
    pair = Pair(asked, message(b"HTTP/1.1 200 OK\r\n\r\n", is_request=False), 1)
    assert repr(pair) == (
        "Pair(Message(request, head=24 B, body=0 B), "
        "Message(response, head=19 B, body=0 B))"
    )


def test_a_pair_is_json_if_either_side_is() -> None:
    asked, answered = message(b""), message(b"", is_request=False)
    assert not Pair(asked, None, 1).is_json
    assert not Pair(asked, answered, 1).is_json
    answered.is_json = True
    assert Pair(asked, answered, 1).is_json
    asked.is_json = True
    assert Pair(asked, None, 1).is_json
