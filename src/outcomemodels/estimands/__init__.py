"""A question becomes counterfactual designs; predictions become answers."""

from __future__ import annotations

from outcomemodels.estimands.answer import Answer, Label, TreatmentAnswer
from outcomemodels.estimands.decomposition import Component, Decomposition, Spread, decompose
from outcomemodels.estimands.from_draws import answer_from
from outcomemodels.estimands.question import Question

__all__ = [
    "Answer",
    "Component",
    "Decomposition",
    "Label",
    "Question",
    "Spread",
    "TreatmentAnswer",
    "answer_from",
    "decompose",
]
