"""Virtual environments of their own, for packages that we only compare with."""

import subprocess
import sys
from pathlib import Path


def install(directory: Path, *packages: str) -> Path:
    """The Python of the environment there, with these packages; both are made and
    installed if they are not there."""
    python = directory / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *packages], check=True)
    return python
