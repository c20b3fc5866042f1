"""What is worked out once for a place and key is kept, within a bound."""

import json

import pytest

from detection.candidate import Candidate
from detection.catalog import Catalog
from detection.documents import Document
from detection.fields import KEY_LIMIT
from detection.finding import Location
from detection.judge import WEIGHING, WORK_LIMIT, Judge
from detection.reader import KEPT_LIMIT, Part, Reader
from detection.scanner import Scanner
from detection.walker import FIELD_LIMIT
from detection.words import PhraseBook


class Sink:
    """Keeps the types and paths of what stays."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []

    def take(
        self, candidates: list[Candidate], location: Location, path: str, text: str
    ) -> None:
        self.taken += [(c.judged.data_type, path) for c in candidates if c.likelihood]


@pytest.fixture(scope="module")
def parts(scanner: Scanner) -> tuple[Scanner, PhraseBook]:
    return scanner, PhraseBook(scanner.catalog)


def made(parts: tuple[Scanner, PhraseBook], *bodies: object) -> Sink:
    """What a new reader takes from the bodies."""
    scanner, book = parts
    reader = Reader(scanner._hits, Judge(scanner.catalog, book), book)
    sink = Sink()
    for body in bodies:
        data = json.dumps(body).encode()
        hits = scanner._hits(data)
        part = Part(Document(Location.BODY, data), data, 0, "$", 0)
        reader.read(part, hits, 0, len(hits), sink)
    return sink


def test_a_second_reading_finds_the_same(parts: tuple[Scanner, PhraseBook]) -> None:
    body = {"users": [{"name": "Ada Byron", "email": "ada@example.com"}, {"name": "x"}]}
    once, twice = made(parts, body).taken, made(parts, body, body).taken
    assert twice == once + once
    assert ("personal.name", "$.users[*].name") in once


def test_objects_at_one_place_have_their_own_circle(
    parts: tuple[Scanner, PhraseBook],
) -> None:
    told = [{"name": "Ada Byron", "email": "ada@example.com"}]
    assert ("personal.name", "$[*].name") in made(parts, told).taken
    apart = [{"name": "Ada Byron"}, {"email": "ada@example.com"}]
    assert ("personal.name", "$[*].name") not in made(parts, apart).taken


def test_what_is_kept_is_bounded_and_long_keys_are_not(
    parts: tuple[Scanner, PhraseBook],
) -> None:
    long = "k" * (KEY_LIMIT + 1)
    turns = [
        {f"a{turn}-{n}": {"email": "x"} for n in range(200)}
        | {long: {"e": "ada@example.com"}, f"{long}email": "ada@example.com"}
        for turn in range(KEPT_LIMIT // 600 + 2)
    ]
    assert len(made(parts, *turns).taken) == 2 * len(turns)


def test_limits_do_not_depend_on_what_was_read_before(
    parts: tuple[Scanner, PhraseBook],
) -> None:
    quiet = [{"url": "x", "events_url": "y", "html_url": "z"}] * FIELD_LIMIT
    body = [*quiet, {"email": "ada@example.com"}]
    assert made(parts, body, body).taken == made(parts, body).taken * 2


def test_keys_that_only_look_like_data_are_nothing(
    parts: tuple[Scanner, PhraseBook],
) -> None:
    assert made(parts, {"4111111111111112": 1}).taken == []


def test_work_on_a_document_ends(parts: tuple[Scanner, PhraseBook]) -> None:
    text = "ssn nip pin dni vat tax id passport phone 123-45-6789 " + "12 a1b2 " * 300
    scanner, book = parts
    judge = Judge(scanner.catalog, book)
    reader = Reader(scanner._hits, judge, book)
    for body in ([text] * 400, [{"vat": text}] * 400, ["a@b.co"]):
        sink = Sink()
        data = json.dumps(body).encode()
        hits = scanner._hits(data)
        part = Part(Document(Location.BODY, data), data, 0, "$", 0)
        reader.read(part, hits, 0, len(hits), sink)
        assert sink.taken
        assert judge.work <= WORK_LIMIT + len(text) * WEIGHING


def test_a_rule_is_judged_by_its_own_catalog(small: Catalog) -> None:
    judge = Judge(small, PhraseBook(small))
    assert [rule.label for rule in judge.rules] == ["told", "format", "word"]
