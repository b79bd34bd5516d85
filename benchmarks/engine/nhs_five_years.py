"""All five years of published NHS provider cells: read, fit and answer, warm, and where the seconds go.

Every specific problem, therapy, provider and year with published PHQ-9 means: about 16,000 cells of 2 million courses,
ten crossed batches, one of them with an effect of its own for each cell.

    OUTCOMEMODELS_DATA=FOLDER uv run python benchmarks/engine/nhs_five_years.py [draws]
"""

from __future__ import annotations

import resource
import sys
from time import perf_counter

import outcomemodels as om
from outcomemodels.errors import OutcomeModelsError

QUESTIONS = (om.Question(problem="Depression"), om.Question(problem="PTSD"), om.Question(problem="Panic disorder"))


def once(draws: int, seed: int) -> tuple[float, float, float]:
    start = perf_counter()
    data = om.load("nhs_tt_proms")
    read = perf_counter()
    fit = om.fit(data, outcome="phq9_end", draws=draws // 4, seed=seed, progress=False)
    fitted = perf_counter()
    for question in QUESTIONS:
        om.ask(fit, question)
    done = perf_counter()
    if seed == 1:
        print(fit)
    return read - start, fitted - read, done - fitted


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    try:
        start = perf_counter()
        once(40, seed=9)
    except OutcomeModelsError as error:
        print(error)
        return
    print(f"first run, compiled code loaded or built: {perf_counter() - start:.1f} s")
    for seed in (1, 2, 3):
        read, fitted, asked = once(draws, seed)
        print(
            f"{draws} draws: read {read:.2f} s, fit {fitted:.2f} s, {len(QUESTIONS)} answers {asked:.2f} s; "
            f"in all {read + fitted + asked:.2f} s"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
