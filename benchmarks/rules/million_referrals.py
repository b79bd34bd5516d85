"""How long one rule takes on a million referrals (target: under 2 s, one core, arrays in memory).

Run: python benchmarks/rules/million_referrals.py
"""

from __future__ import annotations

import time

import numpy as np

from outcomemodels.outcomes.rules import ReferralScores, apply_rule, nhs_rule


def main(n: int = 1_000_000) -> None:
    rng = np.random.default_rng(1)
    rule = nhs_rule()

    def pair(low, high):
        return rng.integers(low, high + 1, n), rng.integers(low, high + 1, n), rng.integers(0, 8, n)

    first, last, count = pair(0, 27)
    anxiety = {c.measure: pair(int(c.low), int(c.high)) for c in rule.anxiety}
    labels = ("F321", "F411", "F431", "F401", "F410", "F42", "F400", "F452", "F402")
    problem = rng.integers(-1, len(labels), n)
    contacts, gone = rng.integers(0, 12, n), rng.random(n) < 0.9
    start = time.perf_counter()
    scores = ReferralScores.from_arrays(
        phq9_first=first, phq9_last=last, phq9_count=count, anxiety=anxiety,
        problem=problem, problem_labels=labels, treatment_contacts=contacts, discharged=gone,
    )  # fmt: skip
    result = apply_rule(rule, scores)
    seconds = time.perf_counter() - start
    print(f"{n:,} referrals, {rule.version}: {seconds:.2f} s; finished {result.finished.mean():.3f}")


if __name__ == "__main__":
    main()
