"""Small-number suppression and rounding of exported counts, and a note that says what was done.

Counts below ``smallest`` (zero included unless ``keep_zero``) become missing, the others are rounded to
``base``. Rates must be computed from the rounded counts afterwards, or withheld where a count is. This is
primary suppression: a single hidden cell can still be had from an exact total, which is why totals are
rounded too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcomemodels.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """A table safe to export.

    Parameters
    ----------
    columns : mapping of str to ndarray
        Every column; suppressed counts are NaN.
    hidden : mapping of str to int
        Number of suppressed cells per count column.
    note : str
        One sentence to print under the table.
    """

    columns: Mapping[str, NDArray[np.generic]]
    hidden: Mapping[str, int]
    note: str

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a frame, the note in ``attrs["suppression"]``."""
        import pandas as pd

        frame = pd.DataFrame(dict(self.columns))
        frame.attrs["suppression"] = self.note
        return frame


def suppress(
    table: Mapping[str, ArrayLike] | pd.DataFrame,
    *,
    counts: Sequence[str],
    rates: Mapping[str, tuple[str, str]] | None = None,
    smallest: int = 5,
    base: int = 5,
    keep_zero: bool = False,
) -> Suppressed:
    """Hide small counts, round the others, recompute rates from what is left.

    Parameters
    ----------
    table : mapping of str to array_like, or pandas.DataFrame
        Columns of equal length.
    counts : sequence of str
        Columns that are counts of people.
    rates : mapping of rate column to (numerator, denominator), optional
        Rates to recompute as whole per cent; both columns must be among ``counts``.
    smallest, base : int
        Counts below ``smallest`` are hidden; the others rounded to the nearest ``base``, halves up.
    keep_zero : bool
        Whether a true zero is shown.

    Raises
    ------
    DataError
        On unknown columns, counts that are negative, not whole or not numeric, or unequal lengths.
    """
    if smallest < 1 or base < 1:
        raise DataError(f"smallest {smallest}, base {base}", accepted="whole numbers of 1 or more")
    columns = {str(k): np.asarray(v) for k, v in table.items()}
    if len({c.shape for c in columns.values()}) > 1:
        raise DataError("columns differ in length", rows=[f"{k}: {c.shape}" for k, c in columns.items()])
    pairs = {} if rates is None else dict(rates)
    needed = [c for c in (*counts, *(c for pair in pairs.values() for c in pair)) if c not in columns]
    if needed or any(c not in counts for pair in pairs.values() for c in pair):
        raise DataError(f"not count columns of the table: {needed or pairs}", accepted=", ".join(columns))
    hidden: dict[str, int] = {}
    for name in counts:
        try:
            values = columns[name].astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name!r} is not numeric", column=name, accepted="whole numbers") from error
        wrong = np.flatnonzero((values < 0) | (np.isfinite(values) & (values != np.round(values))) | np.isinf(values))
        if wrong.size:
            raise DataError(
                f"{name!r} is not a count",
                column=name,
                rows=[f"row {i}: {values[i]}" for i in wrong[:6]],
                accepted="whole numbers of 0 or more, NaN for missing",
            )
        small = (values < smallest) & ~((values == 0) & keep_zero)
        hidden[name] = int(small.sum())
        columns[name] = np.where(small, np.nan, base * np.floor(values / base + 0.5))
    for name, (top, bottom) in pairs.items():
        below = columns[bottom].astype(np.float64)
        share = np.divide(columns[top], below, out=np.full(below.shape, np.nan), where=below > 0)
        columns[name] = np.floor(100 * np.minimum(share, 1.0) + 0.5)
    shown = "below" if not keep_zero else "from 1 to below"
    note = (
        f"Counts {shown} {smallest} are suppressed ({sum(hidden.values())} cells), "
        f"others rounded to the nearest {base}" + ("; rates are whole per cent of rounded counts." if pairs else ".")
    )
    return Suppressed(columns=columns, hidden=hidden, note=note)
