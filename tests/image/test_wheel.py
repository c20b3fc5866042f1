"""A release without compiled modules cannot be built by mistake."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.image.conftest import ROOT

PACKAGES = ("agent", "rings", "detection", "cloud", "proto")
FILES = ("LICENSE", "README.md", "pyproject.toml", "setup.py")


def test_wheel_without_compiler_fails(tmp_path: Path) -> None:
    source, wheels = tmp_path / "source", tmp_path / "wheels"
    for package in PACKAGES:
        built = shutil.ignore_patterns("*.so", "*.c", "__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=built)
    for file in FILES:
        shutil.copy(ROOT / file, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    result = subprocess.run(
        [*pip, "--wheel-dir", str(wheels), str(source)],
        env={**os.environ, "CC": "/nonexistent/cc", "PREBUILT": "1"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert result.returncode != 0
    assert "/nonexistent/cc" in result.stdout + result.stderr
    assert not wheels.exists() or not list(wheels.iterdir())
