"""The image runs every role, compiled, without privilege, and holds nothing more."""

import json
import re
import tomllib

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.image.conftest import BUILD_SECONDS, ROOT, Image

pytestmark = pytest.mark.timeout(BUILD_SECONDS + 60)

MOST_BYTES = 250 << 20
"""Beside the base image."""
COMPILED = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("rings", "detection", "agent", "cloud")
    for path in (ROOT / package).rglob("*.pxd")
    if path.stem != "memory"
)

IMPORT_ALL = """
import importlib, pkgutil
for package in ("agent", "rings", "detection", "cloud", "proto"):
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, package + "."):
        if not module.name.endswith(".env"):  # which only Alembic can run
            importlib.import_module(module.name)
"""

START_AND_STOP = """
import subprocess, sys
with subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True) as role:
    print(next(line for line in role.stderr if " on " in line))
    role.terminate()
    role.stderr.read()
sys.exit(role.returncode)
"""


def test_version_is_the_projects(image: Image) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert image.run("vethscope", "--version") == f"vethscope {project['version']}\n"


def test_every_module_imports(image: Image) -> None:
    image.python(IMPORT_ALL)


def test_rules_are_inside_and_prove_themselves(image: Image) -> None:
    image.run("vethscope", "catalog", "--check")


def test_the_detectors_database_is_inside_and_taken(image: Image) -> None:
    code = "from detection import database; database.compile_database = None\n"
    code += "from detection.scanner import Scanner; Scanner.load()"
    image.python(code)


@pytest.mark.parametrize("role", ["cloud", "detector"])
def test_servers_start_and_stop(image: Image, role: str) -> None:
    listen = {
        "cloud": ["--cloud-listen=127.0.0.1:0", "--cloud-collector-listen=127.0.0.1:0"],
        "detector": ["--detector-listen=127.0.0.1:0"],
    }[role]
    image.python(START_AND_STOP, "vethscope", role, *listen)


def test_hot_modules_are_compiled(image: Image) -> None:
    code = f"import importlib\nfor name in {COMPILED}:\n"
    code += "    print(importlib.import_module(name).__file__)"
    files = image.python(code).split()
    assert len(files) == len(COMPILED) > 0
    assert all(file.endswith(".so") for file in files)


def test_it_does_not_run_as_root(image: Image) -> None:
    assert image.config["User"] == "65532:65532"
    assert image.run("id", "-u").strip() == "65532"


def test_roles_are_its_arguments(image: Image) -> None:
    assert image.config["Entrypoint"] == ["vethscope"]


def test_it_holds_the_locked_packages_and_nothing_more(image: Image) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    locked = {f"{n}=={v}" for n, v in re.findall(r"^([^\s=]+)==(\S+)", lock, re.M)}
    installed = image.python(
        "from importlib.metadata import distributions\n"
        "for d in distributions(): print(d.name.lower().replace('_', '-').replace("
        "'.', '-') + '==' + d.version)"
    ).split()
    ours = {name for name in installed if name.startswith("vethscope==")}
    assert len(ours) == 1
    assert set(installed) - ours <= locked


@pytest.mark.parametrize("program", ["cc", "gcc", "cython", "pip", "pytest"])
def test_tools_stay_outside(image: Image, program: str) -> None:
    assert image.python(f"import shutil; print(shutil.which({program!r}))") == "None\n"


def test_sources_and_tests_stay_outside(image: Image) -> None:
    found = image.python(
        "import importlib.util as u, pathlib, rings\n"
        "print(u.find_spec('tests'), u.find_spec('benchmarks'))\n"
        "print(list(pathlib.Path(rings.__file__).parent.rglob('*.c')))\n"
        "print(pathlib.Path('/source').exists(), pathlib.Path('/tools').exists())"
    )
    assert found == "None None\n[]\nFalse False\n"


def test_it_says_what_it_is(image: Image) -> None:
    labels = image.config["Labels"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "org.opencontainers.image"
    assert labels[f"{prefix}.title"] == project["name"]
    assert labels[f"{prefix}.version"] == project["version"]
    assert labels[f"{prefix}.licenses"] == project["license"]
    assert re.fullmatch("[0-9a-f]{40}|unknown", labels[f"{prefix}.revision"])


def test_the_list_of_what_it_is_made_of_is_right_and_beside_it(image: Image) -> None:
    inside = image.run("cat", "/opt/vethscope/sbom.cdx.json")
    assert (ROOT / "build/sbom.cdx.json").read_text() == inside
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(inside) is None
    listed = {c["purl"] for c in json.loads(inside)["components"]}
    installed = image.python(
        "from importlib.metadata import distributions\n"
        "for d in distributions(): print(d.name.lower().replace('_', '-').replace("
        "'.', '-') + '@' + d.version)"
    ).split()
    ours = {f"pkg:pypi/{name}" for name in installed if "vethscope@" not in name}
    assert {purl for purl in listed if purl.startswith("pkg:pypi/")} == ours
    assert any(purl.startswith("pkg:deb/debian/python3") for purl in listed)


def test_it_is_small(image: Image) -> None:
    told = image.run("du", "--summarize", "--bytes", "/opt/vethscope")
    assert int(told.split()[0]) < MOST_BYTES
