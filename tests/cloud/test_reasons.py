"""Plain words for what became of bytes."""

from cloud.reasons import (
    COUNTED,
    GROUP_WORDS,
    LOST_FRAMES,
    LOST_RECORDS,
    Group,
    bytes_words,
    counts_words,
    group,
    of,
)
from rings.stats import BUCKETS, COUNTS


def test_every_bucket_of_the_capture_core_has_words_and_a_group() -> None:
    known = [reason for one in Group for reason in of(one)]
    assert set(BUCKETS) <= set(known)


def test_every_counter_of_the_capture_core_has_words_of_its_own() -> None:
    plain = {name for name in COUNTS if counts_words(name) == name.replace("_", " ")}
    assert plain <= {"connections", "requests", "responses"}


def test_what_is_counted_as_lost_has_words() -> None:
    for reason in (*LOST_RECORDS, *LOST_FRAMES):
        assert counts_words(reason) != reason.replace("_", " ")


def test_unknown_reason_counts_as_missed_under_its_own_name() -> None:
    assert group("moon_phase") is Group.MISSED
    assert bytes_words("moon_phase") == "moon phase"
    assert counts_words("moon_phase") == "moon phase"


def test_only_pairs_with_json_and_what_names_their_clients_count_as_read() -> None:
    assert of(Group.CAPTURED) == [
        "paired",
        "http2_frames",
        "path_unknown",
        "proxy_header",
    ]
    assert Group.ASIDE not in COUNTED
    assert set(GROUP_WORDS) == set(Group)
