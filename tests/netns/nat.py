"""Address translation by the kernel, as kube-proxy sets it up (iptables)."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.netns.pods import Pod


@contextmanager
def nat(*rules: str, inside: Pod | None = None) -> Iterator[None]:
    """Rules of the nat table, of this host or another, removed afterwards."""
    added: list[str] = []
    try:
        for rule in rules:
            _iptables(f"-A {rule}", inside)
            added.append(rule)
        yield
    finally:
        for rule in added:
            _iptables(f"-D {rule}", inside)


def _iptables(words: str, inside: Pod | None) -> None:
    where = ["ip", "netns", "exec", inside.name] if inside else []
    command = [*where, "iptables", "-w", "-t", "nat", *words.split()]
    subprocess.run(command, check=True)
