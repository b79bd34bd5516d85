"""The truth bench: every candidate before the same worlds, each score kept as soon as it is there.

Scored are coverage of the intervals, error of the effects, regret of the treatment recommended, and whether the labels
are honest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from outcomemodels.benchmarking.lines import add_line
from outcomemodels.benchmarking.machine import machine
from outcomemodels.benchmarking.truth_scores import Score, Tally, read_scores
from outcomemodels.benchmarking.truth_worlds import FIRST_SEED, KINDS, Candidate


def run_truth(
    candidates: Sequence[Candidate],
    *,
    worlds: int,
    kinds: Sequence[str],
    say: Callable[[str], None],
    results: Path | None = None,
) -> list[Score]:
    """Put every candidate before the same worlds.

    Parameters
    ----------
    candidates : sequence of Candidate
    worlds : int
        Of each kind.
    kinds : sequence of str
        Names in :data:`~outcomemodels.benchmarking.truth_worlds.KINDS`.
    say : callable
        Told what is being done.
    results : path, optional
        A file of JSON lines to which each score is added; one of a steady candidate that it holds is not made again.

    Returns
    -------
    list of Score
        By kind then candidate. One that stops in a world has no scores there and says why.
    """
    kept = {s.key: s for s in (read_scores(results) if results else []) if not s.failure}
    out = []
    for kind in kinds:
        made = [KINDS[kind](FIRST_SEED + i) for i in range(worlds)]
        for candidate in candidates:
            score = kept.get((kind, candidate.name, worlds)) if candidate.steady else None
            if score is None:
                tally, failure = Tally(), ""
                for i, world in enumerate(made):
                    try:
                        tally.add(world, candidate.answer(world))
                    except Exception as error:  # an outsider's model may raise anything; the bench goes on
                        failure = f"world {i + 1}: {type(error).__name__}: {' '.join(str(error).split())[:120]}"
                        break
                at, where = datetime.now(UTC).isoformat(timespec="seconds"), machine()
                score = (
                    Score(candidate.name, kind, worlds, failure=failure, at=at, machine=where)
                    if failure
                    else tally.score(candidate.name, kind, worlds, at=at, machine=where)
                )
                if results is not None:
                    add_line(results, score.line())
                say(f"{kind}: {candidate.name} {failure or 'done'}")
            out.append(score)
    return out
