"""UNKNOWN levels: one of those fitted, drawn anew in each posterior draw by caseload, however one predicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outcomemodels.design import UNKNOWN, Design
from outcomemodels.errors import QuestionError

MAX_ROWS = 400_000
"""Most rows a question may come to when its UNKNOWN levels are written out."""


@dataclass(frozen=True, eq=False)
class Resolved:
    """A counterfactual design without UNKNOWN levels.

    Parameters
    ----------
    design : Design
        Each asked row once for every combination of levels chosen for it in some draw.
    pick : array of int, dims (sample, obs)
        Which row of ``design`` stands for each asked row in each draw.
    """

    design: Design
    pick: NDArray[np.int64]


def choose_unknown(design: Design, samples: int, rng: np.random.Generator) -> dict[str, NDArray[np.int64]]:
    """For each factor with an UNKNOWN row, one fitted level per sample, by caseload; dims (sample,)."""
    if design.fitted is None:
        return {}
    chosen: dict[str, NDArray[np.int64]] = {}
    for name, factor in design.factors.items():
        if (factor.codes == UNKNOWN).any():
            count = design.fitted.crossing((name,)).count
            levels = design.fitted.crossing((name,)).levels
            index = rng.choice(len(count), size=samples, p=count / count.sum())
            codes = np.array([factor.levels.index(level[0]) for level in levels])
            chosen[name] = codes[index]
    return chosen


def resolve_unknown(
    design: Design, chosen: Mapping[str, NDArray[np.int64]], used: Collection[str], samples: int
) -> Resolved:
    """Write out UNKNOWN levels as the fitted levels chosen for them.

    Parameters
    ----------
    design : Design
        Counterfactual.
    chosen : mapping of factor to array of int, dims (sample,)
        From :func:`choose_unknown`.
    used : collection of str
        Factors the model looks at; the others need no rows of their own.
    samples : int

    Raises
    ------
    QuestionError
        If the rows written out would be more than :data:`MAX_ROWS`.
    """
    rows: list[NDArray[np.int64]] = []
    codes: dict[str, list[NDArray[np.int32]]] = {name: [] for name in design.factors}
    pick = np.empty((samples, design.n_obs), dtype=np.int64)
    patterns: dict[tuple[str, ...], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    total = 0
    for i in range(design.n_obs):
        unknown = tuple(n for n in chosen if n in used and design.factors[n].codes[i] == UNKNOWN)
        if unknown not in patterns:
            drawn = np.stack([chosen[n] for n in unknown], axis=1) if unknown else np.zeros((samples, 1), dtype=int)
            combinations, of = np.unique(drawn, axis=0, return_inverse=True)
            patterns[unknown] = combinations, of.reshape(-1)
        combinations, of = patterns[unknown]
        pick[:, i] = total + of
        total += len(combinations)
        if total > MAX_ROWS:
            raise QuestionError(
                f"the levels that are UNKNOWN come to more than {MAX_ROWS:,} rows",
                rows=sorted(chosen),
                mend="ask about fewer rows at a time, or name some of these levels",
            )
        rows.append(np.full(len(combinations), i))
        for name, factor in design.factors.items():
            if name in unknown:
                codes[name].append(combinations[:, unknown.index(name)].astype(np.int32))
            else:
                code = factor.codes[i] if factor.codes[i] != UNKNOWN else np.int32(chosen[name][0])
                codes[name].append(np.full(len(combinations), code, dtype=np.int32))
    index = np.concatenate(rows)
    return Resolved(
        replace(
            design,
            factors={n: replace(f, codes=np.concatenate(codes[n])) for n, f in design.factors.items()},
            numbers={n: replace(v, values=v.values[index]) for n, v in design.numbers.items()},
            row=np.arange(total, dtype=np.int32),
        ),
        pick,
    )
