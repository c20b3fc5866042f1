"""Findings of one message: candidates counted by type and path, combinations applied.

A finding that is only possible is shown as medium at most: a number that may be a card
is not yet a card. Types of a combination that stand together in a message, each likely,
are raised to its sensitivity.
"""

from collections.abc import Mapping

from detection.catalog import Catalog, Combination
from detection.finding import Finding, Likelihood, Location, Sensitivity


class Levels:
    """Sensitivities of a catalog's types and their combinations."""

    def __init__(self, catalog: Catalog) -> None:
        self._of_type = {name: kind.level for name, kind in catalog.types.items()}
        self._combinations = catalog.combinations

    def of(self, data_type: str, likelihood: int) -> Sensitivity:
        level = self._of_type[data_type]
        if likelihood < Likelihood.LIKELY:
            return min(level, Sensitivity.MEDIUM)
        return level

    def raised(self, likely: set[str]) -> Mapping[str, Sensitivity]:
        """Types that the combinations among the likely ones raise."""
        levels: dict[str, Sensitivity] = {}
        for combination in self._combinations:
            for data_type in _members(combination, likely):
                level = max(combination.level, levels.get(data_type, Sensitivity.LOW))
                levels[data_type] = level
        return levels


class Results:
    """What was found in one message."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Location, str], list[int]] = {}

    def add(
        self, data_type: str, location: Location, path: str, likelihood: int
    ) -> None:
        entry = self._found.setdefault((data_type, location, path), [0, 0])
        entry[0] = max(entry[0], likelihood)
        entry[1] += 1

    def findings(self, levels: Levels) -> list[Finding]:
        """In the order of type, location and path."""
        likely = {
            data_type
            for (data_type, _, _), (likelihood, _) in self._found.items()
            if likelihood >= Likelihood.LIKELY
        }
        raised = levels.raised(likely)
        return [
            Finding(
                data_type,
                location,
                path,
                max(
                    levels.of(data_type, likelihood),
                    raised.get(data_type, Sensitivity.LOW),
                ),
                Likelihood(likelihood),
                count,
            )
            for (data_type, location, path), (likelihood, count) in sorted(
                self._found.items()
            )
        ]


def _members(combination: Combination, likely: set[str]) -> set[str]:
    """The likely types of all groups, if each group has one."""
    groups = [likely.intersection(group) for group in combination.groups]
    return set().union(*groups) if all(groups) else set()
