"""Settings: precedence, all errors at once, secrets masked."""

import base64
from pathlib import Path

import msgspec
import pytest

from agent.kafka.topics import topics
from agent.loading import SettingsError, effective, load
from agent.settings import names, split_address
from tests.agent.test_keys import key_file


def test_defaults_need_no_source() -> None:
    settings = load(environment={})
    assert settings.cloud.listen == "127.0.0.1:8080"
    assert settings.node


def test_flags_win_over_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "vethscope.toml"
    file.write_text("[kafka]\npartitions = 2\nbootstrap = 'a:1'\nsasl_username = 'f'\n")
    settings = load(
        file,
        {"VETHSCOPE_KAFKA_BOOTSTRAP": "b:2", "VETHSCOPE_KAFKA_SASL_USERNAME": "e"},
        {"kafka-sasl-username": "g"},
    )
    kafka = settings.kafka
    assert (kafka.partitions, kafka.bootstrap, kafka.sasl_username) == (2, "b:2", "g")


def test_all_errors_come_at_once(tmp_path: Path) -> None:
    file = tmp_path / "vethscope.toml"
    file.write_text("loose = 1\n[kafka]\npartitions = 'x'\nnope = 1\n")
    with pytest.raises(SettingsError) as caught:
        load(
            file,
            {"VETHSCOPE_NOPE": "1", "VETHSCOPE_CAPTURE_RING_BYTES": "5"},
            {"capture-workers": "many", "cloud-listen": "8080"},
        )
    lines = str(caught.value).splitlines()
    assert len(lines) == 7
    for word in (
        "loose",
        "partitions: 'x'",
        "nope",
        "VETHSCOPE_NOPE",
        "VETHSCOPE_CAPTURE_RING_BYTES: '5': Expected `int` >= 4194304",
        "--capture-workers: 'many'",
        "cloud.listen: '8080'",
    ):
        assert any(word in line for line in lines), word


def test_values_out_of_range_are_named_together() -> None:
    flags = {
        "kafka-partitions": "0",
        "cloud-listen": "8080",
        "logs-level": "LOUD",
        "capture-memory-bytes": "1000",
        "cloud-database-url": "mysql://u:canary@db/v",
    }
    with pytest.raises(SettingsError) as caught:
        load(environment={}, flags=flags)
    told = str(caught.value)
    assert len(told.splitlines()) == 5
    assert "'LOUD': must be one of DEBUG, INFO, WARNING, ERROR" in told
    assert "canary" not in told


def test_a_broken_file_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "vethscope.toml"
    file.write_text("[kafka\n")
    with pytest.raises(SettingsError, match=r"vethscope\.toml"):
        load(file, {})
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "absent.toml", {})


def test_named_files_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load(environment={}, flags={"addresses-file": str(tmp_path / "absent")})


def test_no_secret_is_shown() -> None:
    secret = "canary-4111111111111111"
    flags = {
        "kafka-sasl-password": secret,
        "cloud-database-url": f"postgresql+psycopg://u:{secret}@db/v",
    }
    shown = dict(effective(load(environment={}, flags=flags)))
    assert secret not in str(shown)
    assert shown["kafka.sasl_password"] == "***"
    assert dict(effective(load(environment={})))["cloud.database_url"].startswith(
        "sqlite:"
    )


def test_wrong_keys_are_told_with_all_else_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("canary\n")
    file.chmod(0o600)
    flags = {"kafka-encryption-key-file": str(file), "cloud-listen": "8080"}
    with pytest.raises(SettingsError) as caught:
        load(environment={"VETHSCOPE_KAFKA_PARTITIONS": "0"}, flags=flags)
    lines = sorted(str(caught.value).splitlines())
    assert len(lines) == 3
    assert lines[2] == (
        "kafka.encryption_key_file: line 1: must be 32 bytes in base64, each once"
    )


def test_encryption_is_not_required_of_nobody(tmp_path: Path) -> None:
    environment = {"VETHSCOPE_KAFKA_ENCRYPTION_REQUIRED": "true"}
    with pytest.raises(SettingsError, match=r"needs kafka\.encryption_key_file"):
        load(environment=environment)
    file = key_file(tmp_path, b"k" * 32)
    settings = load(environment=environment, flags={"kafka-encryption-key-file": file})
    assert settings.kafka.encryption_required
    assert base64.b64encode(b"k" * 32).decode() not in str(dict(effective(settings)))


def test_every_setting_has_a_default_of_its_type() -> None:
    settings = load(environment={})
    for group, name, kind in names():
        value = getattr(getattr(settings, group), name)
        assert msgspec.convert(value, kind) == value


@pytest.mark.parametrize(
    ("text", "wanted"), [("a:1", ("a", 1)), ("[::1]:443", ("::1", 443))]
)
def test_addresses_are_split(text: str, wanted: tuple[str, int]) -> None:
    assert split_address(text) == wanted


@pytest.mark.parametrize("text", ["a", "a:", "a:99999", "a:-1", ":x"])
def test_bad_addresses_raise(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        split_address(text)


@pytest.mark.parametrize("name", ["", "prod/eu", "prod eu", "größe", "x" * 172])
def test_a_cluster_is_named_so_that_topics_can_be(name: str) -> None:
    with pytest.raises(SettingsError, match=r"^cluster\.name: .*must") as caught:
        load(environment={}, flags={"cluster-name": name})
    assert len(str(caught.value).splitlines()) == 1


def test_a_topic_prefix_is_checked_too() -> None:
    with pytest.raises(SettingsError, match=r"^kafka\.topic_prefix: 'a:b': must be"):
        load(environment={}, flags={"kafka-topic-prefix": "a:b"})
    named = load(environment={}, flags={"cluster-name": "Prod_eu-1.example"})
    assert topics(named).records == "vethscope.Prod_eu-1.example.records"
