# cython: annotation_typing=False, wraparound=True
"""What is known of words: which are names of interfaces, and which are names of people.

In: vocabulary.txt, a word and its marks a line, and names.bin, a Bloom filter of given
names, surnames and words that people use as code words. `benchmarks.vocabulary` makes
both. Out: marks of a word, as bits. A word that is not there is data until it proves
to be a name of the interface.
"""

from hashlib import blake2b
from pathlib import Path

from agent.naming.words import forms, is_compound, stems

KNOWN = 1
"""k: paths of two providers or more have it, in singular or plural."""
BEHIND = 2
"""a: it stands right behind parameters."""
FAR_BEHIND = 4
"""b: so common there that it stands even where a second parameter may."""
BELOW = 8
"""c: it stands below nouns that parameters follow."""
ENDS = 16
"""e: so often behind parameters that names of several words may end with it."""
FREQUENT = 32
"""f: common enough to be no name of a person even with a capital."""
NAME = 64
"""n: people are called so, too."""
OPERATION = 128
"""o: it stands where a parameter may stand instead."""
COMMON_OPERATION = 256
"""q: so common there that it stays even after names of persons and secrets."""
NOUN = 512
"""p: parameters follow it."""
TWICE = 1024
"""t: a second parameter may follow the first."""
TELLING = 2048
"""y: a word of the catalog's telling keys; without other marks good for keys only."""
LEADS = 4096
"""l: other names of the interface follow it."""
LISTED = 8192
"""It is in the list as a word of interfaces."""
USED = 16384
"""Some path has it. Without, s: only other names or the texts of descriptions do."""
PART = 32768
"""w: compounds are made of it."""
ENGLISH = 65536
"""x: an English word that looks like a compound, and is none."""

_MARKS = dict(
    zip(
        "kabcefnoqptylwx",
        (
            KNOWN,
            BEHIND,
            FAR_BEHIND,
            BELOW,
            ENDS,
            FREQUENT,
            NAME,
            OPERATION,
            COMMON_OPERATION,
            NOUN,
            TWICE,
            TELLING,
            LEADS,
            PART,
            ENGLISH,
        ),
        strict=True,
    )
)
FOLDER = Path(__file__).parent


class Names:
    """Words that people and secrets are called: never proved to be anything else."""

    HASHES = 5
    BITS_A_NAME = 14
    """Of a hundred other words about one is taken for a name: it stays unproved."""

    def __init__(self, bits: bytes) -> None:
        self._bits = bits
        self._size = 8 * len(bits)

    @classmethod
    def made(cls, names: set[str]) -> bytes:
        """The bits of a filter that holds all of `names`."""
        bits = bytearray(len(names) * cls.BITS_A_NAME // 8 + 1)
        for name in names:
            for place in _places(name, 8 * len(bits)):
                bits[place >> 3] |= 1 << (place & 7)
        return bytes(bits)

    def __contains__(self, word: str) -> bool:
        return all(
            self._bits[place >> 3] >> (place & 7) & 1
            for place in _places(word, self._size)
        )


def _places(word: str, size: int) -> list[int]:
    digest = blake2b(word.encode(), digest_size=4 * Names.HASHES).digest()
    return [
        int.from_bytes(digest[start : start + 4], "big") % size
        for start in range(0, len(digest), 4)
    ]


class Vocabulary:
    """Marks of words."""

    def __init__(self, marks: dict[str, int], names: Names) -> None:
        self._marks = marks
        self._parts = {word for word, bits in marks.items() if bits & PART}
        self.names = names

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Vocabulary":
        marks = {}
        for line in (folder / "vocabulary.txt").read_text().splitlines():
            if not line.startswith("#"):
                word, _, told = line.partition(" ")
                marks[word] = _bits(told)
        return cls(marks, Names((folder / "names.bin").read_bytes()))

    def marks(self, word: str) -> int:
        """The bits above of a word in lower case; 0 if nothing is known of it."""
        found = self._marks.get(word)
        if found is not None:
            return found
        if word.isdigit():
            return LISTED | KNOWN if len(word) <= 2 else 0
        if not word.isalpha() or len(word) < 4:
            return 0
        # A plural or singular of a word that is known stands where that stands.
        others = 0
        for form in forms(word):
            others |= self._marks.get(form, 0)
        is_other = others & (KNOWN | NAME) == KNOWN
        if not (is_other or self._is_formed(word)) or word in self.names:
            return 0
        return LISTED | KNOWN | USED if is_other else LISTED

    def _is_formed(self, word: str) -> bool:
        """Whether it is derived from a word that is known, or put together of such."""
        for stem in stems(word):
            if self._marks.get(stem, 0) & (KNOWN | NAME) == KNOWN:
                return True
        return is_compound(word, self._parts)


def _bits(told: str) -> int:
    bits = sum(_MARKS[mark] for mark in told if mark != "s")
    if bits in (TELLING, ENGLISH):
        return bits
    return LISTED | bits | (0 if "s" in told else USED)
