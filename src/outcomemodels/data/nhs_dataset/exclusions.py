"""Known data-quality breaks: a user's table of provider, from, to and reason; referrals in it are left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import Vodim, clean, day_of
from outcomemodels.data.nhs_dataset.referrals import Referrals
from outcomemodels.data.tables import Limits, open_table
from outcomemodels.errors import DataError

NEEDS = ("provider", "from", "to", "reason")


def excluded(r: Referrals, exclusions: Any) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Referrals a table of exclusions leaves out, dims (referral,), and a note for each of its rows.

    Parameters
    ----------
    r : Referrals
    exclusions : path, frame or mapping of column to values
        Columns ``provider`` (an organisation code, or ``*`` for all), ``from`` and ``to`` (dates of receipt,
        inclusive; blank is open) and ``reason``.

    Raises
    ------
    DataError
        If a column is missing, a date is none, or a row gives no reason.
    FileError
        If a file cannot be read.
    """
    if isinstance(exclusions, (str, Path)):
        columns: Mapping[str, Any] = open_table(exclusions, wanted=None, text=NEEDS, limits=Limits()).arrays()
    elif isinstance(exclusions, Mapping):
        columns = exclusions
    else:
        columns = open_table(exclusions, wanted=None, text=NEEDS, limits=Limits()).arrays()
    absent = [name for name in NEEDS if name not in columns]
    lengths = {len(columns[name]) for name in NEEDS if name in columns}
    if absent or len(lengths) > 1:
        raise DataError(
            f"the table of exclusions lacks {', '.join(absent)}" if absent else "exclusion columns differ in length",
            table="exclusions",
            accepted="columns provider, from, to, reason",
        )
    out = np.zeros(r.n, dtype=bool)
    notes = []
    rows = zip(*(list(columns[name]) for name in NEEDS), strict=True)
    for i, (provider, start, end, reason) in enumerate(rows):
        why = _text(reason)
        low, high = _day(start, i, "from"), _day(end, i, "to")
        if not why:
            raise DataError(
                "an exclusion gives no reason", table="exclusions", column="reason", rows=[f"row {i + 1}"],
                accepted="a reason for every row",
            )  # fmt: skip
        code = clean(_text(provider))
        mine = np.ones(r.n, bool) if code == "*" else np.isin(r.provider, _codes(r, code))
        hit = mine & (r.received >= (low if low is not None else -(2**31) + 1))
        hit &= r.received <= (high if high is not None else 2**31 - 1)
        new = int((hit & ~out).sum())
        out |= hit
        notes.append(f"{new:,} referrals of {code} left out: {why}")
    return out, tuple(notes)


def _codes(r: Referrals, code: str) -> list[int]:
    return [r.providers.index(code)] if code in r.providers else [-2]


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value).strip()


def _day(value: Any, row: int, column: str) -> int | None:
    text = _text(value)
    day, kind = day_of(text)
    if kind == Vodim.INVALID:
        raise DataError(
            f"an exclusion has a date that is none: {text!r}", table="exclusions", column=column,
            rows=[f"row {row + 1}"], accepted="YYYY-MM-DD, or blank for no limit",
        )  # fmt: skip
    return None if kind == Vodim.MISSING else day
