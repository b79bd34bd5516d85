"""The defects of real submissions, added to clean tables. None of them changes what a careful reader should find."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outcomemodels.data.nhs_simulation.tables import TABLES, Table, pick

CODES = {
    "IDS001MPI": ("Gender",),
    "IDS101Referral": ("EndCode",),
    "IDS201CareContact": ("AttendOrDNACode", "AppType", "PlannedCareContIndicator", "CareContPatientTherMode"),
    "IDS603PresentingComplaints": ("PresCompCodSig",),
}
"""Columns whose codes come as ``'5'``, ``'05'``, ``' 5'`` and ``'5 '``."""
SCORES = ("IDS606CodedScoreAssessmentRefer", "IDS607CodedScoreAssessmentAct")
IMPOSSIBLE = ("99", "-1", "", "NULL", "abc", "1e9")
REPEATED = ("IDS001MPI", "IDS201CareContact", "IDS202CareActivity", "IDS603PresentingComplaints", *SCORES)


def soiled_stems(seed: int) -> dict[str, str]:
    """File names in the cases different releases use."""
    rng = np.random.default_rng(seed)
    kinds = (str.lower, str.upper, lambda s: s[:6] + s[6:].lower(), lambda s: s)
    return {name: kinds[int(rng.integers(0, len(kinds)))](name) for name in TABLES}


def soil(name: str, table: Table, rng: np.random.Generator) -> Table:
    """One chunk of a table with defects: every column becomes text.

    Codes in several spellings; field names of the other version and in other case; some rows twice; further score rows
    with impossible values; contacts and activities that belong to no known referral.
    """
    out = {k: v.cast(pa.string()) for k, v in table.items()}
    for column in CODES.get(name, ()):
        out[column] = _spellings(out[column], rng)
    n = len(next(iter(out.values())))
    if name in SCORES and n:
        out = _concat(out, _impossible(pick(out, _some(n, 0.004, rng)), rng))
    if name in REPEATED and n:
        out = _concat(out, pick(out, _some(n, 0.01, rng)))
    if name == "IDS201CareContact" and n:
        out = _concat(
            out, _orphans(pick(out, _some(n, 0.002, rng)), "PathwayID", ("CareContactId", "ServiceRequestId"))
        )
    if name == "IDS202CareActivity" and n:
        out = _concat(out, _orphans(pick(out, _some(n, 0.002, rng)), "CareContactId", ("CareActId", "PathwayID")))
    return {_renamed(k): v for k, v in out.items()}


def _spellings(column: pa.Array, rng: np.random.Generator) -> pa.Array:
    n = len(column)
    u = rng.random(n)
    bare = pc.utf8_ltrim(column, "0")
    bare = pc.if_else(pc.equal(bare, ""), column, bare)
    padded = pc.if_else(pc.equal(pc.utf8_length(column), 1), pc.binary_join_element_wise("0", column, ""), column)
    padded = pc.if_else(pc.utf8_is_digit(column), padded, column)
    out = column
    for low, high, other in (
        (0.0, 0.15, pc.binary_join_element_wise(" ", bare, "")),
        (0.15, 0.3, pc.binary_join_element_wise(bare, " ", "")),
        (0.3, 0.45, padded),
        (0.45, 0.6, bare),
    ):
        out = pc.if_else(pa.array((u >= low) & (u < high)), other, out)
    return out


def _impossible(rows: Table, rng: np.random.Generator) -> Table:
    n = len(next(iter(rows.values())))
    return rows | {
        "PersScore": pa.array(np.array(IMPOSSIBLE)[rng.integers(0, len(IMPOSSIBLE), n)], pa.string()),
        "UniqueID_Score": pc.binary_join_element_wise("9", rows["UniqueID_Score"], ""),
    }


def _orphans(rows: Table, link: str, also: tuple[str, ...]) -> Table:
    return rows | {k: pc.binary_join_element_wise("X", rows[k], "") for k in (link, *also)}


def _concat(a: Table, b: Table) -> Table:
    return {k: pa.concat_arrays([a[k], b[k]]) for k in a}


def _some(n: int, share: float, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.flatnonzero(rng.random(n) < share)


def _renamed(column: str) -> str:
    other = {
        "SourceOfReferralIAPT": "SourceOfReferralMH",
        "SourceOfReferralMH": "SourceOfReferralIAPT",
        "ConsMechanism": "ConsMediumUsed",
        "ConsMediumUsed": "ConsMechanism",
        "PathwayID": "PathwayId",
        "EthnicCategory": "ETHNICCATEGORY",
        "AttendOrDNACode": "AttendOrDnaCode",
        "LSOA": "lsoa",
    }
    return other.get(column, column)
