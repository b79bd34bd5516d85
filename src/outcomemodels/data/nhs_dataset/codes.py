"""Dirty text to clean codes, numbers and dates, each with its data-quality class (VODIM)."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.schema.typologies import load_typology

NO_DAY = np.iinfo(np.int32).min
"""Stands for a missing date among int32 days since 1970-01-01."""


class Vodim(IntEnum):
    """The NHS's data-quality classes of one value."""

    VALID = 0
    OTHER = 1
    DEFAULT = 2
    INVALID = 3
    MISSING = 4


Classes = NDArray[np.int8]
_BLANKS = frozenset({"", "NULL", "NONE", "NAN", "NA", "N/A", "<NA>", "NAT"})


@dataclass(frozen=True, slots=True)
class CodeList:
    """One official code list.

    Parameters
    ----------
    name, tag : str
        Field, and how sure the list is.
    width : int
        Digits a numeric code is padded to; 0 leaves it.
    labels : mapping of code to label
    default, other : frozenset of str
        Codes of the VODIM classes Default and Other.
    """

    name: str
    tag: str
    width: int
    labels: Mapping[str, str]
    default: frozenset[str]
    other: frozenset[str]

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes, in the order of their numbers inside."""
        return tuple(self.labels)

    def number(self, code: str) -> int:
        """Position of a code inside."""
        return self.codes.index(code)

    def read(self, text: str) -> tuple[int, int]:
        """Position in ``codes`` (-1 where there is none) and VODIM class of one text."""
        code = clean(text, self.width)
        if code in _BLANKS and code not in self.labels:
            return -1, Vodim.MISSING
        if code not in self.labels:
            return -1, Vodim.INVALID
        if code in self.default:
            return self.number(code), Vodim.DEFAULT
        return self.number(code), Vodim.OTHER if code in self.other else Vodim.VALID


def clean(text: str, width: int = 0) -> str:
    """A code without surrounding space and quotes, in capitals, padded: '5', '05', ' 5' and '5.0' are one code."""
    code = text.strip().strip("\"'").strip().upper()
    if code.endswith(".0") and code[:-2].isdigit():
        code = code[:-2]
    if width and code.isascii() and code.isdigit():
        code = code.lstrip("0").zfill(width)
    return code


@cache
def code_lists() -> dict[str, CodeList]:
    """Shipped code lists, by field."""
    raw = _shipped()["lists"]
    return {
        name: CodeList(
            name,
            str(one.get("tag", "memory")),
            int(one.get("width", 0)),
            {str(k): str(v) for k, v in one["codes"].items()},
            frozenset(one.get("default", ())),
            frozenset(one.get("other", ())),
        )
        for name, one in raw.items()
    }


@cache
def _shipped() -> dict[str, Any]:
    text = (files("outcomemodels.data.nhs_dataset") / "codes-1.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def long_term_conditions() -> dict[str, str]:
    """Label of each SNOMED concept of a long-term condition."""
    return {str(k): str(v) for k, v in _shipped()["long_term_conditions"].items()}


@dataclass(frozen=True, slots=True)
class Therapies:
    """Therapy types in code order: SNOMED concept, label of the treatment typology, intensity."""

    snomed: tuple[str, ...]
    labels: tuple[str, ...]
    high: NDArray[np.bool_]
    support: NDArray[np.bool_]

    def read(self, text: str) -> tuple[int, int]:
        """Position of a therapy code (-1 none) and VODIM class; v1.5 two-digit codes are known too."""
        code = clean(text).split(":")[0].split("=")[0].strip()
        if code in _BLANKS:
            return -1, Vodim.MISSING
        if code in self.snomed:
            at = self.snomed.index(code)
            return at, Vodim.OTHER if self.labels[at].startswith("Other") else Vodim.VALID
        tree = load_typology("treatment")
        old = f"iapt15:{code}"
        if old in tree and tree[old].label in self.labels:
            return self.labels.index(tree[old].label), Vodim.VALID
        return -1, Vodim.INVALID


@cache
def therapies() -> Therapies:
    """Therapy types of the data set; labels and codes come from the shipped treatment typology."""
    raw = _shipped()["intensity"]
    codes = (*raw["low"], *raw["high"], *raw["employment_support"])
    tree = load_typology("treatment")
    labels = tuple(tree[f"snomed:{c}"].label for c in codes)
    return Therapies(
        tuple(codes), labels, np.array([c in raw["high"] for c in codes]),
        np.array([c in raw["employment_support"] for c in codes]),
    )  # fmt: skip


def translate(array: Any, one: Callable[[str], tuple[int, int]]) -> tuple[NDArray[np.int32], Classes]:
    """Translate a text column by its distinct texts.

    Parameters
    ----------
    array : pyarrow array, dims (row,)
    one : callable
        Text to (code, VODIM class).

    Returns
    -------
    codes : ndarray of int32, dims (row,)
        -1 where there is no code.
    classes : ndarray of int8, dims (row,)
    """
    which, texts = distinct(array)
    both = np.array([*(one(t) for t in texts), (-1, Vodim.MISSING)], dtype=np.int64)[which]
    return both[:, 0].astype(np.int32), both[:, 1].astype(np.int8)


def numbers(array: Any, low: float = -math.inf, high: float = math.inf) -> tuple[NDArray[np.float32], Classes]:
    """Numbers of a text column; NaN and class Invalid where a text is no number or outside ``low`` to ``high``."""
    which, texts = distinct(array)
    pairs = [_number(t, low, high) for t in texts]
    values = np.array([*(p[0] for p in pairs), math.nan], dtype=np.float32)
    classes = np.array([*(p[1] for p in pairs), Vodim.MISSING], dtype=np.int8)
    return values[which], classes[which]


def _number(text: str, low: float, high: float) -> tuple[float, int]:
    found = text.strip().strip("\"'").strip()
    if found.upper() in _BLANKS:
        return math.nan, Vodim.MISSING
    try:
        value = float(found)
    except ValueError:
        return math.nan, Vodim.INVALID
    return (value, Vodim.VALID) if low <= value <= high and abs(value) < 1e30 else (math.nan, Vodim.INVALID)


def days(array: Any) -> tuple[NDArray[np.int32], Classes]:
    """Dates as days since 1970-01-01, ``NO_DAY`` where missing or no date of the years 1900 to 2100.

    Accepts YYYY-MM-DD and YYYYMMDD, with or without a time, and DD/MM/YYYY.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date32(array.type):
        held = array.cast(pa.int32())
        found = held.fill_null(NO_DAY).to_numpy(zero_copy_only=False)
        wrong = (found != NO_DAY) & ((found < _FIRST) | (found > _LAST))
        classes = np.where(wrong, Vodim.INVALID, np.where(found == NO_DAY, Vodim.MISSING, Vodim.VALID))
        return np.where(wrong, NO_DAY, found).astype(np.int32), classes.astype(np.int8)
    short = pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(array), 0, 10)
    which, texts = distinct(short)
    pairs = np.array([*(day_of(t) for t in texts), (NO_DAY, Vodim.MISSING)], dtype=np.int64)[which]
    return pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int8)


_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date(1900, 1, 1).toordinal() - _EPOCH, date(2100, 12, 31).toordinal() - _EPOCH


def day_of(text: str) -> tuple[int, int]:
    """Days since 1970-01-01 of one date text, and its VODIM class."""
    found = text.strip().strip("\"'")
    if found.upper() in _BLANKS:
        return NO_DAY, Vodim.MISSING
    if len(found) >= 10 and found[2] in "/-." and found[5] == found[2]:
        found = f"{found[6:10]}-{found[3:5]}-{found[:2]}"
    elif not (len(found) == 8 and found.isascii() and found.isdigit()):
        found = found[:10].replace("/", "-")
    try:
        day = date.fromisoformat(found).toordinal() - _EPOCH
    except ValueError:
        return NO_DAY, Vodim.INVALID
    return (day, Vodim.VALID) if _FIRST <= day <= _LAST else (NO_DAY, Vodim.INVALID)


def seconds(array: Any) -> NDArray[np.int32]:
    """Seconds after midnight of HH:MM or HH:MM:SS texts; -1 where there is none."""
    which, texts = distinct(array)
    return np.array([*(_seconds(t) for t in texts), -1], dtype=np.int32)[which]


def _seconds(text: str) -> int:
    parts = text.strip()[-8:].split(":")
    if len(parts) < 2 or not all(p.isascii() and p.isdigit() for p in parts[:2]):
        return -1
    return int(parts[0]) * 3600 + int(parts[1]) * 60 + (int(parts[2]) if len(parts) > 2 and parts[2].isdecimal() else 0)


def filled(array: Any) -> Classes:
    """VODIM class of identifiers and free text: valid where anything is written."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = array if pa.types.is_string(array.type) else array.cast(pa.string())
    blank = pc.is_in(pc.utf8_upper(pc.utf8_trim_whitespace(text)), value_set=pa.array(sorted(_BLANKS)))
    gone = pc.or_(pc.fill_null(blank, True), pc.is_null(text)).to_numpy(zero_copy_only=False)
    return np.where(gone, np.int8(Vodim.MISSING), np.int8(Vodim.VALID))


def distinct(array: Any) -> tuple[NDArray[np.int32], list[str]]:
    """Position of each row's text among the distinct texts, and these; null is the position after the last."""
    import pyarrow as pa

    if not pa.types.is_string(array.type):
        array = array.cast(pa.string())
    coded = array.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    return coded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False), texts


class Vocabulary:
    """Texts met while a table streams by, each with a number; grows."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def add(self, array: Any, change: Callable[[str], str] = clean) -> NDArray[np.int32]:
        """Number of each row's text after ``change``; -1 where blank."""
        which, texts = distinct(array)
        out = np.full(len(texts) + 1, -1, dtype=np.int32)
        for i, text in enumerate(texts):
            name = change(text)
            if name.upper() not in _BLANKS:
                out[i] = self._numbers.setdefault(name, len(self._numbers))
        return np.asarray(out[which])

    @property
    def texts(self) -> tuple[str, ...]:
        """Texts in the order of their numbers."""
        return tuple(self._numbers)
