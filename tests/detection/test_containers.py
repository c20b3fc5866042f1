"""Places, keys and serial numbers of what stands in open containers."""

from detection.fields import KEY_LIMIT, STRING, Place
from detection.walker import DEPTH_LIMIT
from tests.detection.walks import hits_of, root, seen, walked, walker


def test_array_elements_have_the_key_of_the_array() -> None:
    assert seen(b'{"a": [["HIT"]]}') == [(STRING, b"a", b"HIT")]
    assert seen(b'["HIT"]') == [(STRING, None, b"HIT")]


def test_places_name_the_way() -> None:
    (field,) = walked(b'{"a": [{"b": {"c": "HIT"}}]}')
    names = []
    place: Place | None = field.place
    while place is not None:
        names.append((place.key, place.is_array))
        place = place.parent
    assert names == [
        (b"b", False),
        (None, False),
        (b"a", True),
        (None, False),
        (None, False),
    ]


def test_fields_of_one_object_share_a_serial_number() -> None:
    first, second = walked(b'{"a": "HIT", "b": ["HIT"]}')
    assert first.place is second.place.container
    assert first.serial == second.serial


def test_objects_at_one_place_share_it_but_no_serial_number() -> None:
    first, second = walked(b'[{"a": "HIT"}, {"a": "HIT"}]')
    assert first.place is second.place
    assert first.serial != second.serial


def test_places_are_kept_between_walks_unless_their_key_is_long() -> None:
    one, start = walker(), root()
    for key in (b"a", b"k" * (KEY_LIMIT + 1)):
        data = b'{"%b": {"b": "HIT"}}' % key
        hits = hits_of(data)
        walk = [one.walk(data, 0, len(data), hits, 0, 1, start) for _ in range(2)]
        (first,), (second,) = walk
        assert (first.place is second.place) == (len(key) <= KEY_LIMIT)
    assert one.made() == 4
    one.forget()
    assert one.made() == 0


def test_more_closings_than_openings_are_stepped_over() -> None:
    assert seen(b']}} {"a": "HIT"}') == [(STRING, b"a", b"HIT")]


def test_depth_beyond_the_limit_is_folded() -> None:
    data = b"[" * (DEPTH_LIMIT + 50) + b'"HIT"' + b"]" * (DEPTH_LIMIT + 50) + b'"HIT"'
    deep, flat = walked(data)
    assert flat.place.parent is None
    depth, place = 0, deep.place.parent
    while place is not None:
        depth, place = depth + 1, place.parent
    assert depth == DEPTH_LIMIT
