"""`python -m benchmarks.addresses`: what the address service takes, and how fast it is.

Interceptors of a large cluster follow a digger whose list changes all the time; then
the digger is started again. Server and followers are processes of their own; the
server's CPU time is what counts, the machine may be busy. Of first lists and of coming
back the followers' own processes take the larger part: on real nodes each does its own.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.certificates import Authority

MIB = 1 << 20


class Process:
    """A part of the benchmark; answers lines with JSON."""

    def __init__(self, module: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def say(self, words: str = "now") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()

    def ask(self, words: str = "now") -> Any:
        self.say(words)
        return json.loads(self.line())

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Followers:
    """Interceptors in several processes."""

    def __init__(self, port: int, options: argparse.Namespace, pem: list[str]) -> None:
        module = "benchmarks.addresses.followers"
        each = options.interceptors // options.processes
        self._parts = [
            Process(module, port, each, number * each, *pem)
            for number in range(options.processes)
        ]
        for part in self._parts:
            part.line()

    def ask(self, words: str = "now") -> list[Any]:
        """What each process answers."""
        self.say(words)
        return self.told()

    def say(self, words: str) -> None:
        for part in self._parts:
            part.say(words)

    def told(self) -> list[Any]:
        return [json.loads(part.line()) for part in self._parts]

    def end(self) -> None:
        for part in self._parts:
            part.end()


def serve(port: int, options: argparse.Namespace, pem: list[str]) -> Process:
    process = Process(
        "benchmarks.addresses.serving",
        port,
        options.addresses,
        options.changes,
        options.nodes,
        *pem,
    )
    assert process.line().startswith("ready")
    return process


def certified(folder: Path) -> list[list[str]]:
    """Of the digger and the interceptors."""
    authority = Authority()
    names = ("digger", "interceptor")
    return [list(authority.issue(folder / name, name)) for name in names]


def measure(options: argparse.Namespace, folder: Path) -> None:
    port = free_port()
    own, theirs = certified(folder) if options.tls else ([], [])
    server = serve(port, options, own)
    alone = server.ask()
    followers = Followers(port, options, theirs)
    try:
        began = server.ask()
        firsts = sorted(one for part in followers.ask() for one in part["firsts"])
        used = server.ask()["cpu"] - began["cpu"]
        print(
            f"first lists, with their connections, when all {len(firsts)} come at once:"
            f" {firsts[len(firsts) // 2]:.2f} s in the middle, {firsts[-1]:.2f} s at"
            f" worst; {used:.2f} CPU s"
        )
        time.sleep(5)
        before, came = server.ask(), followers.ask()
        time.sleep(options.seconds)
        after, comes = server.ask(), followers.ask()
        seconds = after["at"] - before["at"]
        share = (after["cpu"] - before["cpu"]) / seconds
        bytes_of = [sum(part["received"] for part in told) for told in (came, comes)]
        rate = (bytes_of[1] - bytes_of[0]) / seconds / options.interceptors
        print(f"{options.changes:g} changes a second: {share:.1%} of a core")
        print(f"a follower gets {rate / 1000:.2f} kB/s")
        print(
            f"memory: {after['resident'] / MIB:.0f} MiB, {after['most'] / MIB:.0f} at "
            f"most; without followers {alone['resident'] / MIB:.0f}"
        )
        server.end()
        followers.say("again")
        began = time.monotonic()
        server = serve(port, options, own)
        up = time.monotonic() - began
        back = max(part["all_seconds"] for part in followers.told())
        last = server.ask()
        print(
            f"digger started again: list ready after {up:.1f} s, all back "
            f"{back:.1f} s after it went, "
            f"{last['most'] / MIB:.0f} MiB at most, {last['cpu']:.1f} CPU s"
        )
    finally:
        followers.end()
        server.end()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.addresses")
    parser.add_argument("--interceptors", type=int, default=1_000)
    parser.add_argument("--addresses", type=int, default=160_000)
    parser.add_argument("--changes", type=float, default=20, help="a second")
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--processes", type=int, default=2, help="of interceptors")
    parser.add_argument("--tls", action="store_true", help="both ends prove themselves")
    with tempfile.TemporaryDirectory() as folder:
        measure(parser.parse_args(), Path(folder))


if __name__ == "__main__":
    main()
