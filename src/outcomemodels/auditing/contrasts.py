"""What is asked of a design: the difference of two treatments as a contrast of its effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from outcomemodels.auditing.cells import Batch, Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Whose contrast is meant: codes of the factors that are named, and roles of those that are new.

    ``named`` fixes factors at a level; ``new`` lists roles (therapist, setting, problem, time) of which one member is
    drawn, so that how much the difference itself varies between members counts; all others are averaged over.
    """

    treatment: str
    a: int
    b: int
    named: Mapping[str, int]
    new: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contrast:
    """Coefficients of effects that courses inform, and sums of squared coefficients of effects that none does.

    ``held`` maps the place of an effect to its coefficient; ``absent`` a batch to the sum over its effects.
    """

    held: Mapping[int, float] = field(default_factory=dict)
    absent: Mapping[Batch, float] = field(default_factory=dict)


def contrast_of(cells: Cells, aim: Aim) -> Contrast:
    """The difference a minus b with all unnamed averaged over: problems and periods by caseload, others at the mean."""
    held: dict[int, float] = {}
    absent: dict[Batch, float] = {}
    for batch in cells.layout.batches:
        if aim.treatment not in batch:
            continue
        partners = [name for name in batch if name != aim.treatment]
        if all(name in aim.named for name in partners):
            weights = {tuple(aim.named[name] for name in partners): 1.0}
        elif cells.role(batch) in ("treatment:problem", "treatment:time"):
            weights = {(level,): share for level, share in cells.caseload(partners[0]).items()}
        else:
            continue
        for level, sign in ((aim.a, 1.0), (aim.b, -1.0)):
            for others, weight in weights.items():
                key = dict(zip(partners, others, strict=True)) | {aim.treatment: level}
                at = cells.layout.at(batch, tuple(key[name] for name in batch))
                if at is None:
                    absent[batch] = absent.get(batch, 0.0) + weight**2
                else:
                    held[at] = held.get(at, 0.0) + sign * weight
    return Contrast(held, absent)


def one_of_each(cells: Cells, aim: Aim) -> list[tuple[float, Contrast]]:
    """The difference for one new member of whatever is new: cases with their probabilities.

    A problem or period that is not named is one of those in the data, by caseload; a new therapist or setting brings
    effects of its own. Both sides have theirs, hence twice.
    """
    cases: list[tuple[float, Aim]] = [(1.0, aim)]
    for name, role in cells.roles.items():
        if role in ("problem", "time") and role in aim.new and name not in aim.named:
            if not any(name in batch and aim.treatment in batch for batch in cells.layout.batches):
                continue
            shares = cells.caseload(name)
            cases = [
                (p * share, replace(case, named={**case.named, name: level}))
                for p, case in cases
                for level, share in shares.items()
            ]
    out = []
    for p, case in cases:
        found = contrast_of(cells, case)
        absent = dict(found.absent)
        for batch in cells.batches:
            partners = [name for name in batch if name != case.treatment and name not in case.named]
            if case.treatment in batch and any(cells.roles[name] in case.new for name in partners):
                absent[batch] = absent.get(batch, 0.0) + 2.0
        out.append((p, Contrast(found.held, absent)))
    return out


def coefficients(contrast: Contrast, size: int) -> np.ndarray:
    """Coefficients of all effects, dims (effect,)."""
    out = np.zeros(size)
    if contrast.held:
        out[list(contrast.held)] = list(contrast.held.values())
    return out
