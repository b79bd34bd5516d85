"""A design as a data frame: what a function written for a table of rows takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from outcomemodels.plugin import Design

if TYPE_CHECKING:
    import pandas as pd


def frame_of(design: Design, fields: Iterable[str] | None = None) -> pd.DataFrame:
    """One row an observation; fields as columns, outcomes under their own names.

    Parameters
    ----------
    design : Design
        Fitted, or presented for a question.
    fields : iterable of str, optional
        Columns to make; all when absent. Fields that are not asked for do not count as looked at.

    Returns
    -------
    pandas.DataFrame
        Labelled fields are ordered categoricals with every level of the design, NEW ones last; numbers in their units.
        In a question the outcomes hold placeholders.
    """
    import pandas as pd

    wanted = [*design.factors, *design.numbers] if fields is None else [*fields]
    columns: dict[str, Any] = {}
    for name in wanted:
        if name in set(design.factors):
            factor = design.factor(name)
            columns[name] = pd.Categorical.from_codes(factor.codes, pd.Index(factor.levels), ordered=True)
        elif name in set(design.numbers):
            columns[name] = design.numbers[name].values
    for target in design.targets.values():
        columns[target.outcome] = target.response.y
    if not design.targets and design.response is not None:
        columns[design.outcome] = design.response.y
    return pd.DataFrame(columns, index=range(design.n_obs))
