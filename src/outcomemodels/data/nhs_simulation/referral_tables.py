"""Tables with rows by person or referral: IDS001, 004, 007, 101, 602 and 603."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import (
    EMPLOYMENT,
    ETHNICITY,
    LONG_TERM,
    NO_LONG_TERM,
    PROBLEMS,
    SOURCES,
)
from outcomemodels.data.nhs_simulation.records import LATER, Descriptors
from outcomemodels.data.nhs_simulation.spells import Spells
from outcomemodels.data.nhs_simulation.tables import (
    REFRESH,
    Offsets,
    Table,
    dates,
    join,
    month_of,
    number,
    pick,
    provider,
    submission,
    words,
)
from outcomemodels.data.nhs_simulation.visits import Ending
from outcomemodels.data.nhs_simulation.world import World

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def referral_tables(
    world: World,
    spells: Spells,
    ending: Ending,
    descriptors: Descriptors,
    end_code: list[str],
    at: Offsets,
    end: int,
    v21: bool,
    rng: np.random.Generator,
) -> dict[str, Table]:
    """Tables with rows by person or referral: IDS001, 004, 007, 101, 602, 603."""
    people, n = spells.people, spells.n
    row = np.arange(n)
    service = people.service
    until = np.where(ending.open, end, ending.day)
    month = month_of(until)
    last = {"Unique_MonthID": pa.array(month), "UniqueSubmissionID": submission(month, service, REFRESH)}
    person = number("P", people.person)
    request, pathway = number("SR", at.referral + row), number("PW", at.referral + row)
    keys = {"ServiceRequestId": request, "PathwayID": pathway}
    out: dict[str, Table] = {}
    birth = spells.day - np.rint(people.age * 365.25).astype(np.int64)
    mpi = {
        "Person_ID": person,
        "OrgID_Provider": provider(service, world.n_services),
        "PersonBirthDate": dates(birth),
        "Gender": words(["1", "2", "9"], np.select([people.gender == 1, people.gender == 2], [0, 1], 2)),
    }
    if v21:
        mpi["GenderIdentity"] = words(["1", "2", "3", "Z"], _some(rng, people.gender, n))
    mpi |= {
        "EthnicCategory": words(ETHNICITY, people.ethnicity),
        "Validated_EthnicCategory": words(ETHNICITY, people.ethnicity),
        "ExBAFIndicator": words(["05", "02"], (rng.random(n) < 0.02).astype(np.int64)),
        "LanguageCodePreferred": words(["en", "pl", "ur"], rng.choice(3, n, p=[0.95, 0.03, 0.02])),
        "LSOA": number("E0", 1_000_000 + (service * 10 + people.decile - 1) * 3 + people.person % 3),
        "Age_RP_StartDate": pa.array(people.age.astype(np.int64)),
        "Age_RP_EndDate": pa.array(people.age.astype(np.int64)),
        **last,
    }
    out["IDS001MPI"] = mpi
    out["IDS004EmpStatus"] = _employment(spells, person, rng) | last
    disabled = np.flatnonzero((people.neurodevelopmental & (rng.random(n) < 0.2)) | (rng.random(n) < 0.06))
    kinds = ("02", "04", "05", "07", "08", "09", "NN", "ZZ")
    code = np.where(people.neurodevelopmental[disabled], 1, rng.integers(0, 8, len(disabled)))
    out["IDS007DisabilityType"] = {
        "Person_ID": person.take(pa.array(disabled)),
        "DisabCode": words(kinds, code),
        **pick(last, disabled),
    }
    told = np.flatnonzero((people.long_term >= 0) | (rng.random(n) < 0.3))
    listed = (*LONG_TERM, NO_LONG_TERM)
    out["IDS602LongTermCondition"] = {
        "Person_ID": person.take(pa.array(told)),
        "LongTermCondition": words(listed, np.where(people.long_term[told] >= 0, people.long_term[told], 6)),
        **pick(last, told),
    }
    out["IDS101Referral"] = _referrals(world, spells, ending, end_code, keys, person, month, v21, rng)
    out["IDS603PresentingComplaints"] = _complaints(spells, descriptors, keys, service, at, end)
    return out


def _some(rng: np.random.Generator, gender: IntArray, n: int) -> IntArray:
    same = np.select([gender == 1, gender == 2], [0, 1], 2)
    return np.where(rng.random(n) < 0.03, 3, same)


def _employment(spells: Spells, person: pa.Array, rng: np.random.Generator) -> Table:
    people, n = spells.people, spells.n
    yes = ("N", "Y", "U")
    sick = np.where(people.employment == 0, (rng.random(n) < 0.08) * 1, 2)
    hours = np.where(people.employment == 0, rng.choice(4, n, p=[0.72, 0.18, 0.07, 0.03]), -1)
    benefit = (rng.random(n) < np.where(np.isin(people.employment, (1, 3)), 0.6, 0.12)).astype(np.int64)
    return {
        "Person_ID": person,
        "EmployStatus": words(EMPLOYMENT, people.employment),
        "EmployStatusRecDate": dates(spells.day + spells.wait_assessment),
        "WeekHoursWorked": words(["01", "02", "03", "04"], hours),
        "SickAbsenceInd": words(yes, sick),
        "SSPInd": words(yes, np.minimum(sick, 1) * (rng.random(n) < 0.7)),
        "BenefitRecInd": words(yes, benefit),
        "UCInd": words(yes, benefit * (rng.random(n) < 0.7)),
        "PIPInd": words(yes, benefit * (rng.random(n) < 0.3)),
    }


def _referrals(
    world: World,
    spells: Spells,
    ending: Ending,
    end_code: list[str],
    keys: Table,
    person: pa.Array,
    month: IntArray,
    v21: bool,
    rng: np.random.Generator,
) -> Table:
    """IDS101: the last submission of every pathway, and for most an earlier one in which it was still open."""
    people, n = spells.people, spells.n
    service = people.service
    long_ago = rng.random(n) < 0.8
    onset = spells.day - np.rint(np.exp(rng.normal(6.2, 1.3, n))).astype(np.int64)
    closed = ~ending.open
    now = {
        **keys,
        "Person_ID": person,
        "OrgID_Provider": provider(service, world.n_services),
        "OrgIDComm": words([f"{s:02d}X" for s in range(world.n_services)], service),
        "ReferralRequestReceivedDate": dates(spells.day),
        "SourceOfReferralIAPT" if v21 else "SourceOfReferralMH": words(
            SOURCES, rng.choice(len(SOURCES), n, p=[0.7, 0.2, 0.03, 0.03, 0.02, 0.01, 0.01])
        ),
        "OnsetDate": dates(onset, long_ago),
        "PrevDiagCondInd": words(["N", "Y"], people.previous.astype(np.int64)),
        "EndCode": pa.array([c or None for c in end_code], pa.string()),
        "ServDischDate": dates(ending.day, closed),
        "Unique_MonthID": pa.array(month),
        "UniqueSubmissionID": submission(month, service, REFRESH),
    }
    began = month_of(spells.day)
    earlier = []
    for share, when in ((0.6, began), (0.25, (began + month) // 2)):
        rows = np.flatnonzero((when < month) & (rng.random(n) < share))
        then = pick(now, rows)
        then["EndCode"] = pa.nulls(len(rows), pa.string())
        then["ServDischDate"] = pa.nulls(len(rows), pa.date32())
        then["Unique_MonthID"] = pa.array(when[rows])
        then["UniqueSubmissionID"] = submission(when[rows], service[rows], REFRESH)
        earlier.append(then)
    return join([*earlier[:1], now, *earlier[1:]])


def _complaints(
    spells: Spells,
    d: Descriptors,
    keys: Table,
    service: IntArray,
    at: Offsets,
    end: int,
) -> Table:
    """IDS603: descriptors at assessment and later, secondary ones, invalid ones."""
    codes: list[str] = []
    start = []
    for q in PROBLEMS:
        start.append(len(codes))
        codes += q.codes
    many = np.array([len(q.codes) for q in PROBLEMS])
    first_at, blank_code, broken_code = np.array(start), len(codes), len(codes) + 1
    codes += ["-3", "XX99"]
    day = spells.day + spells.wait_assessment
    late = day + LATER

    def rows(which: BoolArray, problem: IntArray, when: IntArray, primary: bool) -> tuple[IntArray, ...]:
        r = np.flatnonzero(which & (when <= end))
        q = problem[r]
        code = np.where(q < 0, blank_code, first_at[q] + d.code[r] % many[q])
        return r, code, when[r], np.full(len(r), 0 if primary else 1)

    parts = [
        rows(d.first >= 0, d.first, day, True),
        rows(d.changed, d.last, late, True),
        rows(d.second >= 0, d.second, late + 5, False),
        rows(d.blank, np.full(spells.n, -1), day, True),
    ]
    broken = np.flatnonzero(d.broken & (late <= end))
    parts.append((broken, np.full(len(broken), broken_code), late[broken], np.zeros(len(broken), dtype=np.int64)))
    r, code, when, second = (np.concatenate(x) for x in zip(*parts, strict=True))
    month = month_of(when)
    validated = np.where(code == broken_code, -1, code)
    scheme = np.where(np.array([c == "83482000" for c in codes])[code], 1, 0)
    return {
        **pick(keys, r),
        "UniqueID_IDS603": pa.array(at.row + np.arange(len(r))),
        "FindSchemeInUse": words(["02", "04"], scheme),
        "PresComp": words([*codes[:blank_code], "ZZZ", "XX99"], code),
        "PresCompCodSig": words(["1", "2"], second),
        "PresCompDate": dates(when),
        "Validated_PresentingComplaint": words(codes, validated),
        "Unique_MonthID": pa.array(month),
        "UniqueSubmissionID": submission(month, service[r], REFRESH),
    }
