"""Which engine: decided from what the model offers and the design is, with the reason in words."""

from __future__ import annotations

from outcomemodels.errors import SpecError
from outcomemodels.inference.collapsed.layout import check_structure
from outcomemodels.inference.settings import Engine
from outcomemodels.plugin import LinearStructure


def choose_engine(structure: LinearStructure | None, asked: Engine) -> tuple[Engine, str]:
    """Return the engine and why; ``structure`` is None when the model offers no linear form.

    Raises
    ------
    SpecError
        If the collapsed engine was asked for and cannot be used.
    """
    if asked == "nuts":
        return "nuts", "asked for"
    obstacle = "the model offers no linear form" if structure is None else ""
    if structure is not None:
        try:
            check_structure(structure)
        except SpecError as refusal:
            if asked == "collapsed":
                raise
            obstacle = refusal.found
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
