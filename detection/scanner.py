# cython: annotation_typing=False
"""The scanner: messages in, findings out.

Theory of operation. Every part of every message of a batch becomes a document, and the
documents are joined into one buffer, with zeros between that no expression matches, for
one Hyperscan pass: calls cost more than bytes on small inputs. A hit says only that a
rule or a telling key ends at an offset. Documents without a hit are done. In the others
the walker finds the fields that hold hits or follow telling keys. Only those are
decoded, and judged: rules are matched exactly, validated, and weighed with what keys
say. Strings that hold escapes, JSON or base64 of JSON are decoded and scanned as
documents of their own, below the field's path.

The exact match decides, so findings depend on a message's bytes and the catalog only,
not on the batch around it. Documents over ALONE_BYTES are scanned alone, and so are
those of a batch that ends at HIT_LIMIT hits: a bound on time, so that of a body made to
hurt only the first hits count, which its findings say.
"""

import contextlib
import gc
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import hyperscan

from detection.candidate import Candidate
from detection.catalog import Catalog, load
from detection.database import default_cache, open_database
from detection.documents import Document, documents
from detection.fields import HIT_BITS, HIT_LIMIT, collect
from detection.finding import Explanation, Finding, Location, Message
from detection.judge import Judge
from detection.reader import Part, Reader
from detection.results import Levels, Results
from detection.validators.tokens import jwt, jwt_details
from detection.words import PhraseBook

__all__ = ["Explanation", "Finding", "Message", "Scanner"]

BATCH_BYTES = 1 << 18
"""Documents are joined up to this size."""
ALONE_BYTES = 1 << 16

_GAP = b"\x00\x00"
_collect: Any = collect
"""Its last argument is our list; the package's annotations call it an object."""


class Scanner:
    """Finds data types in messages. Not for use by several threads at once."""

    def __init__(self, catalog: Catalog, cache: Path | None = None) -> None:
        """`cache` is the directory of compiled databases; none: compile. Raises
        CatalogError."""
        self.catalog = catalog
        book = PhraseBook(catalog)
        self.database = open_database(catalog, book, cache)
        self._levels = Levels(catalog)
        self._reader = Reader(self._hits, Judge(catalog, book), book)

    @classmethod
    def load(cls, catalog_file: str = "") -> "Scanner":
        """With the built-in catalog and the user's file. Raises CatalogError."""
        scanner = cls(load(catalog_file), default_cache())
        # A catalog is a hundred thousand objects, which last: the collector passes
        # over them else again and again, a sixth of the time that scanning takes.
        gc.collect()
        gc.freeze()
        return scanner

    @property
    def digest(self) -> str:
        """Names the rules: same bytes and same digest, same findings."""
        return self.catalog.digest

    def scan(self, messages: Sequence[Message]) -> list[list[Finding]]:
        """Findings of each message, possible or above, in the order of messages."""
        results: list[Results | None] = [None] * len(messages)
        batch: list[tuple[int, Document]] = []
        size = 0
        for index, message in enumerate(messages):
            for document in documents(message):
                length = len(document.data)
                if length > ALONE_BYTES:
                    self._scan_batch([(index, document)], results)
                    continue
                if size + length > BATCH_BYTES:
                    self._scan_batch(batch, results)
                    batch, size = [], 0
                batch.append((index, document))
                size += length
        self._scan_batch(batch, results)
        return [result.findings(self._levels) if result else [] for result in results]

    def explain(self, message: Message) -> list[Explanation]:
        """Every match judged, also the rejected ones; no value in it."""
        sink = Explanations()
        for document in documents(message):
            part = Part(document, document.data, 0, "$", 0)
            hits = self._hits(document.data)
            self._reader.read(part, hits, 0, len(hits), sink)
        return sorted(sink.rows)

    def _hits(self, data: bytes) -> list[int]:
        hits: list[int] = []
        with contextlib.suppress(hyperscan.ScanTerminated):
            self.database.scan(data, match_event_handler=_collect, context=hits)
        hits.sort()
        return hits

    def _scan_batch(
        self, batch: list[tuple[int, Document]], results: list[Results | None]
    ) -> None:
        parts = [document.data for _, document in batch]
        data = _GAP.join(parts)
        hits = self._hits(data)
        if len(hits) >= HIT_LIMIT and len(batch) > 1:
            for one in batch:
                self._scan_batch([one], results)
            return
        starts = [0, *accumulate(len(part) + len(_GAP) for part in parts)]
        first = 0
        while first < len(hits):
            place = bisect_right(starts, (hits[first] >> HIT_BITS) - 1) - 1
            stop = bisect_left(hits, (starts[place + 1] + 1) << HIT_BITS, first)
            index, document = batch[place]
            result = results[index] = results[index] or Results()
            part = Part(document, data, starts[place], "$", 0)
            self._reader.read(part, hits, first, stop, result)
            if self._reader.judge.is_ended:
                result.end(document.location)
            first = stop


class Explanations:
    """A sink that keeps why each match was judged as it was."""

    def __init__(self) -> None:
        self.rows: list[Explanation] = []

    def take(
        self, candidates: list[Candidate], location: Location, path: str, text: str
    ) -> None:
        for candidate in candidates:
            is_token = candidate.judged.validate is jwt
            row = Explanation(
                candidate.judged.data_type,
                location,
                path,
                candidate.judged.label,
                candidate.start,
                candidate.end - candidate.start,
                candidate.verdict.name.lower(),
                candidate.context,
                candidate.arithmetic(),
                candidate.likelihood,
                jwt_details(text[candidate.start : candidate.end]) if is_token else "",
            )
            self.rows.append(row)
