"""Makes the vocabulary of interfaces, or tells how well it does on APIs unseen.

`python -m benchmarks.vocabulary --descriptions PATH... --names FILE... --dictionary
FILE [--never FILE] [--out FOLDER] [--held-out SEED]`. Descriptions are public ones of
APIs (see descriptions.py), in files, or in folders that have one folder or file for
each provider. Names are given names and surnames, the dictionary is common words, each
a word a line; given names are files whose name begins with `given`. `--out` is where
vocabulary.txt and names.bin are written. `--held-out` leaves out a random half of the
providers of the first path, so that that half can be judged.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from agent.naming.vocabulary import Names
from benchmarks.vocabulary.counting import count, marks
from benchmarks.vocabulary.descriptions import Description, Operation, half, read
from detection.catalog import load

ROOT = Path("agent/naming")
HERE = Path(__file__).parent
ALIASES = {
    "octokit": "github",
    "sonallux": "spotify",
    "moby": "docker",
    "goharbor": "harbor",
    "getsentry": "sentry",
    "openbankinguk": "openbanking",
    "slackapi": "slack",
    "xeroapi": "xero",
}
"""Publishers of descriptions whose own name is not the provider's."""
HEAD = """\
# Words of interfaces, with marks that agent/naming/vocabulary.py explains. Made by
# `python -m benchmarks.vocabulary` from public API descriptions: how many providers
# have a word where, as facts; given names, surnames and what is data are taken out.
# Sources: APIs-guru/openapi-directory, microsoft/PowerPlatformConnectors, Google
# discovery documents, botocore's service models, and the publishers' own repositories
# (licences: docs/names.md); names: US Census Bureau, Faker.
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--descriptions", nargs="+", type=Path, required=True)
    parser.add_argument("--names", nargs="+", type=Path, required=True)
    parser.add_argument("--dictionary", type=Path, required=True)
    parser.add_argument("--never", type=Path, default=HERE / "never.txt")
    parser.add_argument("--more", type=Path, default=HERE / "more.txt")
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--held-out", type=int)
    options = parser.parse_args()
    left_out = _half(options.descriptions[0], options.held_out)
    counts = count(_kept(read(options.descriptions), left_out))
    given = _words(*(file for file in options.names if file.name.startswith("given")))
    names = _words(*options.names)
    dictionary = _words(options.dictionary)
    never = _words(options.never)
    marked = marks(counts, names, given, dictionary, never)
    for line in _lines(options.more):
        word, _, told = line.partition(" ")
        merged = marked.get(word, "") + told
        marked[word] = "".join(sorted(set(merged)))
    for word in _telling() - never:
        marked[word] = marked.get(word, "") + "y"
    options.out.mkdir(parents=True, exist_ok=True)
    lines = [f"{word} {told}".rstrip() for word, told in sorted(marked.items())]
    (options.out / "vocabulary.txt").write_text(HEAD + "\n".join(lines) + "\n")
    (options.out / "names.bin").write_bytes(
        Names.made(given | never | (names - dictionary))
    )
    print(
        f"{len(marked)} words, {len(names)} names; left out: {len(left_out)} providers"
    )


def _half(path: Path, seed: int | None) -> set[str]:
    """The providers of a random half, as `_plain` has them."""
    if seed is None:
        return set()
    found = {o.provider for d in read([path]) for o in d.operations}
    return {_plain(provider) for provider in half(found, seed)}


def _kept(
    descriptions: Iterator[Description], left_out: set[str]
) -> Iterator[Description]:
    for description in descriptions:
        operations = [o for o in description.operations if not _is_of(o, left_out)]
        provider = _plain(description.provider)
        is_out = provider in left_out or any(
            len(name) > 4 and name in provider for name in left_out
        )
        yield Description(
            operations,
            description.provider,
            set() if is_out else description.identifiers,
            set() if is_out else description.words,
        )


def _is_of(operation: Operation, left_out: set[str]) -> bool:
    return _plain(operation.provider) in left_out or any(
        len(name) > 4 and name in operation.api.lower() for name in left_out
    )


def _plain(provider: str) -> str:
    name = provider.lower()
    return ALIASES.get(name) or re.sub(r"[^a-z]", "", name.split(".")[0])


def _words(*files: Path) -> set[str]:
    return {line.lower() for file in files for line in _lines(file)}


def _telling() -> set[str]:
    """Words of the catalog's telling keys, in all their languages."""
    phrases = [key for kind in load().types.values() for key in kind.keys]
    words = {word for phrase in phrases for word in re.findall(r"[^\W\d_]+", phrase)}
    return {word.lower() for word in words if len(word) > 1}


def _lines(file: Path) -> list[str]:
    lines = (line.strip() for line in file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


if __name__ == "__main__":
    main()
