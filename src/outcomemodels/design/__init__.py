"""Dataset + spec -> Design: named arrays, coords, codes, and the terms that enter."""

from outcomemodels.design.build import build_design
from outcomemodels.design.carrier import Design
from outcomemodels.design.parts import (
    NEW,
    UNKNOWN,
    Batch,
    Column,
    Crossing,
    Factor,
    Number,
    Unseen,
)
from outcomemodels.design.present import present
from outcomemodels.design.response import OutcomeKind, Response, Scale, Target, scores_of
from outcomemodels.design.watched import Watched

__all__ = [
    "NEW",
    "UNKNOWN",
    "Batch",
    "Column",
    "Crossing",
    "Design",
    "Factor",
    "Number",
    "OutcomeKind",
    "Response",
    "Scale",
    "Target",
    "Unseen",
    "Watched",
    "build_design",
    "present",
    "scores_of",
]
