"""Columns of a batch of rows as codes and numbers: the checks of the reading door, at the speed of a stream.

A label met before costs one look-up; a new one, and every number that looks wrong, goes through the door of
:mod:`outcomemodels.data.encode`, which knows relabelling, missing codes, typologies and ranges, and complains in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.encode import encode
from outcomemodels.data.plausible import range_of
from outcomemodels.data.raw import raw_column, text_column
from outcomemodels.errors import DataError
from outcomemodels.inference.collapsed.cell_kernels import look_over
from outcomemodels.schema import Field, Kind

WIDE = 5_000_000
"""Whole-number labels within a span of this many are found by position."""


class LabelReader:
    """Codes of one labelled field; new labels are numbered in order of appearance."""

    def __init__(self, field: Field, labels: tuple[str, ...] = ()) -> None:
        self.field = field
        self.labels = labels or field.levels
        self.memo: dict[str, int] = {}
        self.dictionary: Any = None
        self.lookup: NDArray[np.int32] = np.zeros(0, np.int32)

    def read(self, column: Any, table: str) -> NDArray[np.int32]:
        """Codes of a column, -1 where missing.

        Raises
        ------
        DataError
            For labels the field does not allow, and for blanks where it allows none.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        array = column if isinstance(column, pa.Array | pa.ChunkedArray) else None
        if array is not None:
            array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
            if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
                array = pc.dictionary_encode(array)
            if pa.types.is_dictionary(array.type) and pa.types.is_string(array.type.value_type):
                return self._from_dictionary(array, table)
            if pa.types.is_integer(array.type) and array.null_count == 0 and len(array):
                return self._from_integers(array.to_numpy(zero_copy_only=False), column, table)
        elif isinstance(column, np.ndarray) and column.dtype.kind in "iu" and len(column):
            return self._from_integers(column, column, table)
        codes, texts = raw_column(column, column=self.field.source, table=table).as_text()
        return self._checked(self._codes_of(list(texts), column, table)[codes], column, table)

    def _from_dictionary(self, array: Any, table: str) -> NDArray[np.int32]:
        dictionary = array.dictionary
        if self.dictionary is None or not dictionary.equals(self.dictionary):
            texts = ["" if t is None else t for t in dictionary.to_pylist()]
            self.lookup, self.dictionary = self._codes_of(texts, array, table), dictionary
        indices = array.indices if array.null_count == 0 else array.indices.fill_null(len(self.lookup) - 1)
        codes = self.lookup[indices.to_numpy(zero_copy_only=False)]
        return self._checked(codes, array, table)

    def _from_integers(self, values: NDArray[Any], column: Any, table: str) -> NDArray[np.int32]:
        low, high = int(values.min()), int(values.max())
        if high - low > WIDE:
            distinct, inverse = np.unique(values, return_inverse=True)
            codes = self._codes_of([str(v) for v in distinct.tolist()], column, table)[inverse]
            return self._checked(codes, column, table)
        seen = np.zeros(high - low + 1, dtype=bool)
        seen[values - low] = True
        distinct = np.flatnonzero(seen)
        position = np.full(len(seen), -1, np.int32)
        position[distinct] = self._codes_of([str(v + low) for v in distinct.tolist()], column, table)[:-1]
        return self._checked(position[values - low], column, table)

    def _codes_of(self, texts: list[str], column: Any, table: str) -> NDArray[np.int32]:
        """Code of each text, and -1 behind them for null."""
        new = [t for t in dict.fromkeys(texts) if t not in self.memo]
        if new:
            raw = text_column(np.arange(len(new), dtype=np.int32), new)
            try:
                plain = encode(raw, _lenient(self.field), table=table, labels=self.labels)
            except DataError:
                whole = raw_column(column, column=self.field.source, table=table)
                encode(whole, _lenient(self.field), table=table, labels=self.labels)
                raise
            self.labels = plain.labels
            self.memo.update(zip(new, plain.values.tolist(), strict=True))
        return np.array([*(self.memo[t] for t in texts), -1], dtype=np.int32)

    def _checked(self, codes: NDArray[np.int32], column: Any, table: str) -> NDArray[np.int32]:
        if self.field.required and len(codes) and codes.min() < 0:
            encode(raw_column(column, column=self.field.source, table=table), self.field, table=table)
        return codes


def _lenient(field: Field) -> Field:
    from dataclasses import replace

    return replace(field, required=False, key=False)


class NumberReader:
    """Numbers of one field; the first batch, and any that looks wrong, is checked in full."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.allowed = range_of(field)
        self.codes = [c for c in (_number(code) for code, _ in field.missing) if c is not None]
        self.checked = False

    def read(self, column: Any, table: str) -> NDArray[np.float64]:
        """Values of a column, NaN where missing.

        Raises
        ------
        DataError
            For text, infinite or impossible numbers, and for blanks where the field allows none.
        """
        values = _plain_numbers(column) if self.checked else None
        if values is not None:
            for code in self.codes:
                values[values == code] = np.nan
            low, high, blank, broken = look_over(values)
            fine = low >= self.allowed.low and high <= self.allowed.high and np.isfinite([low, high]).all()
            if blank == len(values) and not self.field.required:
                return values
            if fine and not (blank and self.field.required) and not (broken and self.field.kind is Kind.COUNT):
                return values
        self.checked = True
        raw = raw_column(column, column=self.field.source, table=table)
        return np.asarray(encode(raw, self.field, table=table).values, dtype=float)


def _plain_numbers(column: Any) -> NDArray[np.float64] | None:
    """A fresh array of floats, or None when the column holds anything but numbers."""
    import pyarrow as pa

    if isinstance(column, np.ndarray):
        return column.astype(np.float64) if column.dtype.kind in "iuf" else None
    if isinstance(column, pa.Array | pa.ChunkedArray) and (
        pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    ):
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        return np.asarray(array.to_numpy(zero_copy_only=False)).astype(np.float64)
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def column_of(columns: Mapping[str, Any], field: Field, table: str) -> Any:
    """Column of a field.

    Raises
    ------
    DataError
        If the table has none, with near matches.
    """
    if field.source in columns:
        return columns[field.source]
    import difflib

    near = difflib.get_close_matches(field.source, list(columns), n=3)
    raise DataError(
        f"column {field.source!r} is missing",
        table=table,
        column=field.source,
        facet=field.facet.value,
        accepted="the columns " + ", ".join(repr(c) for c in list(columns)[:30]),
        mend=f"did you mean {near[0]!r}?" if near else f"set column = '…' in [fields.{field.name}], or drop the field",
    )
