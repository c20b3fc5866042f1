"""Address translation by the kernel, as kube-proxy sets it up (iptables)."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nat(*rules: str) -> Iterator[None]:
    """Rules of the nat table, removed afterwards."""
    added: list[str] = []
    try:
        for rule in rules:
            _iptables(f"-A {rule}")
            added.append(rule)
        yield
    finally:
        for rule in added:
            _iptables(f"-D {rule}")


def _iptables(words: str) -> None:
    subprocess.run(["iptables", "-w", "-t", "nat", *words.split()], check=True)
