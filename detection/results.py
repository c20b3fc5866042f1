# cython: annotation_typing=False
"""Findings of one message: candidates counted by type and path, combinations applied.

A finding that is only possible is shown as medium at most: a number that may be a card
is not yet a card. Types of a combination that stand together in a message, each likely,
are raised to its sensitivity.
"""

from collections.abc import Mapping

from detection.candidate import Candidate, best
from detection.catalog import Catalog
from detection.finding import Finding, Likelihood, Location, Sensitivity

_LIKELY = int(Likelihood.LIKELY)
_LIKELIHOODS = (None, *Likelihood)


class Levels:
    """Sensitivities of a catalog's types and their combinations."""

    def __init__(self, catalog: Catalog) -> None:
        levels = {name: kind.level for name, kind in catalog.types.items()}
        medium = Sensitivity.MEDIUM
        possible = {name: min(level, medium) for name, level in levels.items()}
        self.of = (possible, levels)
        """Sensitivities of types that are only possible, and of likely ones."""
        self._combinations = [
            (combination.level, [frozenset(group) for group in combination.groups])
            for combination in catalog.combinations
        ]

    def raised(self, likely: set[str]) -> Mapping[str, Sensitivity]:
        """Sensitivities of types that the combinations among the likely ones raise: all
        likely members, if each group has one."""
        raised: dict[str, Sensitivity] = {}
        for combined, groups in self._combinations:
            if any(map(likely.isdisjoint, groups)):
                continue
            for data_type in likely & frozenset().union(*groups):
                level = raised.get(data_type, self.of[True][data_type])
                raised[data_type] = max(combined, level)
        return raised


class Results:
    """What was found in one message."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Location, str], list[int]] = {}

    def take(
        self, candidates: list[Candidate], location: Location, path: str, _: str
    ) -> None:
        """Counts those that stay."""
        for candidate in best(candidates):
            key = (candidate.judged.data_type, location, path)
            entry = self._found.get(key)
            if entry is None:
                self._found[key] = [candidate.likelihood, 1]
            else:
                entry[0] = max(entry[0], candidate.likelihood)
                entry[1] += 1

    def findings(self, levels: Levels) -> list[Finding]:
        """In the order of type, location and path."""
        if not self._found:
            return []
        found = sorted(self._found.items())
        likely = {key[0] for key, (likelihood, _) in found if likelihood >= _LIKELY}
        raised = levels.raised(likely)
        return [
            Finding(
                *key,
                raised.get(key[0]) or levels.of[likelihood >= _LIKELY][key[0]],
                _LIKELIHOODS[likelihood],
                count,
            )
            for key, (likelihood, count) in found
        ]
