"""Columns and identifiers of IDS tables, and the tables of services and therapists: IDS000 and IDS902."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.visits import is_pwp
from outcomemodels.data.nhs_simulation.world import IN_TRAINING, MISSING, QUALIFIED, World

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Table = dict[str, pa.Array]

TABLES = (
    "IDS000Header",
    "IDS001MPI",
    "IDS004EmpStatus",
    "IDS007DisabilityType",
    "IDS101Referral",
    "IDS201CareContact",
    "IDS202CareActivity",
    "IDS205InternetTherLog",
    "IDS602LongTermCondition",
    "IDS603PresentingComplaints",
    "IDS606CodedScoreAssessmentRefer",
    "IDS607CodedScoreAssessmentAct",
    "IDS902CarePersQual",
)
PRIMARY, REFRESH = 1, 2


@dataclass(frozen=True, slots=True)
class Offsets:
    """Numbers already used by earlier chunks, so that identifiers are unique in the folder."""

    referral: int = 0
    visit: int = 0
    activity: int = 0
    row: int = 0


def number(prefix: str, values: IntArray, valid: BoolArray | None = None) -> pa.Array:
    """Identifiers such as ``"P00012"`` from numbers; null where not valid."""
    text = pc.binary_join_element_wise(prefix, pa.array(values).cast(pa.string()), "")
    return text if valid is None else pc.if_else(pa.array(valid), text, pa.scalar(None, pa.string()))


def words(categories: tuple[str, ...] | list[str], codes: IntArray) -> pa.Array:
    """Labels from positions; null for -1."""
    listed = pa.array(categories, pa.string())
    return listed.take(pa.array(np.where(codes < 0, 0, codes), mask=codes < 0))


def dates(days: IntArray, valid: BoolArray | None = None) -> pa.Array:
    """Dates from days since 1970; null where not valid."""
    return pa.array(days.astype(np.int32), pa.int32(), mask=None if valid is None else ~valid).cast(pa.date32())


def month_of(days: IntArray) -> IntArray:
    """Unique_MonthID: months since 1900 (January 1900 is 1)."""
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months + 70 * 12 + 1)


def submission(month: IntArray, service: IntArray, version: int | IntArray) -> pa.Array:
    """UniqueSubmissionID: grows with the month, then with primary and refresh."""
    return pa.array((month * 10 + version) * 1000 + service)


def provider(service: IntArray, n: int) -> pa.Array:
    """Organisation codes of services."""
    return words([f"RX{s:03d}" for s in range(n)], service)


def join(parts: list[Table]) -> Table:
    """Rows of several tables of the same columns, one after another."""
    return {k: pa.chunked_array([t[k] for t in parts]).combine_chunks() for k in parts[0]}


def pick(table: Table, rows: IntArray) -> Table:
    """These rows."""
    at = pa.array(rows)
    return {k: v.take(at) for k, v in table.items()}


def header(world: World, first: int, last: int, version: str) -> Table:
    """IDS000: a primary and a refresh submission of every provider and month."""
    months = np.arange(month_of(np.array([first]))[0], month_of(np.array([last]))[0] + 1)
    month, service, kind = (x.ravel() for x in np.meshgrid(months, np.arange(world.n_services), [PRIMARY, REFRESH]))
    start = (month - 70 * 12 - 1).astype("datetime64[M]")
    return {
        "DatSetVer": words([version], np.zeros(len(month), dtype=np.int64)),
        "OrgIDProv": provider(service, world.n_services),
        "ReportingPeriodStartDate": dates(start.astype("datetime64[D]").astype(np.int64)),
        "ReportingPeriodEndDate": dates((start + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64) - 1),
        "Unique_MonthID": pa.array(month),
        "UniqueSubmissionID": submission(month, service, kind),
        "File_Type": words(["Primary", "Refresh"], kind - 1),
    }


def therapists(world: World, last: int, rng: np.random.Generator) -> Table:
    """IDS902: qualification of therapists; those whose state is missing have no row."""
    who = np.flatnonzero(world.therapist_state != MISSING)
    state = world.therapist_state[who]
    month = np.full(len(who), month_of(np.array([last]))[0])
    service = world.therapist_service[who]
    return {
        "CarePersLocalId": local_id(world, who),
        "OrgID_Provider": provider(service, world.n_services),
        "QualAttainLevelIAPT": words(["10", "20"], np.where(is_pwp(world, who), 0, 1)),
        "QualAwardedDate": dates(last - rng.integers(500, 4000, len(who)), state == QUALIFIED),
        "QualPlannedCompletionDate": dates(last + rng.integers(30, 500, len(who)), state == IN_TRAINING),
        "Unique_MonthID": pa.array(month),
        "UniqueSubmissionID": submission(month, service, REFRESH),
    }


def local_id(world: World, therapist: IntArray) -> pa.Array:
    """CarePersLocalId: numbered within the provider, so that the same id means others elsewhere; -1 an adviser."""
    first = np.searchsorted(world.therapist_service, np.arange(world.n_services))
    within = therapist - first[world.therapist_service[np.maximum(therapist, 0)]]
    return pc.if_else(pa.array(therapist < 0), pa.scalar("ES01"), number("T", within))
