"""What `vethscope detect` reads and writes."""

import io
import json

from detection.judge import MATCH_LIMIT
from detection.lines import detect_lines
from detection.scanner import Scanner


def answers(scanner: Scanner, text: bytes, explain: bool = False) -> tuple[int, list]:  # type: ignore[type-arg]
    target = io.StringIO()
    status = detect_lines(io.BytesIO(text), target, scanner, explain)
    return status, [json.loads(line) for line in target.getvalue().splitlines()]


def test_each_line_is_answered(scanner: Scanner) -> None:
    lines = b'{"body": "{\\"email\\": \\"ada@example.com\\"}"}\n\n{"body": "[]"}\n'
    status, (first, second) = answers(scanner, lines)
    assert status == 0
    assert first["findings"] == [
        {
            "data_type": "contact.email",
            "path": "$.email",
            "sensitivity": "medium",
            "likelihood": "very_likely",
            "count": 1,
        }
    ]
    assert second == {"findings": []}


def test_a_byte_order_mark_is_none_of_the_first_line(scanner: Scanner) -> None:
    line = b'\xef\xbb\xbf{"body": "[]"}\n'
    assert answers(scanner, line) == (0, [{"findings": []}])
    status, _ = answers(scanner, line + line)
    assert status == 1
    assert answers(scanner, b"") == (0, [])


def test_a_count_that_a_bound_ended_is_shown_as_the_least(scanner: Scanner) -> None:
    for count, is_least in ((MATCH_LIMIT, False), (MATCH_LIMIT + 1, True)):
        body = json.dumps({"note": "ada@example.com " * count})
        _, (answer,) = answers(scanner, json.dumps({"body": body}).encode())
        (finding,) = answer["findings"]
        assert (finding["count"], "is_least" in finding) == (MATCH_LIMIT, is_least)


def test_paths_show_their_location(scanner: Scanner) -> None:
    line: dict[str, object] = {
        "target": "/users/ada@example.com?email=ada@example.com",
        "headers": [["Cookie", "sessionid=38afes7a8f3k2lq9"], ["From", "a@b.co"]],
    }
    _, (answer,) = answers(scanner, json.dumps(line).encode())
    paths = {finding["path"] for finding in answer["findings"]}
    assert paths == {"path:2", "query:email", "cookie:sessionid", "header:from"}
    line["headers"] = {"From": "a@b.co"}
    _, (answer,) = answers(scanner, json.dumps(line).encode())
    assert "header:from" in {finding["path"] for finding in answer["findings"]}


def test_bad_lines_are_told_without_their_text(scanner: Scanner) -> None:
    bad = b'{"body": 4111111111111111}\nsecret4111\n{"body": "\xff"}\n{"pan": "4111"}\n'
    status, lines = answers(scanner, bad + b'{"body": "[]"}\n{"body": ""}\n')
    assert status == 1
    assert [list(line) for line in lines] == [["error"]] * 4 + [["findings"]] * 2
    assert "4111" not in json.dumps(lines)


def test_explanations_are_added(scanner: Scanner) -> None:
    body = json.dumps({"body": '{"cvv": "123"}'}).encode()
    _, (answer,) = answers(scanner, body, explain=True)
    (row,) = answer["explanations"]
    assert row["rule"] == "digits"
    assert row["context"] == ["key"]
    assert row["length"] == 3
