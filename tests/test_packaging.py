"""What an installed Vethscope has beside its modules."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("agent", "cloud", "detection", "rings")
CODE = {".c", ".proto", ".pxd", ".py", ".pyc", ".so"}
INSTALLED = """
from setuptools import Distribution
from setuptools.command.build_py import build_py
distribution = Distribution()
distribution.parse_config_files(["pyproject.toml"])
command = build_py(distribution)
command.finalize_options()
command.manifest_files = {}
for package in command.packages:
    files = command.find_data_files(package, command.get_package_dir(package))
    print(*files, sep="\\n")
"""
"""Run apart: setuptools brings packages of its own into the process."""


def test_all_that_modules_read_is_installed_with_them() -> None:
    read = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in CODE
    }
    assert "cloud/pages/templates/administration/users.html" in read
    told = subprocess.run(
        [sys.executable, "-c", INSTALLED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert read <= {str(Path(name)) for name in told.stdout.splitlines()}
