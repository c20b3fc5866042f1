# cython: annotation_typing=False
"""Findings of one message: candidates counted by type and path, combinations applied.

A finding that is only possible is shown as medium at most: a number that may be a card
is not yet a card. Types of a combination that stand together in a message, each likely,
are raised to its sensitivity.
"""

from collections.abc import Mapping
from typing import Any

from detection.candidate import Candidate, best
from detection.catalog import Catalog
from detection.finding import Finding, Likelihood, Location, Sensitivity, Why

_LIKELY = int(Likelihood.LIKELY)
_LIKELIHOODS = (None, *Likelihood)


MOST_WHYS = 65_536
"""Explanations kept: a catalog has some hundred rules, each with few outcomes."""


class Levels:
    """Sensitivities of a catalog's types and their combinations, and the words that
    explain them; each explanation is made once."""

    def __init__(self, catalog: Catalog) -> None:
        levels = {name: kind.level for name, kind in catalog.types.items()}
        medium = Sensitivity.MEDIUM
        possible = {name: min(level, medium) for name, level in levels.items()}
        self.of = (possible, levels)
        """Sensitivities of types that are only possible, and of likely ones."""
        self._combinations = [
            (one.name, one.level, [frozenset(group) for group in one.groups])
            for one in catalog.combinations
        ]
        self._whys: dict[tuple[object, ...], Why] = {}

    def raised(self, likely: set[str]) -> Mapping[str, tuple[Sensitivity, str]]:
        """Sensitivities of types that the combinations among the likely ones raise: all
        likely members, if each group has one. With the name of the combination."""
        raised: dict[str, tuple[Sensitivity, str]] = {}
        for name, combined, groups in self._combinations:
            if any(map(likely.isdisjoint, groups)):
                continue
            for data_type in likely & frozenset().union(*groups):
                level = raised.get(data_type, (self.of[True][data_type], ""))[0]
                if combined > level:
                    raised[data_type] = combined, name
        return raised

    def why(self, found: Candidate, combination: str) -> Why:
        """The explanation of a candidate that stayed."""
        key = (*found.grounds(), combination)
        why = self._whys.get(key)
        if why is None:
            if len(self._whys) >= MOST_WHYS:
                self._whys.clear()
            judged = found.judged
            why = self._whys[key] = Why(
                judged.label,
                judged.validator,
                found.verdict.name.lower(),
                found.context,
                found.phrase,
                found.sums,
                self.of[True][judged.data_type],
                combination,
            )
        return why


class Results:
    """What was found in one message."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Location, str], list[Any]] = {}
        """Type and place → greatest likelihood, count, the first candidate so likely.
        """
        self._ended: set[Location] = set()

    def take(
        self, candidates: list[Candidate], location: Location, path: str, _: str
    ) -> None:
        """Counts those that stay."""
        for candidate in best(candidates):
            key = (candidate.judged.data_type, location, path)
            entry = self._found.get(key)
            if entry is None:
                self._found[key] = [candidate.likelihood, 1, candidate]
                continue
            entry[1] += 1
            if candidate.likelihood > entry[0]:
                entry[0], entry[2] = candidate.likelihood, candidate

    def end(self, location: Location) -> None:
        """A bound ended the reading of the message there: counts are the least."""
        self._ended.add(location)

    def findings(self, levels: Levels) -> list[Finding]:
        """In the order of type, location and path."""
        if not self._found:
            return []
        found = [(key, self._found[key]) for key in sorted(self._found)]
        likely = {key[0] for key, entry in found if entry[0] >= _LIKELY}
        raised = levels.raised(likely)
        findings: list[Finding] = []
        for key, (likelihood, count, candidate) in found:
            is_likely = likelihood >= _LIKELY
            level, combination = levels.of[is_likely][key[0]], ""
            if key[0] in raised:
                level, combination = raised[key[0]]
            why = levels.why(candidate, combination)
            is_least = key[1] in self._ended
            findings.append(
                Finding(*key, level, _LIKELIHOODS[likelihood], count, why, is_least)
            )
        return findings
