"""Clinical resources of FHIR with a finding of health data.

    python -m benchmarks.detection.clinical FOLDER

FOLDER holds JSON files, as HL7's published examples are (or a checkout of a repository
with them); those of other types and other files are passed over. A resource is clinical
if its type is in the specification's clinical module or its diagnostics and medications
(HL7 FHIR R4, "Resource Index"). Prints the share with a likely `health.*` finding, by
type, and the files without one.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detection.finding import Likelihood, Message
from detection.scanner import Scanner

CLINICAL = frozenset(
    """
    AllergyIntolerance AdverseEvent Condition Procedure FamilyMemberHistory
    ClinicalImpression DetectedIssue Observation DiagnosticReport Specimen ImagingStudy
    Media MedicationRequest MedicationAdministration MedicationDispense
    MedicationStatement Medication Immunization ImmunizationEvaluation
    ImmunizationRecommendation CarePlan CareTeam Goal ServiceRequest NutritionOrder
    VisionPrescription RiskAssessment RequestGroup
""".split()
)
PRINTED = 40
"""Files without a finding that are named."""


def resources(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Clinical resources, those in bundles too."""
    for file in sorted(folder.rglob("*.json")):
        try:
            document = json.loads(file.read_bytes())
        except ValueError:
            continue
        yield from ((file, resource) for resource in _within(document))


def _within(document: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict):
        return
    if document.get("resourceType") in CLINICAL:
        yield document
    if document.get("resourceType") == "Bundle":
        for entry in document.get("entry", []):
            yield from _within(entry.get("resource"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    found: Counter[str] = Counter()
    every: Counter[str] = Counter()
    without: Counter[str] = Counter()
    pairs = list(resources(parser.parse_args().folder))
    messages = [Message(body=json.dumps(resource).encode()) for _, resource in pairs]
    results = Scanner.load().scan(messages)
    for (file, resource), findings in zip(pairs, results, strict=True):
        kind = resource["resourceType"]
        every[kind] += 1
        if any(
            finding.data_type.startswith("health.")
            and finding.likelihood >= Likelihood.LIKELY
            for finding in findings
        ):
            found[kind] += 1
        else:
            without[f"{kind} in {file.name}"] += 1
    share = found.total() / max(1, every.total())
    print(f"{found.total()} of {every.total()} clinical resources, {share:.3f}")
    print(", ".join(f"{kind} {found[kind]}/{n}" for kind, n in every.most_common()))
    for name, count in without.most_common(PRINTED):
        print(f"  {count:4} {name}")


if __name__ == "__main__":
    main()
