"""Looks at what we run with: python -m tests.audit

In: the locks, and the packages of this environment. Out: a line for each fault, and an
exit code. Without a network: every line of a lock has hashes, what is installed is what
the lock says, and licences of what we ship are ones that let us. Known vulnerabilities
stand in a service: pip-audit asks it, and what it could not look up is told, never
taken for good. A machine that does not reach the service passes, and says that they
were not looked up.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock")
SECONDS = 120
"""For all packages."""
REACH_SECONDS = 5
"""Until the service answers anything."""
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.M)
_FREE = re.compile(
    r"\b(MIT|MIT-0|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|"
    # Only used as they come, as libraries of their own.
    r"LGPL)",
    re.I,
)
_LOCAL = frozenset(("vethscope",))


def unhashed(lock: str) -> Iterator[str]:
    """Requirements of a lock that any file would do for."""
    for block in re.split(r"\n(?=\S)", lock):
        if block.strip() and "--hash=sha256:" not in block:
            yield f"{block.split()[0]}: has no hash"


def pinned(lock: str) -> dict[str, set[str]]:
    """Name → versions: another Python may have another one."""
    found: dict[str, set[str]] = {}
    for name, version in _PINNED.findall(lock):
        found.setdefault(_plain(name), set()).add(version)
    return found


def strays(lock: dict[str, set[str]], installed: dict[str, str]) -> Iterator[str]:
    """What is installed in another version than the lock's."""
    for name, version in sorted(installed.items()):
        if version not in lock.get(name, {version}):
            wanted = " or ".join(sorted(lock[name]))
            yield f"{name}: {version} is installed, the lock says {wanted}"


def licence(package: Any) -> str:
    """As a package tells it: an SPDX expression, a text, or a classifier."""
    kinds = [c for c in package.get_all("Classifier") or () if c.startswith("License")]
    told = [package.get("License-Expression"), package.get("License"), *kinds]
    return next((text.splitlines()[0][:200] for text in told if text), "")


def unfree(shipped: Iterable[Distribution]) -> Iterator[str]:
    for one in shipped:
        told = licence(one.metadata)
        if not _FREE.search(told):
            yield f"{one.metadata['Name']}: its licence is {told or 'not told'}"


def vulnerable(told: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What pip-audit found, and what it could not look up."""
    found, skipped = [], []
    for one in told["dependencies"]:
        if "skip_reason" in one:
            skipped.append(one["name"])
        for known in one.get("vulns", ()):
            fixed = ", ".join(known["fix_versions"]) or "no version"
            found.append(f"{one['name']} {one['version']}: {known['id']}, see {fixed}")
    return found, skipped


def looked_up(lock: Path) -> tuple[list[str], str]:
    """Faults, and what was not looked up; never raises for want of a network."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--disable-pip"]
    command += ["--require-hashes", "--timeout", str(REACH_SECONDS)]
    command += ["--progress-spinner", "off", "-f", "json"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS)
        told = json.loads(done.stdout)
        found, skipped = vulnerable(told)
    except (subprocess.TimeoutExpired, ValueError):
        return [], "vulnerabilities were not looked up: the service does not answer"
    if len(skipped) == len(told["dependencies"]):
        return [], "vulnerabilities were not looked up: the service knows no package"
    words = f"vulnerabilities of {len(skipped)} packages were not looked up"
    return found, f"{words}: {', '.join(skipped)}" if skipped else ""


def faults() -> Iterator[str]:
    """All that needs no network."""
    texts = {name: (ROOT / name).read_text() for name in LOCKS}
    for name, text in texts.items():
        yield from (f"{name}: {line}" for line in unhashed(text))
    packages = {_plain(one.metadata["Name"]): one for one in distributions()}
    installed = {name: one.version for name, one in packages.items()}
    yield from strays(pinned(texts["requirements-dev.lock"]), installed)
    shipped = pinned(texts["requirements.lock"]).keys() - _LOCAL
    yield from unfree(one for name, one in packages.items() if name in shipped)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    found, unknown = looked_up(ROOT / "requirements.lock")
    told = [*faults(), *found]
    for line in told:
        print(f"audit: {line}")
    if unknown:
        print(f"audit: {unknown}")
    print(f"audit: {len(told)} faults")
    return bool(told)


if __name__ == "__main__":
    sys.exit(main())
