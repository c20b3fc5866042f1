"""Country and network come from the user's files, as different makers write them."""

from pathlib import Path
from typing import Any

import pytest

from agent.outside.geography import (
    Geography,
    GeographyError,
    Whereabouts,
    mistakes,
)
from tests.agent.outside.mmdb import write

IP = bytes((192, 0, 2, 7))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"country": {"iso_code": "DE"}}, Whereabouts("DE")),
        ({"country": "FR", "as_name": "Example Net"}, Whereabouts("FR", "Example Net")),
        ({"country": "France", "country_code": "FR"}, Whereabouts("FR")),
        (
            {"autonomous_system_organization": "n" * 150},
            Whereabouts("", "n" * 100),
        ),
        ({"country": {"iso_code": "<b"}, "isp": "a\nb"}, Whereabouts()),
        ("text", Whereabouts()),
    ],
)
def test_what_files_tell(tmp_path: Path, told: Any, expected: Whereabouts) -> None:
    file = write(tmp_path / "one.mmdb", {"192.0.2.0/24": told})
    geography = Geography([str(file)])
    assert geography.find(IP) == expected
    assert geography.find(bytes((198, 51, 100, 1))) == Whereabouts()
    assert geography.find(bytes(15) + b"\1") == Whereabouts()


def test_one_file_adds_to_another(tmp_path: Path) -> None:
    countries = write(tmp_path / "c.mmdb", {"192.0.2.0/24": {"country": "DE"}})
    networks = write(tmp_path / "n.mmdb", {"192.0.2.0/25": {"as_name": "Example"}})
    geography = Geography([str(countries), str(networks)])
    assert geography.find(IP) == Whereabouts("DE", "Example")


def test_all_wrong_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "bad.mmdb").write_bytes(b"no database")
    files = [str(tmp_path / name) for name in ("bad.mmdb", "none.mmdb")]
    with pytest.raises(GeographyError) as raised:
        Geography(files)
    assert str(raised.value).count("addresses.geography_files") == 2


def test_files_are_proved_before_they_are_used(tmp_path: Path) -> None:
    told = {f"192.0.{n}.0/24": {"country": "DE"} for n in range(9)}
    good = write(tmp_path / "good.mmdb", told)
    foreign = write(tmp_path / "cities.mmdb", {"192.0.2.0/24": {"city": "Bonn"}})
    whole = good.read_bytes()
    cut = tmp_path / "cut.mmdb"
    cut.write_bytes(whole[: len(whole) // 2])
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(whole.replace(b"country", b"\xff\xff\xff\xff\xff\xff\xff"))
    files = [good, foreign, cut, broken, tmp_path / "none.mmdb"]
    lines = list(mistakes([str(file) for file in files]))
    for line, name, words in zip(
        lines,
        ("cities", "cut", "broken", "none"),
        (
            "tells neither countries nor networks (its kind is 'Test')",
            "is no MMDB file, or its end is missing",
            "is broken: its records cannot be read",
            "No such file or directory",
        ),
        strict=True,
    ):
        place = f"addresses.geography_files: {tmp_path / name}.mmdb: "
        assert line == place + words
