"""Files that a program reads again while it runs, replaced as Kubernetes does: at once.

A file that is written in place is empty for a moment, which the program may meet.
"""

from pathlib import Path


def replace(file: Path, content: str | bytes, mode: int = 0o600) -> None:
    fresh = file.with_name(f"{file.name}.new")
    fresh.touch(mode)
    fresh.write_bytes(content.encode() if isinstance(content, str) else content)
    fresh.rename(file)
