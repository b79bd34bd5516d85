"""What is known of the client when the referral begins: IDS001, IDS004, IDS007, IDS602, and IDS201 for medication."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import NO_DAY, Vodim, clean, code_lists, long_term_conditions, numbers
from outcomemodels.data.nhs_dataset.codes import translate as translated
from outcomemodels.data.nhs_dataset.keys import Lookup, hash_text
from outcomemodels.data.nhs_dataset.referrals import Referrals
from outcomemodels.data.nhs_dataset.source import LINKS, SUBMISSION, Batch, IntArray, ReferralIndex, Source
from outcomemodels.data.nhs_dataset.visits import Contacts
from outcomemodels.data.tables import Limits, open_table
from outcomemodels.errors import DataError

YEAR = 365.25
CROWD = 1000
"""An identifier with more referrals than this stands for nobody in particular (a placeholder) and is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Client modifiers, dims (referral,); NaN or -1 where not recorded.

    Parameters
    ----------
    age : ndarray of float
        Years at receipt of the referral.
    gender, ethnicity, employment, medication : ndarray of int
        Codes of the official lists.
    gender_list : str
        Official list of ``gender``: "GenderIdentity" or "Gender".
    deprivation : ndarray of float
        IMD decile, 1 most deprived, from a look-up of LSOA, else from ``IMD_Decile`` of the extract.
    long_term, disability : ndarray of int
        1 yes, 0 none stated, -1 nothing recorded.
    """

    age: NDArray[np.float64]
    gender: IntArray
    gender_list: str
    ethnicity: IntArray
    employment: IntArray
    medication: IntArray
    deprivation: NDArray[np.float64]
    long_term: IntArray
    disability: IntArray


class Rows:
    """Referrals of each person, or the referral a row names itself."""

    def __init__(self, r: Referrals, index: ReferralIndex) -> None:
        self.index = index
        self.order = np.argsort(r.person_key, kind="stable")
        self.keys = r.person_key[self.order]

    def of(self, batch: Batch, n: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Row of the batch and referral, dims (match,); one row can concern several referrals of a person."""
        if "Person_ID" in batch:
            key = hash_text(batch["Person_ID"])
            low = np.searchsorted(self.keys, key, "left")
            many = np.where(key == 0, 0, np.searchsorted(self.keys, key, "right") - low)
            many = np.where(many > CROWD, 0, many)
            row = np.repeat(np.arange(n), many)
            at = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(low, many)
            return row, self.order[at]
        found = self.index.find(batch, n)
        row = np.flatnonzero(found >= 0)
        return row, found[row]


@dataclass(frozen=True, slots=True)
class Deciles:
    """Deprivation decile by neighbourhood: hashes of LSOA codes, and a decile from 1 (most deprived) to 10 for each."""

    lsoa: Lookup
    decile: NDArray[np.float64]

    def of(self, lsoa: Any) -> NDArray[np.float64]:
        """Decile of each row of an LSOA column; NaN where it is not listed."""
        return np.append(self.decile, np.nan)[self.lsoa.find(hash_text(lsoa))]


def deciles_from(table: Any) -> Deciles:
    """Read a look-up table with one column of LSOA codes and one of deciles.

    Parameters
    ----------
    table : path, frame or mapping of column to values
        Columns whose names begin with "lsoa" and hold "decile"; case does not count.

    Raises
    ------
    DataError
        If a column is missing or a decile is none of 1 to 10.
    """
    import pyarrow as pa

    if isinstance(table, Mapping):
        columns = {str(k): np.asarray(v, dtype=object) for k, v in table.items()}
    else:
        columns = open_table(table, wanted=None, text=(), limits=Limits()).arrays()
    names = {name.lower(): name for name in columns}
    code = next((n for low, n in names.items() if low.startswith("lsoa")), None)
    tenth = next((n for low, n in names.items() if "decile" in low), None)
    if code is None or tenth is None:
        raise DataError(
            "the look-up of deprivation lacks a column", table="deprivation", rows=list(columns),
            accepted="one column beginning with 'lsoa' and one with 'decile' in its name",
        )  # fmt: skip
    try:
        decile = np.asarray(columns[tenth], dtype=np.float64)
    except (TypeError, ValueError):
        decile = np.full(len(columns[tenth]), np.nan)
    wrong = np.flatnonzero(~np.isin(decile, np.arange(1, 11)))
    if len(wrong):
        raise DataError(
            f"{len(wrong)} deciles are none", table="deprivation", column=tenth,
            rows=[f"row {i + 1}: {columns[tenth][i]}" for i in wrong[:6]], accepted="whole numbers from 1 to 10",
        )  # fmt: skip
    keys = hash_text(pa.array([None if v is None else str(v) for v in columns[code].tolist()], pa.string()))
    _, first = np.unique(keys, return_index=True)
    return Deciles(Lookup(keys[first]), decile[first])


def read_clients(
    source: Source, r: Referrals, index: ReferralIndex, medication: IntArray, deciles: Deciles | None = None
) -> Clients:
    """Read client modifiers; of several records the one in force at receipt of the referral, else the next one.

    ``medication`` comes from the contacts (:func:`first_known`).
    """
    rows = Rows(r, index)
    age, gender, ethnicity, deprivation = _people(source, r, rows, deciles)
    identity = source.has("001", "GenderIdentity")
    return Clients(
        age=age,
        gender=gender,
        gender_list="GenderIdentity" if identity else "Gender",
        ethnicity=ethnicity,
        employment=_employment(source, r, rows),
        medication=medication,
        deprivation=deprivation,
        long_term=_any(source, r, rows, "602", "LongTermCondition", _condition),
        disability=_any(source, r, rows, "007", "DisabCode", _disability),
    )


_PERSON = (
    *("Person_ID", "PersonBirthDate", "Age_RP_StartDate", "Gender", "GenderIdentity", "EthnicCategory"),
    *("IMD_Decile", "LSOA"),
)


def _people(
    source: Source, r: Referrals, rows: Rows, deciles: Deciles | None
) -> tuple[NDArray[np.float64], IntArray, IntArray, NDArray[np.float64]]:
    born = np.full(r.n, NO_DAY, dtype=np.int32)
    aged, decile = np.full(r.n, np.nan), np.full(r.n, np.nan)
    gender, ethnicity = np.full(r.n, -1, np.int32), np.full(r.n, -1, np.int32)
    rank = np.full(r.n, -1.0)
    identity = "GenderIdentity" if source.has("001", "GenderIdentity") else "Gender"
    for batch in source.batches("001", (*LINKS, *SUBMISSION, *_PERSON)):
        n = len(next(iter(batch.values())))
        row, of = rows.of(batch, n)
        where = provider_of(rows, row, of, n)
        order = source.order(batch, n)
        birth = source.day("001", "PersonBirthDate", batch, where)
        years = numbers(batch["Age_RP_StartDate"], 0, 120)[0] if "Age_RP_StartDate" in batch else np.full(n, np.nan)
        tenth = numbers(batch["IMD_Decile"], 1, 10)[0] if "IMD_Decile" in batch else np.full(n, np.nan)
        if deciles is not None and "LSOA" in batch:
            listed = deciles.of(batch["LSOA"])
            tenth = np.where(np.isfinite(listed), listed, tenth)
        sex = source.code("001", identity, batch, where)
        group = source.code("001", "EthnicCategory", batch, where)
        by = np.lexsort((row, order[row], of))
        row, of = row[by], of[by]
        last = np.append(of[1:] != of[:-1], True)[: len(of)]
        row, of = row[last], of[last]
        newer = order[row] >= rank[of]
        row, of = row[newer], of[newer]
        rank[of] = order[row]
        for into, values, known in (
            (born, birth, birth != NO_DAY), (aged, years, np.isfinite(years)), (decile, tenth, np.isfinite(tenth)),
            (gender, sex, sex >= 0), (ethnicity, group, group >= 0),
        ):  # fmt: skip
            ok = known[row]
            into[of[ok]] = values[row[ok]]
    at_referral = np.where(born != NO_DAY, (r.received.astype(float) - born) / YEAR, aged)
    wrong = (at_referral < 0) | (at_referral > 120)
    source.count("ages below 0 or above 120, left out", int(wrong.sum()))
    return np.where(wrong, np.nan, at_referral), gender, ethnicity, decile


def provider_of(rows: Rows, row: NDArray[Any], of: NDArray[Any], n: int) -> IntArray:
    """Provider of each row of a batch, dims (row,), from :meth:`Rows.of`; -1 where it belongs to no referral."""
    out = np.full(n, -1, dtype=np.int32)
    out[row] = rows.index.provider[of]
    return out


def _employment(source: Source, r: Referrals, rows: Rows) -> IntArray:
    best = np.full(r.n, np.inf)
    out = np.full(r.n, -1, dtype=np.int32)
    names = (*LINKS, *SUBMISSION, "Person_ID", "EmployStatus", "EmployStatusRecDate")
    for batch in source.batches("004", names, needs=("EmployStatus",)):
        n = len(batch["EmployStatus"])
        row, of = rows.of(batch, n)
        where = provider_of(rows, row, of, n)
        status = source.code("004", "EmployStatus", batch, where)
        day = source.day("004", "EmployStatusRecDate", batch, where)
        ok = status[row] >= 0
        row, of = row[ok], of[ok]
        gap = day[row].astype(float) - r.received[of]
        distance = np.where(day[row] == NO_DAY, 1e6, np.where(gap <= 0, -gap / 1e6, 1 + gap))
        by = np.lexsort((row, distance, of))
        first = np.append(True, of[by][1:] != of[by][:-1])[: len(by)]
        row, of, distance = row[by[first]], of[by[first]], distance[by[first]]
        nearer = distance < best[of]
        best[of[nearer]] = distance[nearer]
        out[of[nearer]] = status[row[nearer]]
    return out


def _any(
    source: Source, r: Referrals, rows: Rows, number: str, name: str, one: Callable[[str], tuple[int, int]]
) -> IntArray:
    out = np.full(r.n, -1, dtype=np.int32)
    for batch in source.batches(number, (*LINKS, *SUBMISSION, "Person_ID", name), needs=(name,)):
        n = len(batch[name])
        row, of = rows.of(batch, n)
        codes, classes = translated(batch[name], one)
        source.seen(number, name, provider_of(rows, row, of, n), classes)
        np.maximum.at(out, of, codes[row])
    return out


def _condition(text: str) -> tuple[int, int]:
    code = clean(text)
    if not code:
        return -1, Vodim.MISSING
    label = long_term_conditions().get(code)
    if label is None:
        known = code.isdigit() and 6 <= len(code) <= 18
        return (1, Vodim.OTHER) if known else (-1, Vodim.INVALID)
    return int(label != "none"), Vodim.VALID


def _disability(text: str) -> tuple[int, int]:
    listed = code_lists()["DisabCode"]
    code, kind = listed.read(text)
    if code < 0 or kind == Vodim.DEFAULT:
        return -1, kind
    return int(listed.codes[code] != "NN"), kind


def first_known(c: Contacts, codes: NDArray[np.int8], n: int) -> IntArray:
    """First code recorded in a referral's contacts, dims (referral,); -1 none."""
    rows = np.flatnonzero(codes >= 0)
    by = rows[np.lexsort((c.day[rows], c.referral[rows]))]
    first = np.append(True, c.referral[by][1:] != c.referral[by][:-1])[: len(by)]
    out = np.full(n, -1, dtype=np.int32)
    out[c.referral[by[first]]] = codes[by[first]]
    return out
