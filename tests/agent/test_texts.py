"""Texts of event streams, WebSockets and lines; tokens are joined, others are not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.texts import events, joined, texts
from detection.finding import Message
from detection.scanner import Scanner

TOKENS = [
    "Write",
    " to",
    " ann",
    ".sm",
    "ith",
    "@",
    "example",
    ".org",
    " or",
    " call",
    ".",
]


def chat(token: str, index: int = 0) -> dict[str, Any]:
    choice = {"index": index, "delta": {"content": token}, "finish_reason": None}
    return {"id": "c-1", "object": "chat.completion.chunk", "choices": [choice]}


def stream(*values: Any, end: bytes = b"\n") -> bytes:
    told = [b"data: " + json.dumps(value).encode() + 2 * end for value in values]
    return b"".join(told) + b"data: [DONE]" + 2 * end


def read(body: bytes, media: bytes = b"text/event-stream") -> list[Any]:
    told = texts(body, media)
    assert told is not None
    return [json.loads(line) for line in told.splitlines()]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_tokens_of_an_answer_are_joined_at_their_path(end: bytes) -> None:
    found = read(stream(*map(chat, TOKENS), end=end))
    assert found[-1] == {"choices": [{"delta": {"content": "".join(TOKENS)}}]}
    assert found[0]["choices"][0]["delta"] == {"content": ""}
    assert found[0]["object"] == "chat.completion.chunk"
    assert len(found) == len(TOKENS) + 1


def test_two_answers_in_one_stream_are_two_texts() -> None:
    told = [chat(token, index) for token in TOKENS for index in (0, 1)]
    contents = [
        one["choices"][0]["delta"]["content"] for one in read(stream(*told))[-2:]
    ]
    assert contents == ["".join(TOKENS)] * 2


@pytest.mark.parametrize(
    "message",
    [
        {"type": "content_block_delta", "index": 0, "delta": {"text": ""}},
        {"model": "llama3", "response": "", "done": False},
        {"model": "llama3", "message": {"role": "assistant", "content": ""}},
        {"candidates": [{"content": {"parts": [{"text": ""}]}}]},
        {"type": "response.output_text.delta", "item_id": "m1", "delta": ""},
    ],
)
def test_streams_of_other_makers_too(message: dict[str, Any]) -> None:
    written = json.dumps(message)
    told = [json.loads(written.replace('""', json.dumps(token))) for token in TOKENS]
    lines = b"\n".join(json.dumps(one).encode() for one in told)
    for body, media in (
        (stream(*told), b"text/event-stream"),
        (lines, b"application/x-ndjson"),
        (b"\x1e" + lines.replace(b"\n", b"\n\x1e"), b""),
    ):
        assert "".join(TOKENS) in json.dumps(read(body, media)[-1])


def test_texts_of_their_own_are_not_joined() -> None:
    told = [
        {"from": "ann", "content": "Call me at noon, please."},
        {"from": "bob", "content": "Which number?"},
        {"from": "ann", "text": "The same as always"},
    ]
    assert read(stream(*told)) == told


def test_records_are_not_joined() -> None:
    told = [{"name": "Ann", "email": "ann@example.org", "content": "x" * 9}] * 5
    assert read(stream(*told)) == told


def test_an_event_may_have_several_lines_and_other_fields() -> None:
    body = b': hi\nid: 7\nevent: add\ndata: {"a":\ndata: 1}\nretry: 9\n\ndata: word\n\n'
    assert list(events(body)) == [b'{"a":\n1}']


def test_what_is_cut_stands_last() -> None:
    parts = joined([b'{"a": 1}', b'{"b": "cut', b'{"c": 3}'])
    assert parts == [b'{"a": 1}', b'{"c": 3}', b'{"b": "cut']


@given(st.binary(max_size=300), st.sampled_from((b"", b"text/event-stream", b"x")))
def test_rubbish_raises_nothing(body: bytes, media: bytes) -> None:
    texts(body, media)
    texts(b"\x1e" + body, media)
    texts(b"data: " + body, b"text/event-stream")
    texts(b"[" * 5000 + body, b"application/x-ndjson")


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner.load("")


def test_a_value_split_over_tokens_is_found_once(scanner: Scanner) -> None:
    body = texts(stream(*map(chat, TOKENS)), b"text/event-stream")
    assert body is not None
    (found,) = scanner.scan([Message(body=body)])
    assert [(one.data_type, one.path, one.count) for one in found] == [
        ("contact.email", "$.choices[*].delta.content", 1)
    ]
    plain = b"\n".join(json.dumps(chat(token)).encode() for token in TOKENS)
    assert not next(iter(scanner.scan([Message(body=plain)])))
