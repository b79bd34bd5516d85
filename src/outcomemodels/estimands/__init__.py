"""A question becomes counterfactual designs; predictions become answers."""

from __future__ import annotations

from outcomemodels.estimands.answer import Answer, Label, TreatmentAnswer
from outcomemodels.estimands.question import Question

__all__ = ["Answer", "Label", "Question", "TreatmentAnswer"]
