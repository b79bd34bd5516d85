"""A counterfactual design as a model sees it: NEW becomes a level after the fitted ones, and the response is filled in.

A model's author then writes one ``build`` for fitting and for asking: every code is an index, and levels are taken
from the design. Levels outside the fit are told apart by their place only: they follow the fitted ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outcomemodels.design.carrier import Design
from outcomemodels.design.parts import NEW, UNKNOWN, Factor
from outcomemodels.errors import QuestionError

NEW_LEVEL = "(new)"
"""Label of somebody or somewhere not in the data."""


def present(design: Design) -> Design:
    """The design a model builds its graph from when it is asked.

    Parameters
    ----------
    design : Design
        Counterfactual, without UNKNOWN levels; a fitted design is returned as it is.

    Raises
    ------
    QuestionError
        If a level is UNKNOWN: it must have been resolved to fitted levels, draw by draw.
    """
    if design.fitted is None or design.extended:
        return design
    return replace(
        design,
        factors={name: _extended(f) for name, f in design.factors.items()},
        response=None if design.fitted.response is None else design.fitted.response.first(design.n_obs),
        targets={n: replace(t, response=t.response.first(design.n_obs)) for n, t in design.fitted.targets.items()},
        extended=True,
    )


def _extended(factor: Factor) -> Factor:
    if (factor.codes == UNKNOWN).any():
        raise QuestionError(f"{factor.name} is UNKNOWN", column=factor.name, accepted="a fitted level or NEW")
    new = factor.codes == NEW
    if not new.any():
        return factor
    label = NEW_LEVEL
    while label in factor.levels:
        label = f"({label})"
    return replace(factor, levels=(*factor.levels, label), codes=np.where(new, len(factor.levels), factor.codes))
