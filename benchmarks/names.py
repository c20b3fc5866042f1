"""How many templates are right, at first sight and once paths were asked for often.

`python -m benchmarks.names [FILE] [--requests N] [--held-out SEED] [--folder PATH]
[--wrong N]`. FILE has JSON lines of API operations with concrete targets (`api`,
`path`, `targets`: `target`, `expected_literals`, `data`, `kinds`). A template is right
if each literal segment of the path stands in it. `--held-out` judges only the providers
that `benchmarks.vocabulary --held-out` left out of the vocabulary in `--folder`. First
each target is asked once; then, for each API, each path N times by three clients, with
values drawn anew from those of the same kind in all the file. A leak is a drawn value
outside of braces, at any time. Operations are kept apart if their templates differ.
Before that, and alone without FILE, what a call takes.
"""

import argparse
import gzip
import json
import random
import re
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from agent.naming.endpoints import Endpoints
from agent.naming.vocabulary import FOLDER, Vocabulary
from benchmarks.vocabulary.descriptions import half

CLIENTS = ("client-a", "client-b", "client-c")
MAY_STAY = frozenset("vocabulary enum version country small-int".split())
"""Kinds of values that are words of the interface themselves."""
SECOND_NS = 10**9
ENOUGH = 10**9

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--requests", type=int, default=50)
    parser.add_argument("--held-out", type=int)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--wrong", type=int, default=0)
    options = parser.parse_args()
    _speed()
    if options.file is None:
        return
    with gzip.open(options.file, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    pools = _pools(rows)
    if options.held_out is not None:
        chosen = half({row["api"].partition("/")[0] for row in rows}, options.held_out)
        rows = [row for row in rows if row["api"].partition("/")[0] in chosen]
    vocabulary = Vocabulary.load(options.folder)
    _first_sight(rows, vocabulary, options.wrong)
    _often(rows, pools, vocabulary, options.requests, options.wrong)


def _speed() -> None:
    """Prints what a call takes, by what is new in its path."""
    chance = random.Random(3)
    names = ["".join(chance.choices("bdgklmnrtaeiou", k=9)) for _ in range(20_000)]
    kinds = {
        "seen before": [b"/api/v1/users/4711/orders?page=1"] * 20_000,
        "a new number": [b"/api/v1/users/%d/orders" % n for n in range(1000, 21_000)],
        "a new name": [f"/api/v1/users/{name}/orders".encode() for name in names],
    }
    for kind, targets in kinds.items():
        endpoints = Endpoints()
        began = time.process_time()
        for target in targets:
            endpoints.template("server", "GET", target, "client", 200, 1)
        micros = (time.process_time() - began) / len(targets) * 1e6
        print(f"{kind}: {micros:.2f} µs")


def _first_sight(rows: list[Row], vocabulary: Vocabulary, wrong: int) -> None:
    endpoints = Endpoints(vocabulary=vocabulary, most_templates=ENOUGH)
    right, leaks, missed = 0, 0, Counter[str]()
    targets = [target for row in rows for target in row["targets"]]
    for target in targets:
        shown = endpoints.template("server", "POST", target["target"].encode())
        absent = _absent(shown, target["expected_literals"])
        right += not absent
        missed.update(absent)
        leaks += _leaks(shown, target["data"])
    share = right / len(targets)
    print(f"first sight: {share:.1%} of {len(targets)} targets right, {leaks} leak")
    if wrong:
        print(missed.most_common(wrong))


def _often(
    rows: list[Row],
    pools: dict[str, list[str]],
    vocabulary: Vocabulary,
    requests: int,
    wrong: int,
) -> None:
    """Each API is a server; its paths in turns, as traffic has them."""
    chance = random.Random(5)
    right = leaks = paths = 0
    kept = distinct = 0
    missed = Counter[str]()
    apis: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        apis[row["api"]].setdefault(row["path"], row)
    for api, by_path in apis.items():
        endpoints = Endpoints(vocabulary=vocabulary, proof_seconds=600)
        shown_of: dict[str, str] = {}
        for turn in range(requests + 1):
            at_ns = (1 + turn) * 60 * SECOND_NS
            for path, row in by_path.items():
                target, values = _drawn(row, pools, chance)
                client = CLIENTS[chance.randrange(len(CLIENTS))]
                shown = endpoints.template(api, "GET", target, client, 200, at_ns)
                if _leaks(shown, values):
                    leaks += 1
                    _tell(wrong, f"leak: {target.decode()} -> {shown}")
                shown_of[path] = shown
        for path, row in by_path.items():
            absent = _absent(shown_of[path], row["targets"][0]["expected_literals"])
            right += not absent
            missed.update(absent)
            paths += 1
        shapes = {re.sub(r"\{[^}]*\}", "{}", path) for path in by_path}
        kept += len({re.sub(r"\{[^}]*\}", "{}", t) for t in shown_of.values()})
        distinct += len(shapes)
    print(
        f"asked {requests} times: {right / paths:.1%} of {paths} paths right, {leaks}"
        f" leak; {kept / distinct:.1%} of {distinct} kept apart"
    )
    if wrong:
        print(missed.most_common(wrong))


def _pools(rows: list[Row]) -> dict[str, list[str]]:
    """Values by kind, as they stand in targets."""
    pools: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        pattern = _pattern(row["path"])
        for target in row["targets"]:
            found = pattern.fullmatch(target["target"].partition("?")[0])
            if found and len(found.groups()) == len(target["kinds"]):
                for kind, value in zip(target["kinds"], found.groups(), strict=True):
                    pools[kind].append(value)
    return pools


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", path.partition("?")[0])
    return re.compile("([^/]+)".join(map(re.escape, parts)))


def _drawn(
    row: Row, pools: dict[str, list[str]], chance: random.Random
) -> tuple[bytes, list[str]]:
    """A target with values drawn anew, and those that must not stay."""
    kinds = iter(row["targets"][0]["kinds"])
    values = []

    def value(_: re.Match[str]) -> str:
        kind = next(kinds, "uuid")
        drawn = chance.choice(pools[kind] or pools["uuid"])
        if kind not in MAY_STAY:
            values.append(drawn)
        return drawn

    target = re.sub(r"\{[^}]*\}", value, row["path"].partition("?")[0])
    return target.encode(), values


def _tell(wrong: int, text: str) -> None:
    if wrong:
        print(text)


def _absent(shown: str, literals: list[str]) -> list[str]:
    parts = shown.strip("/").split("/")
    return [literal for literal in literals if literal not in parts]


def _leaks(shown: str, values: list[str]) -> bool:
    """Whether a value, or a part of one, stands on word boundaries."""
    bare = re.sub(r"\{[^}]*\}", "{}", shown).lower()
    return any(
        len(value) > 1
        and re.search(rf"(?<![a-z0-9]){re.escape(value.lower())}(?![a-z0-9])", bare)
        for value in values
    )


if __name__ == "__main__":
    main()
