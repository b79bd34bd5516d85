"""Item answers into a score, with the instrument's stated missing-item rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcomemodels.errors import DataError, SchemaError
from outcomemodels.outcomes.instrument import Instrument


def score_items(instrument: Instrument, answers: ArrayLike) -> NDArray[np.float64]:
    """Score a questionnaire from its items.

    Blank items follow ``instrument.missing_items``: ``complete`` makes the score NaN; ``prorate`` replaces up
    to ``max_missing`` blanks by the mean of the answered items (after reversal) and never rounds.

    Parameters
    ----------
    instrument : Instrument
        Gives items, their range, reversal, sum or mean, and scale.
    answers : array_like, dims (client, item)
        Raw answers; NaN blank.

    Returns
    -------
    ndarray of float, dims (client,)
        Score in the instrument's points.

    Raises
    ------
    SchemaError
        When the instrument lacks items or their range.
    DataError
        On a wrong number of items or an impossible answer.
    """
    low, high = instrument.item_low, instrument.item_high
    if instrument.items is None or low is None or high is None:
        raise SchemaError(
            f"instrument {instrument.name!r} says nothing of its items",
            column=instrument.name,
            mend="give items, item_low and item_high in its TOML",
        )
    values = np.array(answers, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != instrument.items:
        raise DataError(
            f"answers to {instrument.name!r} have shape {values.shape}",
            accepted=f"dims (client, item) with {instrument.items} items",
        )
    wrong = np.argwhere((values < low) | (values > high))
    if wrong.size:
        raise DataError(
            f"{len(wrong)} answers to {instrument.name!r} are impossible",
            rows=[f"row {i}, item {j + 1}: {values[i, j]:g}" for i, j in wrong[:6]],
            accepted=f"{low:g} to {high:g}, NaN for blank",
        )
    turned = [i - 1 for i in instrument.reverse_items]
    values[:, turned] = low + high - values[:, turned]
    answered = np.isfinite(values).sum(axis=1)
    rule = instrument.missing_items
    allowed = rule.max_missing if rule.rule == "prorate" else 0
    usable = (answered > 0) & (instrument.items - answered <= allowed)
    mean = np.divide(np.nansum(values, axis=1), answered, out=np.full(len(values), np.nan), where=usable)
    return np.asarray(mean * instrument.scale * (instrument.items if instrument.scoring == "sum" else 1))
