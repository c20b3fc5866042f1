"""Files of a link: read if they belong together, told by their settings if not."""

from pathlib import Path

import pytest

from agent.certificates import CertificateError, Content, Files, name_in
from tests.certificates import Authority, Pem


@pytest.fixture
def pem(tmp_path: Path) -> Pem:
    return Authority().issue(tmp_path / "own", "digger")


def why(files: Files) -> str:
    with pytest.raises(CertificateError) as caught:
        files.read()
    return str(caught.value)


def test_what_belongs_together_is_read(pem: Pem) -> None:
    content = pem.of("detector").read()
    assert content == Content(*(Path(file).read_bytes() for file in pem))
    assert repr(content) == "Content()"
    assert Files("detector", "", "", "").read() == Content(b"", b"", b"")


def test_a_key_of_another_certificate_is_told(pem: Pem, tmp_path: Path) -> None:
    other = Authority().issue(tmp_path / "other")
    mixed = pem._replace(key=other.key)
    assert why(mixed.of("detector")) == (
        "detector.key_file: is not the key of detector.certificate_file"
    )
    assert why(Files("cloud", "", mixed.certificate, mixed.key, "collector_")) == (
        "cloud.collector_key_file: is not the key of cloud.collector_certificate_file"
    )


def test_what_is_no_pem_is_told(pem: Pem, tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.touch(0o600)
    junk.write_text("canary")
    wrong = {
        part: why(pem._replace(**{part: str(junk)}).of("kafka")) for part in Pem._fields
    }
    assert wrong["ca"].startswith("kafka.ca_file: ")
    assert wrong["certificate"].endswith("junk': holds no certificate in PEM")
    assert (
        wrong["key"] == "kafka.key_file: holds no private key in PEM without a password"
    )
    assert "canary" not in str(wrong)


@pytest.mark.parametrize("part", ["certificate", "key"])
def test_one_without_the_other_is_told(pem: Pem, part: str) -> None:
    assert why(pem._replace(**{part: ""}).of("addresses")) == (
        "addresses.certificate_file and key_file: one needs the other"
    )


def test_what_cannot_be_read_is_told(pem: Pem, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    assert "No such file" in why(pem._replace(ca=absent).of("kafka"))
    assert "no such file" in why(pem._replace(key=absent).of("kafka"))
    Path(pem.key).chmod(0o644)
    assert why(pem.of("kafka")) == "kafka.key_file: is open to all users: chmod o-rw"


def test_a_certificate_is_reached_by_a_name_that_stands_in_it(pem: Pem) -> None:
    assert name_in(Path(pem.certificate).read_bytes()) == "digger"
    assert name_in(Path(pem.ca).read_bytes()) == ""
