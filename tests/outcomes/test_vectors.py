"""The test vectors of the national definitions, and the traps around them."""

from __future__ import annotations

import pytest

from outcomemodels.outcomes.criteria import Flag, ReliableChange
from outcomemodels.outcomes.rules import ReferralScores, RuleResult, apply_rule, nhs_rule

NAN = float("nan")
YES, NO, NA, UNKNOWN = Flag.YES, Flag.NO, Flag.NOT_APPLICABLE, Flag.NOT_ASSESSED
UP, NONE, DOWN = ReliableChange.IMPROVED, ReliableChange.NONE, ReliableChange.DETERIORATED
UNPAIRED = ReliableChange.NOT_ASSESSED


def one(phq, gad=(NAN, NAN, 0), problem="F411", contacts=2, discharged=True, **others) -> ReferralScores:
    def arrays(p):
        first, last, *count = p
        return [first], [last], [count[0] if count else 2]

    first, last, count = arrays(phq)
    return ReferralScores.from_arrays(
        phq9_first=first,
        phq9_last=last,
        phq9_count=count,
        anxiety={"gad7": arrays(gad)} | {name: arrays(p) for name, p in others.items()},
        problem=[problem],
        treatment_contacts=[contacts],
        discharged=[discharged],
    )


def verdicts(result: RuleResult) -> tuple[int, int, int, int]:
    return tuple(int(a[0]) for a in (result.at_caseness, result.recovered, result.reliable, result.reliable_recovery))


VECTORS = [
    ("15-9, GAD 12-9", one((15, 9), (12, 9)), (YES, NO, UP, NO), "gad7"),
    ("11-9, GAD 9-7", one((11, 9), (9, 7)), (YES, YES, NONE, NO), "gad7"),
    ("12-5, GAD 6-10: mixed", one((12, 5), (6, 10)), (YES, NO, NONE, NO), "gad7"),
    ("8-1, GAD 6-2: no case", one((8, 1), (6, 2)), (NO, NA, UP, NA), "gad7"),
    ("9-16, GAD 8-7", one((9, 16), (8, 7)), (YES, NO, DOWN, NO), "gad7"),
    ("10-9, SPIN 30-18", one((10, 9), problem="F401", spin=(30, 18)), (YES, YES, UP, YES), "spin"),
    ("one SPIN, GAD used", one((14, 6), (11, 6), "F401", spin=(30, NAN, 1)), (YES, YES, UP, YES), "gad7"),
    ("one GAD only", one((14, 6), (11, NAN, 1)), (YES, UNKNOWN, UNPAIRED, NO), None),
    ("9-9, PDSS 8-3: 5 is not >5", one((9, 9), problem="F410", pdss=(8, 3)), (YES, YES, NONE, NO), "pdss"),
]


@pytest.mark.parametrize("version", ["nhs-2.0", "nhs-2.1"])
@pytest.mark.parametrize(("name", "scores", "expected", "measure"), VECTORS, ids=[v[0] for v in VECTORS])
def test_national_vectors(version, name, scores, expected, measure):
    result = apply_rule(nhs_rule(version), scores)
    assert verdicts(result) == expected
    assert bool(result.finished[0])
    assert bool(result.paired[0]) is (measure is not None)
    code = int(result.anxiety_measure[0])
    assert (result.anxiety_measures[code] if code >= 0 else None) == measure
