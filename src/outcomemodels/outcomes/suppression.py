"""Small-number suppression and rounding of exported counts, and a note that says what was done.

Counts below ``smallest`` (zero included unless ``keep_zero``) become missing, the others are rounded to
``base``. Where a single hidden count could be had from a total, the next smallest is hidden too
(:mod:`outcomemodels.outcomes.complementary`); totals are rounded like everything else. Rates are computed from the
rounded counts afterwards, and withheld where a count is. What protects one table does not protect several of the
same people that differ in one condition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcomemodels.errors import DataError
from outcomemodels.outcomes.complementary import complementary

if TYPE_CHECKING:
    import pandas as pd


COUNT_KEYS = frozenset(
    {
        "n",
        "count",
        "left",
        "lost",
        "recorded",
        "numerator",
        "denominator",
        "rows",
        "total",
        "events",
        "courses",
        "levels",
        "courses_a",
        "courses_b",
        "began_a",
        "began_b",
        "known_a",
        "known_b",
        "interviews",
    }
)
"""Keys of plain dicts that hold counts of people; so does every key that begins with ``n_``."""

TEXT_KEYS = frozenset(
    {"sentence", "why", "by_how_much", "reason", "warnings", "mend", "requirement", "facts", "findings", "notes"}
)
"""Keys of plain dicts whose texts may name counts."""

_UNITS = r"(?:points?|weeks?|days?|months?|years?|minutes?|periods?|draws|chains|columns?|fields?)\b"
_NO_PEOPLE = rf"(?!\s(?:to\s\d+\s)?{_UNITS})"
_WHOLE = re.compile(r"(?<![\w.,\-–/:])(\d{1,3}(?:,\d{3})+|\d+)(?![\w%–/]|:\w|[.,-]\d|-\w)" + _NO_PEOPLE)

_YEAR = re.compile(r"(?:19|20)\d\d")
_PERCENT = re.compile(r"\d+(?:\.\d+)?\s?%")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """The one switch for exports: counts below ``smallest`` are hidden, the others rounded to ``base``.

    Parameters
    ----------
    smallest, base : int

    Examples
    --------
    >>> Disclosure().sentence("3 of 1,012 courses have no PHQ-9 in 2023-24 (0.3%)")
    'fewer than 5 of 1,010 courses have no PHQ-9 in 2023-24 (–%)'
    """

    smallest: int = 5
    base: int = 5

    def __post_init__(self) -> None:
        if self.smallest < 1 or self.base < 1:
            raise DataError(f"smallest {self.smallest}, base {self.base}", accepted="whole numbers of 1 or more")

    @property
    def note(self) -> str:
        """One sentence for readers."""
        return (
            f"Counts below {self.smallest} are suppressed and all others rounded to the nearest {self.base}; rates of "
            "suppressed counts are withheld, other rates are whole per cent of rounded counts. Where one hidden cell "
            "of a row or column could be had by subtraction, the next smallest is suppressed too."
        )

    def count(self, value: float | None) -> int | None:
        """A count as it may be shown; None where hidden. Zero is hidden too."""
        if value is None or not np.isfinite(value) or value < self.smallest:
            return None
        return int(self.base * np.floor(value / self.base + 0.5))

    def text(self, value: float | None) -> str:
        """A count in words."""
        shown = self.count(value)
        return f"fewer than {self.smallest}" if shown is None else f"{shown:,}"

    def sentence(self, text: str) -> str:
        """A sentence with every whole number in it treated as a count; years and codes stay.

        Percentages go where a count beside them is hidden.
        """
        shown = _WHOLE.sub(lambda m: m.group(1) if _YEAR.fullmatch(m.group(1)) else self._shown(m.group(1)), text)
        hidden = shown != text and f"fewer than {self.smallest}" in shown
        return _PERCENT.sub("–%", shown) if hidden else shown

    def _shown(self, digits: str) -> str:
        return self.text(float(digits.replace(",", "")))

    def share(self, part: float | None, whole: float | None) -> float | None:
        """A rate from the counts as shown, whole per cent; None where one is hidden."""
        a, b = self.count(part), self.count(whole)
        return None if a is None or b is None else float(np.floor(100 * min(a / b, 1.0) + 0.5) / 100)

    def _grid(self, rows: Sequence[Sequence[float | None]]) -> list[list[int | None]]:
        """A table of counts whose rows and columns add up to what is told elsewhere."""
        values = np.array(rows, dtype=np.float64)
        hidden = self.hidden(values, groups=[np.arange(len(values))])
        return [
            [None if h else self.count(v) for v, h in zip(row, line, strict=True)]
            for row, line in zip(values.tolist(), hidden.tolist(), strict=True)
        ]

    def hidden(
        self, values: NDArray[np.float64], *, across: bool = True, groups: Sequence[NDArray[np.int64]] = ()
    ) -> NDArray[np.bool_]:
        """Cells of a table of counts that are hidden: small ones, and those that would give one away.

        See :func:`outcomemodels.outcomes.complementary.complementary`.
        """
        return complementary(values, values < self.smallest, across=across, groups=groups)

    def plain(self, value: Any, key: str = "") -> Any:
        """A plain value (for JSON) with its counts hidden or rounded, by the names of its keys.

        A dict with a numerator and a denominator has its ``value`` recomputed where that is their ratio.
        """
        if isinstance(value, Mapping):
            out = {k: self.plain(v, str(k)) for k, v in value.items()}
            top, bottom = value.get("numerator"), value.get("denominator")
            if top is not None and isinstance(value.get("value"), int | float):
                ratio = bool(bottom) and abs(float(value["value"]) - float(top) / float(bottom or 1)) < 1e-9
                if ratio:
                    out["value"] = self.share(top, bottom)
                elif float(value["value"]) == float(top):
                    out["value"] = self.count(top)
            return out
        if isinstance(value, list | tuple):
            return self._grid(value) if key in COUNT_KEYS and _is_grid(value) else [self.plain(v, key) for v in value]
        if isinstance(value, str):
            return self.sentence(value) if key in TEXT_KEYS else value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.count(value) if key in COUNT_KEYS or key.startswith("n_") else value
        return value


def _is_grid(value: Sequence[Any]) -> bool:
    """Whether a list is a table of numbers: rows of one length, two or more numbers in all."""
    lists = bool(value) and all(isinstance(row, list | tuple) and row for row in value)
    if not lists or len({len(row) for row in value}) > 1:
        return False
    return all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for row in value for v in row)


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
    parts: Sequence[str] = (),
    within: Sequence[str] | None = None,
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
    parts : sequence of str
        Count columns that add up along a row, their total included where the table has it: where one of them is
        hidden, the smallest other goes too.
    within : sequence of str, optional
        Columns whose rows of equal values add up to a total, in this table or another; none of them (``()``) means
        that all rows do. Where one cell of a count column is hidden among them, the smallest other goes too.

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
    small: dict[str, NDArray[np.bool_]] = {}
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
        small[name] = (values < smallest) & ~((values == 0) & keep_zero)
    more = _further(columns, counts, small, parts, within)
    hidden = {name: int(more[name].sum()) for name in counts}
    further = sum(hidden.values()) - sum(int(s.sum()) for s in small.values())
    for name in counts:
        values = columns[name].astype(np.float64)
        columns[name] = np.where(more[name], np.nan, base * np.floor(values / base + 0.5))
    for name, (top, bottom) in pairs.items():
        below = columns[bottom].astype(np.float64)
        share = np.divide(columns[top], below, out=np.full(below.shape, np.nan), where=below > 0)
        columns[name] = np.floor(100 * np.minimum(share, 1.0) + 0.5)
    shown = "below" if not keep_zero else "from 1 to below"
    note = (
        f"Counts {shown} {smallest} are suppressed ({sum(hidden.values()) - further} cells"
        + (f", and {further} more that would give one away by subtraction" if further else "")
        + "), "
        f"others rounded to the nearest {base}" + ("; rates are whole per cent of rounded counts." if pairs else ".")
    )
    return Suppressed(columns=columns, hidden=hidden, note=note)


def _further(
    columns: Mapping[str, NDArray[Any]], counts: Sequence[str], small: Mapping[str, NDArray[np.bool_]],
    parts: Sequence[str], within: Sequence[str] | None,
) -> dict[str, NDArray[np.bool_]]:  # fmt: skip
    """Cells to hide by column: the small ones, and those that would give one away."""
    out = dict(small)
    unknown = [c for c in (*parts, *(within or ())) if c not in columns] + [c for c in parts if c not in counts]
    if unknown:
        raise DataError(f"not columns of the table: {unknown}", accepted=", ".join(columns))
    if not counts or (not parts and within is None):
        return out
    n = len(columns[counts[0]])
    groups: list[NDArray[np.int64]] = []
    if within is not None:
        number: dict[tuple[Any, ...], list[int]] = {}
        for i, key in enumerate(zip(*(columns[c].tolist() for c in within), strict=True) if within else [()] * n):
            number.setdefault(key, []).append(i)
        groups = [np.array(rows) for rows in number.values()]
    rest = [c for c in counts if c not in parts]
    for names, across in ((list(parts), True), (rest, False)):
        if names:
            values = np.stack([columns[c].astype(np.float64) for c in names], axis=1)
            mask = complementary(values, np.stack([out[c] for c in names], axis=1), across=across, groups=groups)
            out |= {c: mask[:, k] for k, c in enumerate(names)}
    return out
