"""Dataset + spec -> Design: named arrays, coords, codes, and the terms that enter."""

from outcomemodels.design.build import build_design
from outcomemodels.design.carrier import (
    NEW,
    UNKNOWN,
    Batch,
    Column,
    Crossing,
    Design,
    Factor,
    Number,
    Response,
    Scale,
    Unseen,
    Watched,
)
from outcomemodels.design.present import present

__all__ = [
    "NEW",
    "UNKNOWN",
    "Batch",
    "Column",
    "Crossing",
    "Design",
    "Factor",
    "Number",
    "Response",
    "Scale",
    "Unseen",
    "Watched",
    "build_design",
    "present",
]
