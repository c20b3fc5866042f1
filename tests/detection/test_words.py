"""What keys say."""

import msgspec
import pytest

from detection.catalog import Catalog
from detection.fields import KEY_LIMIT
from detection.words import (
    CACHE_LIMIT,
    NOTHING,
    PhraseBook,
    Told,
    decode_key,
    join,
    split,
)


@pytest.mark.parametrize(
    "key",
    ["cardNumber", "card_number", "CARD-NO".replace("NO", "NUMBER"), "Card Number"],
)
def test_keys_split_at_case_separators_and_digits(key: str) -> None:
    assert split(key) == ["card", "number"]


def test_acronyms_and_other_scripts_are_words() -> None:
    assert split("IBANCode2") == ["iban", "code", "2"]
    assert split("Größe_名前") == ["grosse", "名", "前"]
    assert split("고객이름2") == ["고", "객", "이", "름", "2"]
    assert split("numéroDeTéléphone") == ["numero", "de", "telephone"]


def test_what_no_phrase_told_has_none(small: Catalog) -> None:
    told = Told("own.type", "nowhere", "", "")
    assert PhraseBook(small).written(told) == ""


def test_phrases_stand_on_word_boundaries_only() -> None:
    words = join(["my", "pancard", "pan"])
    assert words.holds("pan")
    assert not join(["pancard"]).holds("pan")


def test_escaped_keys_are_decoded() -> None:
    assert decode_key(rb"e\u006dail\/x") == "email/x"


def told(catalog: Catalog, key: bytes) -> set[tuple[str, str, str]]:
    notes = PhraseBook(catalog).notes(key)
    return {(part.data_type, part.above, part.beside) for part in notes.told}


@pytest.mark.parametrize(
    "key", [b"badge", b"badgeNumber", b"old_badges", b"badge_home2"]
)
def test_key_that_ends_with_a_phrase_tells(small: Catalog, key: bytes) -> None:
    assert told(small, key) == {("sample.badge", "", "")}


@pytest.mark.parametrize("key", [b"hasBadge", b"badge_color", b"tag_line", b"12", b""])
def test_other_keys_tell_nothing(small: Catalog, key: bytes) -> None:
    assert told(small, key) == set()


def test_conditions_are_kept(small: Catalog) -> None:
    assert told(small, b"tag") == {("sample.badge", "", "colour")}
    assert told(small, b"code") == {("sample.badge", "user", "")}
    assert told(small, b"oldCode") == set()
    assert PhraseBook(small).notes(b"code").is_conditional


def test_containers_are_named_at_their_end() -> None:
    for words in (["users"], ["old", "user"], ["user", "details"]):
        assert join(words).names("user")
    for words in (["user", "orders"], ["superuser"], ["order"]):
        assert not join(words).names("user")


def test_phrases_right_before_a_value_tell(small: Catalog) -> None:
    book = PhraseBook(small)
    for text in ("the badge number is ", "Badge: ", "my badge = '", "a badge, "):
        assert book.told_before(text, split(text)) == {"sample.badge"}
    for text in ("badge no. ", "badge of the customer is ", "(badge)=(", "badge → "):
        assert book.told_before(text, split(text)) == {"sample.badge"}
    for text in ("badge. ", "the badge was lost by ", "badge"):
        assert book.told_before(text, split(text)) == frozenset()
    for text in (
        " is the badge number",
        ", on file as her badge",
        " as badge that",
        " (badge)",
    ):
        assert book.told_after(text) == {"sample.badge"}
    for text in (" the badge", " is the old badge", " was", "badge"):
        assert book.told_after(text) == frozenset()


def test_near_and_doubtful_words_stand_anywhere(small: Catalog) -> None:
    notes = PhraseBook(small).notes(b"employeeOrderList")
    assert notes.near == {"sample.badge"}
    assert notes.is_doubtful
    assert notes.speaks


@pytest.mark.parametrize("key", [b"lost_badge", b"lostBadges", b"my lost badge"])
def test_silent_phrases_tell_nothing(small: Catalog, key: bytes) -> None:
    book = PhraseBook(msgspec.structs.replace(small, silent=["lost badge"]))
    assert book.notes(b"badge").told
    assert not book.notes(key).told


def test_long_keys_are_texts(small: Catalog) -> None:
    assert PhraseBook(small).notes(b"badge" * KEY_LIMIT) is NOTHING


def test_notes_are_remembered_and_bounded(small: Catalog) -> None:
    book = PhraseBook(small)
    first = book.notes(b"badge")
    assert book.notes(b"badge") is first
    for number in range(CACHE_LIMIT):
        book.notes(b"%d" % number)
    assert book.notes(b"badge") is not first


def test_words_of_texts_name_types(small: Catalog) -> None:
    book = PhraseBook(small)
    assert book.near_in("all our employees know") == {"sample.badge"}
    assert book.near_in("nothing") == frozenset()
