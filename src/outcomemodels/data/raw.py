"""A raw column: whatever a table holds, as labels, numbers or dates with a mask of blanks. Knows no schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import DataError

BLANKS = frozenset({"", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "NaT"})
"""Spellings read as "left blank" unless the field lists them as a level or a missing code. "None" is a label where
labels belong (no religion, no treatment) and a blank where numbers or dates do."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One column before it meets its field.

    Parameters
    ----------
    kind : {"text", "number", "date"}
    codes : array of int, dims (row,)
        For text: which of ``texts``; -1 where null. Empty otherwise.
    texts : tuple of str
        Distinct texts, stripped of surrounding space.
    numbers : array of float or int, dims (row,)
        For numbers.
    dates : array of datetime64[us], dims (row,)
        For dates.
    null : array of bool, dims (row,)
        Where the table holds nothing.
    """

    kind: Literal["text", "number", "date"]
    codes: NDArray[np.int32]
    texts: tuple[str, ...]
    numbers: NDArray[Any]
    dates: NDArray[np.datetime64]
    null: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.null)

    def as_text(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Codes and distinct texts; whole numbers are written without a decimal point."""
        if self.kind == "text":
            return self.codes, self.texts
        values = self.numbers if self.kind == "number" else self.dates
        codes = np.full(len(self), -1, dtype=np.int32)
        distinct, inverse = np.unique(values[~self.null], return_inverse=True)
        codes[~self.null] = inverse.astype(np.int32)
        if self.kind == "date":
            return codes, tuple(str(v.astype("datetime64[D]")) for v in distinct)
        return codes, tuple(_number_text(v) for v in distinct.tolist())

    def take(self, rows: NDArray[Any]) -> Raw:
        """The same column at some rows."""
        return Raw(
            self.kind,
            self.codes[rows] if self.kind == "text" else self.codes,
            self.texts,
            self.numbers[rows] if self.kind == "number" else self.numbers,
            self.dates[rows] if self.kind == "date" else self.dates,
            self.null[rows],
        )

    def show(self, row: int) -> str:
        """The value of one row as the table spells it."""
        if self.null[row]:
            return "(blank)"
        if self.kind == "text":
            return repr(self.texts[self.codes[row]])
        return _number_text(self.numbers[row].item()) if self.kind == "number" else str(self.dates[row])[:10]


def _number_text(value: float | bool) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


_NO_CODES = np.empty(0, dtype=np.int32)
_NO_NUMBERS = np.empty(0)
_NO_DATES = np.empty(0, dtype="datetime64[us]")


def text_column(codes: NDArray[Any], texts: list[str]) -> Raw:
    """Raw text column; texts that differ only in surrounding space become one."""
    stripped = [t.strip() for t in texts]
    distinct = list(dict.fromkeys(stripped))
    if len(distinct) != len(texts) or stripped != texts:
        position = {t: i for i, t in enumerate(distinct)}
        renumber = np.array([*(position[t] for t in stripped), -1], dtype=np.int32)
        codes = renumber[codes]
    codes = np.asarray(codes, dtype=np.int32)
    return Raw("text", codes, tuple(distinct), _NO_NUMBERS, _NO_DATES, codes < 0)


def raw_column(values: Any, *, column: str, table: str) -> Raw:
    """Read one column of any kind: numpy or pyarrow array, a plain sequence, or one read already.

    Raises
    ------
    DataError
        If the column is not one-dimensional or holds bytes that are not text.
    """
    if isinstance(values, Raw):
        return values
    if type(values).__module__.startswith("pyarrow"):
        return _from_arrow(values, column=column, table=table)
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"column has {array.ndim} dimensions", table=table, column=column, accepted="one value per row")
    if array.dtype.kind == "M":
        dates = array.astype("datetime64[us]")
        return Raw("date", _NO_CODES, (), _NO_NUMBERS, dates, np.isnat(dates))
    if array.dtype.kind in "fiub":
        null = np.isnan(array) if array.dtype.kind == "f" else np.zeros(len(array), dtype=bool)
        return Raw("number", _NO_CODES, (), array, _NO_DATES, null)
    return _from_objects(array.astype(object), column=column, table=table)


def _from_objects(array: NDArray[Any], *, column: str, table: str) -> Raw:
    import pandas as pd

    codes, distinct = pd.factorize(array, use_na_sentinel=True)
    values = list(distinct)
    if any(isinstance(v, bytes) for v in values):
        raise DataError("column holds bytes, not text", table=table, column=column, mend="decode it as UTF-8")
    if values and all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in values):
        lookup = np.array([*(float(v) for v in values), np.nan])
        return Raw("number", _NO_CODES, (), lookup[codes], _NO_DATES, codes < 0)
    if values and all(hasattr(v, "isoformat") for v in values):
        stamps = np.array([*(np.datetime64(v.isoformat()[:19], "us") for v in values), np.datetime64("NaT", "us")])
        return Raw("date", _NO_CODES, (), _NO_NUMBERS, stamps[codes], codes < 0)
    texts = [v if isinstance(v, str) else _number_text(v) for v in values]
    return text_column(codes, texts)


def _from_arrow(values: Any, *, column: str, table: str) -> Raw:
    import pyarrow as pa
    import pyarrow.compute as pc

    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    kind = array.type
    if pa.types.is_null(kind):
        return text_column(np.full(len(array), -1, dtype=np.int32), [])
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise DataError("column holds bytes, not text", table=table, column=column, mend="save the file as UTF-8")
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        plain = array.cast(pa.timestamp("us", "UTC" if getattr(kind, "tz", None) else None), safe=False)
        dates = plain.to_numpy(zero_copy_only=False).astype("datetime64[us]")
        return Raw("date", _NO_CODES, (), _NO_NUMBERS, dates, np.isnat(dates))
    if pa.types.is_boolean(kind):
        array = array.cast(pa.string())
        kind = array.type
    if pa.types.is_integer(kind) and array.null_count == 0:
        whole = array.to_numpy(zero_copy_only=False)
        return Raw("number", _NO_CODES, (), whole, _NO_DATES, np.zeros(len(whole), dtype=bool))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return Raw("number", _NO_CODES, (), numbers, _NO_DATES, np.isnan(numbers))
    if not pa.types.is_dictionary(kind):
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
            raise DataError(
                f"column holds {kind}", table=table, column=column, accepted="text, numbers or dates, one per row"
            )
        array = pc.dictionary_encode(array)
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    texts = array.dictionary.to_pylist()
    if any(t is None for t in texts):
        codes = np.where(np.array([t is None for t in texts] + [True])[codes], -1, codes)
        texts = ["" if t is None else t for t in texts]
    return text_column(codes, [t if isinstance(t, str) else _number_text(t) for t in texts])
