"""Loading settings: defaults < TOML file < environment < flags.

A setting `name` of group `group` is `[group] name` in the file, `VETHSCOPE_GROUP_NAME`
in the environment and `--group-name` on the command line. `load` reports every wrong
value at once. Fields whose name ends in `password`, `key` or `url` are masked in print.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from agent import constraints
from agent.keys import KeyFileError, read_keys
from agent.settings import (
    WORKING_BYTES,
    Kafka,
    Settings,
    names,
    split_address,
    split_list,
)

_FILES = (
    ("addresses", "file"),
    ("addresses", "kubeconfig_file"),
    ("addresses", "filter_file"),
    ("addresses", "ranges_file"),
    ("addresses", "geography_files"),
    ("detector", "catalog"),
)
"""Read at start: they must be there."""
_DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


class SettingsError(Exception):
    """All wrong settings, one line each."""


def load(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, str] | None = None,
) -> Settings:
    """Merges the sources; flags are keyed `group-name`. Raises SettingsError."""
    errors: list[str] = []
    values = _from_file(file, errors) if file else {}
    types = {(group, name): kind for group, name, kind in names()}
    for group, name in values.keys() - types.keys():
        errors.append(f"{file}: [{group}] {name}: no such setting")
    _take_environment(environment, types, values, errors)
    for (group, name), flag in (
        ((g, n), (flags or {}).get(f"{g}-{n}".replace("_", "-"))) for g, n in types
    ):
        if flag is not None:
            values[group, name] = (flag, f"--{group}-{name}".replace("_", "-"))
    groups: dict[str, dict[str, Any]] = {}
    for (group, name), (value, source) in values.items():
        if (group, name) in types:
            converted = _convert(value, types[group, name], source, errors)
            if converted is not None:
                groups.setdefault(group, {})[name] = converted
    settings = msgspec.convert(groups, Settings)
    _check(settings, errors)
    if errors:
        raise SettingsError("\n".join(errors))
    return settings


def effective(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each setting as `group.name` and value, secrets masked."""
    for group, name, _ in names():
        value = getattr(getattr(settings, group), name)
        yield f"{group}.{name}", _masked(name, value)


Values = dict[tuple[str, str], tuple[Any, str]]


def _from_file(file: Path, errors: list[str]) -> Values:
    try:
        tables = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        errors.append(f"{file}: {error}")
        return {}
    values: Values = {}
    for group, table in tables.items():
        if isinstance(table, dict):
            for name, value in table.items():
                values[group, name] = (value, f"{file}: [{group}] {name}")
        else:
            errors.append(f"{file}: {group}: is not a group of settings")
    return values


def _take_environment(
    environment: Mapping[str, str],
    types: Mapping[tuple[str, str], type],
    values: Values,
    errors: list[str],
) -> None:
    known = {f"VETHSCOPE_{g}_{n}".upper(): (g, n) for g, n in types}
    for variable, text in environment.items():
        if variable in known:
            values[known[variable]] = (text, variable)
        elif variable.startswith("VETHSCOPE_"):
            errors.append(f"{variable}: no such setting")


def _convert(value: object, kind: Any, source: str, errors: list[str]) -> object:
    """None where the value does not fit, which is told."""
    try:
        return msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        shown = "***" if _is_secret(source) else repr(value)
        choices = [word for word in get_args(kind) if word and isinstance(word, str)]
        words = f"must be one of {', '.join(choices)}" if choices else str(error)
        errors.append(f"{source}: {shown}: {words}")
        return None


def _check(settings: Settings, errors: list[str]) -> None:
    """What no single type can say."""
    capture = settings.capture
    least = capture.ring_bytes + capture.inside_bytes + WORKING_BYTES
    if 0 < capture.memory_bytes < least:
        errors.append(
            f"capture.memory_bytes: {capture.memory_bytes}: must be 0 or at least "
            f"{least}, {WORKING_BYTES} more than capture.ring_bytes and inside_bytes"
        )
    if not settings.cloud.database_url.startswith(_DATABASES):
        errors.append(
            "cloud.database_url: must be sqlite:///FILE or "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        )
    for group, name in _FILES:
        for path in split_list(getattr(getattr(settings, group), name)):
            if not Path(path).is_file():
                errors.append(f"{group}.{name}: {path!r}: no such file")
    _check_encryption(settings.kafka, errors)
    errors += constraints.broken(settings)
    for group, name, _ in names():
        value = getattr(getattr(settings, group), name)
        if name.endswith(("listen", "server")) and value:
            try:
                split_address(value)
            except ValueError as error:
                errors.append(f"{group}.{name}: {error}")


def _check_encryption(kafka: Kafka, errors: list[str]) -> None:
    """The value is not shown: it may be a key that somebody took for its file."""
    if kafka.encryption_key_file:
        try:
            read_keys(kafka.encryption_key_file)
        except KeyFileError as error:
            errors.append(str(error))
    elif kafka.encryption_required:
        errors.append("kafka.encryption_required: needs kafka.encryption_key_file")


def _is_secret(name: str) -> bool:
    return name.lower().endswith(("password", "key", "url"))


def _masked(name: str, value: object) -> str:
    if value and _is_secret(name):
        if name.endswith("url") and str(value).startswith("sqlite:"):
            return str(value)
        return "***"
    return str(value)
