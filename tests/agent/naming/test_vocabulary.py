"""The vocabulary: words, their forms, and names that are none."""

from pathlib import Path

import pytest

from agent.naming import vocabulary as known
from agent.naming.vocabulary import Names, Vocabulary
from agent.naming.words import forms, is_compound, is_plural, split, stems

VOCABULARY = Vocabulary.load()

NAMES = {
    "getUserById": ["get", "user", "by", "id"],
    "HTTPServer": ["http", "server"],
    "order_items": ["order", "items"],
    "orders.create": ["orders", "create"],
    "oauth2": ["oauth2"],
    "projectsV2": ["projects"],
    "PDFs": ["pd", "fs"],
    "": [],
}


@pytest.mark.parametrize(("name", "words"), NAMES.items())
def test_names_are_split_into_words(name: str, words: list[str]) -> None:
    assert split(name) == words


def test_words_stand_in_singular_and_plural() -> None:
    assert "policy" in forms("policies")
    assert "policies" in forms("policy")
    assert "box" in forms("boxes")
    assert is_plural("orders")
    assert not any(map(is_plural, ("status", "address", "analysis", "sms")))


def test_people_places_and_secrets_are_no_words_of_interfaces() -> None:
    called = "jane mueller hunter swordfish diabetes berlin juniper acme hiv divorce"
    for word in called.split():
        assert not VOCABULARY.marks(word) & known.LISTED, word
        assert word in VOCABULARY.names, word


def test_words_of_interfaces_are_known() -> None:
    for word in "users orders search status invoices webhook policies settings".split():
        assert VOCABULARY.marks(word) & known.KNOWN, word
    assert VOCABULARY.marks("users") & known.NOUN
    assert VOCABULARY.marks("search") & known.COMMON_OPERATION
    assert VOCABULARY.marks("vorname") == known.TELLING


def test_the_other_number_of_a_word_is_known_too(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.txt").write_text("# head\ngadget k\nrose kn\nvorname y\n")
    (tmp_path / "names.bin").write_bytes(Names.made({"gadgets-no"}))
    small = Vocabulary.load(tmp_path)
    assert small.marks("gadgets") == known.LISTED | known.KNOWN | known.USED
    assert small.marks("roses") == 0
    assert small.marks("vorname") == known.TELLING
    assert small.marks("7") == known.LISTED | known.KNOWN
    assert small.marks("777") == small.marks("x") == small.marks("xyzzy") == 0


def test_the_filter_of_names_holds_all_and_few_others() -> None:
    names = Names(Names.made({f"name{number}" for number in range(1_000)}))
    assert all(f"name{number}" in names for number in range(1_000))
    others = sum(f"other{number}" in names for number in range(1_000))
    assert others < 30


FORMED = "gadgetsync syncgadgets reload subgadget gadgetsyncload".split()


@pytest.mark.parametrize("word", FORMED)
def test_words_made_of_known_ones_are_known_where_no_data_may_stand(
    word: str, tmp_path: Path
) -> None:
    words = "gadget kw\nsync kw\nload kw\nsyncload x\n"
    (tmp_path / "vocabulary.txt").write_text(words)
    (tmp_path / "names.bin").write_bytes(Names.made({"loadsync"}))
    small = Vocabulary.load(tmp_path)
    assert small.marks(word) == known.LISTED
    assert not small.marks("syncload") & known.LISTED
    assert not small.marks("loadsync") & known.LISTED


@pytest.mark.parametrize("word", ["dotfiles", "lighthouse", "bluebird", "northwind"])
def test_what_people_call_things_by_is_no_compound(word: str) -> None:
    assert not VOCABULARY.marks(word) & known.LISTED


def test_compounds_have_parts_of_three_letters_or_more() -> None:
    parts = {"tag", "rule", "in"}
    assert is_compound("tagrule", parts)
    assert is_compound("tagrules", parts)
    assert is_compound("tagruletag", parts)
    assert not is_compound("tagin", parts)
    assert not is_compound("tagruletagrule", parts)


def test_stems_undo_beginnings_and_endings() -> None:
    assert "trace" in stems("traced")
    assert "schedule" in stems("reschedule")
    assert not stems("king")
    assert "submit" in stems("submitting")
