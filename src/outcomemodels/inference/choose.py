"""Which engine: decided from what the model offers and the design is, with the reason in words."""

from __future__ import annotations

from outcomemodels.errors import SpecError
from outcomemodels.inference.collapsed.sample import obstacle
from outcomemodels.inference.settings import Engine
from outcomemodels.plugin import LinearStructure


def choose_engine(structure: LinearStructure | None, asked: Engine) -> tuple[Engine, str]:
    """Return the engine and why; ``structure`` is None when the model offers no linear form.

    Raises
    ------
    SpecError
        If the collapsed engine was asked for and cannot be used.
    """
    reason = "the model offers no linear form" if structure is None else obstacle(structure)
    if asked == "nuts":
        return "nuts", "asked for"
    if asked == "collapsed":
        if reason:
            raise SpecError(
                f"the collapsed engine cannot fit this: {reason}",
                accepted="Gaussian models with a linear form",
                mend="use engine='nuts' or engine='auto'",
            )
        return "collapsed", "asked for"
    if reason:
        return "nuts", reason
    return "collapsed", "the model is Gaussian and linear, so the effects are integrated out exactly"
