"""Catalogs are read whole, or refused with all their mistakes."""

from pathlib import Path

import pytest

from detection.catalog import Catalog, CatalogError, load, read, rules
from detection.finding import Sensitivity


def test_the_built_in_catalog_has_the_breadth_it_claims() -> None:
    catalog = load()
    assert len(catalog.types) >= 150
    countries = {n[9:11] for n in catalog.types if n.startswith("identity.")}
    assert len(countries) >= 45
    assert len(rules(catalog)) > len(catalog.types)


def test_own_files_add_and_turn_off(small_file: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("category: own\noff: [sample.colour]\n")
    catalog = read([small_file, own])
    assert list(catalog.types) == ["sample.badge"]
    assert list(catalog.off) == ["sample.colour"]
    assert catalog.own == {"sample.badge", "sample.colour"}
    assert not load().own
    assert "sample.badge" in load(str(small_file)).types


def test_own_files_add_keys_to_types_that_are_there(
    small_file: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("keys: {sample.colour: [farbe]}\n")
    catalog = read([small_file, own])
    assert catalog.types["sample.colour"].keys == ["colour", "farbe"]


def test_the_digest_names_the_files_bytes(small_file: Path, small: Catalog) -> None:
    assert read([small_file]).digest == small.digest
    small_file.write_text(small_file.read_text() + "\n")
    assert read([small_file]).digest != small.digest


def test_levels_are_sensitivities(small: Catalog) -> None:
    assert small.types["sample.badge"].level is Sensitivity.HIGH
    assert small.combinations[0].level is Sensitivity.HIGH


def test_values_stay_texts(tmp_path: Path) -> None:
    file = tmp_path / "texts.yaml"
    file.write_text(
        "category: c\ntypes:\n- {name: n, title: 12:30, sensitivity: low, rules: [],"
        " examples: [2020-01-02, yes, 1.5, 7, true, null], decoys: []}"
    )
    (kind,) = read([file]).types.values()
    assert kind.title == "12:30"
    assert kind.examples == ["2020-01-02", "yes", 1.5, 7, True, None]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    kind = "{name: n, title: t, sensitivity: low, rules: [], examples: [], decoys: []}"
    texts = {
        "a": "types: [",
        "b": "category: 1",
        "c": "category: c\noff: [x.y]",
        "d": f"types: [{kind}]\nkeys: {{x.y: [a]}}",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    files = [tmp_path / f"{name}.yaml" for name in "abcde"]
    with pytest.raises(CatalogError) as caught:
        read(files)
    lines = str(caught.value).splitlines()
    assert [line[:6] for line in lines] == [f"{n}.yaml" for n in "abcdde"]
