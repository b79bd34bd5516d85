"""Which engine: decided from what the model offers and the design is, with the reason in words."""

from __future__ import annotations

from outcomemodels.design import Design
from outcomemodels.errors import SpecError
from outcomemodels.inference.settings import Engine
from outcomemodels.plugin import LinearModel, OutcomeModel


def choose_engine(model: OutcomeModel, design: Design, asked: Engine) -> tuple[Engine, str]:
    """Return the engine and why.

    Raises
    ------
    SpecError
        If the collapsed engine was asked for and cannot be used.
    """
    obstacle = _obstacle(model, design)
    if asked == "nuts":
        return "nuts", "asked for"
    if asked == "collapsed":
        if obstacle:
            raise SpecError(
                f"the collapsed engine cannot fit this: {obstacle}",
                accepted="Gaussian models with a linear form",
                mend="use engine='nuts' or engine='auto'",
            )
        return "collapsed", "asked for"
    if obstacle:
        return "nuts", obstacle
    return "collapsed", "the model is Gaussian and linear, so the effects are integrated out exactly"


def _obstacle(model: OutcomeModel, design: Design) -> str:
    if not (model.info.linear and isinstance(model, LinearModel)):
        return f"model {model.info.name!r} offers no linear form"
    if design.family != "gaussian":
        return f"the outcome is {design.family}, and the exact engine is for Gaussian outcomes"
    return ""
