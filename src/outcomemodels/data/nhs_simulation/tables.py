"""IDS tables of simulated referrals: columns as the data set names them, rows as services submit them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import (
    ARMS,
    EMPLOYMENT,
    EMPLOYMENT_SUPPORT,
    ETHNICITY,
    LONG_TERM,
    MEASURES,
    NO_LONG_TERM,
    PROBLEMS,
    PROGRAMMES,
    SOURCES,
)
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.records import LATER, Descriptors
from outcomemodels.data.nhs_simulation.scores import Scores
from outcomemodels.data.nhs_simulation.spells import Spells
from outcomemodels.data.nhs_simulation.visits import COMBINED, Ending, Visits, is_pwp
from outcomemodels.data.nhs_simulation.visits import EMPLOYMENT as ADVISER
from outcomemodels.data.nhs_simulation.world import HIGH, IN_TRAINING, MISSING, QUALIFIED, World

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


def referral_tables(
    p: Parameters,
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
    out["IDS004EmpStatus"] = _employment(spells, person, ending, rng) | last
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
    out["IDS101Referral"] = _referrals(world, spells, ending, end_code, keys, person, month, end, v21, rng)
    out["IDS603PresentingComplaints"] = _complaints(spells, descriptors, keys, service, at, end, rng)
    return out


def _some(rng: np.random.Generator, gender: IntArray, n: int) -> IntArray:
    same = np.select([gender == 1, gender == 2], [0, 1], 2)
    return np.where(rng.random(n) < 0.03, 3, same)


def _employment(spells: Spells, person: pa.Array, ending: Ending, rng: np.random.Generator) -> Table:
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
    end: int,
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
    rng: np.random.Generator,
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


def contact_tables(
    p: Parameters,
    world: World,
    spells: Spells,
    visits: Visits,
    scores: Scores,
    at: Offsets,
    v21: bool,
    rng: np.random.Generator,
) -> tuple[dict[str, Table], Offsets]:
    """Tables with rows by contact: IDS201, 202, 205, 606, 607; and the offsets after them."""
    service = spells.people.service[visits.referral]
    month = month_of(visits.day)
    visit = np.arange(visits.n)
    real = np.flatnonzero(~visits.online)
    again = real[rng.random(len(real)) < p["contact.resubmitted"]]
    keys = {
        "ServiceRequestId": number("SR", at.referral + visits.referral),
        "PathwayID": number("PW", at.referral + visits.referral),
        "OrgID_Provider": provider(service, world.n_services),
    }
    contact_id = number("C", at.visit + visit)
    contacts = _contacts(spells, visits, keys, contact_id, month, service, v21, rng)
    earlier = pick(contacts, again)
    was = np.where(visits.attended[again], rng.choice([0, 2, -1], len(again)), 2)
    earlier["AttendOrDNACode"] = words(["3", "4", "5"], was)
    earlier["UniqueSubmissionID"] = submission(month[again], service[again], PRIMARY)
    out = {"IDS201CareContact": join([earlier, pick(contacts, real)])}

    active = np.flatnonzero(~visits.online & (visits.attended | visits.scored))
    act_of_visit = np.full(visits.n, -1)
    act_of_visit[active] = at.activity + np.arange(len(active))
    out["IDS202CareActivity"], n_more = _activities(
        p, world, visits, keys, contact_id, active, again, act_of_visit, month, service, at, rng
    )
    out["IDS205InternetTherLog"] = _logs(world, visits, keys, month, service, rng)
    inside = np.flatnonzero(scores.inside)
    table = _score_table(scores.take(inside), at.row)
    where = scores.visit[inside]
    acts = {
        "CareActId": number("A", act_of_visit[where]),
        "PathwayID": keys["PathwayID"].take(pa.array(where)),
        **table,
        "Unique_MonthID": pa.array(month[where]),
        "UniqueSubmissionID": submission(month[where], service[where], REFRESH),
    }
    twice = np.flatnonzero(np.isin(where, again))
    old = pick(acts, twice)
    old["UniqueSubmissionID"] = submission(month[where[twice]], service[where[twice]], PRIMARY)
    low = np.maximum(scores.value[inside][twice] - (rng.random(len(twice)) < 0.3), 1)
    old["PersScore"] = pa.array(np.where(scores.value[inside][twice] >= 2, low, scores.value[inside][twice]))
    out["IDS607CodedScoreAssessmentAct"] = join([old, acts])
    outside = np.flatnonzero(~scores.inside)
    part = scores.take(outside)
    when = month_of(part.day)
    out["IDS606CodedScoreAssessmentRefer"] = {
        "ServiceRequestId": number("SR", at.referral + part.referral),
        "PathwayID": number("PW", at.referral + part.referral),
        **_score_table(part, at.row + len(inside)),
        "AssToolCompDate": dates(part.day),
        "AssToolCompTime": words(["09:30:00", "14:10:00", "21:45:00"], rng.integers(0, 3, part.n)),
        "Unique_MonthID": pa.array(when),
        "UniqueSubmissionID": submission(when, spells.people.service[part.referral], REFRESH),
    }
    return out, Offsets(
        referral=at.referral + spells.n,
        visit=at.visit + visits.n,
        activity=at.activity + len(active) + n_more,
        row=at.row + scores.n + 3 * spells.n,
    )


def _score_table(scores: Scores, first: int) -> Table:
    return {
        "CodedAssToolType": words([code for _, code in MEASURES], scores.measure),
        "PersScore": pa.array(scores.value),
        "UniqueID_Score": pa.array(first + np.arange(scores.n)),
    }


def _contacts(
    spells: Spells,
    visits: Visits,
    keys: Table,
    contact_id: pa.Array,
    month: IntArray,
    service: IntArray,
    v21: bool,
    rng: np.random.Generator,
) -> Table:
    n = visits.n
    kinds = (1, 2, 3, 5, 6, 10)
    kind = np.searchsorted(kinds, visits.kind)
    medium = rng.choice(3, n, p=[0.35, 0.4, 0.25])
    group = (rng.random(n) < 0.04) & (visits.arm >= 0) & ~HIGH[np.maximum(visits.arm, 0)]
    couple = visits.arm == next(i for i, a in enumerate(ARMS) if a.label.startswith("Couple"))
    mode = np.select([group, couple], [2, 1], 0)
    medication = spells.people.medication[visits.referral]
    minutes = np.where(visits.attended, np.where(visits.kind == COMBINED, 45, 30) + rng.integers(-5, 26, n), 0)
    return {
        "CareContactId": contact_id,
        **keys,
        "CareContDate": dates(visits.day),
        "PlannedCareContIndicator": words(["N", "Y"], visits.planned.astype(np.int64)),
        "AttendOrDNACode": words(
            ["", "1", "2", "3", "4", "5", "6", "7"], np.where(visits.attend == 0, -1, visits.attend)
        ),
        "ClinContDurOfCareCont": pa.array(minutes),
        "AppType": words([f"{k:02d}" for k in kinds], kind),
        "ConsMechanism" if v21 else "ConsMediumUsed": words(["01", "02", "11" if v21 else "03"], medium),
        "CareContPatientTherMode": words(["1", "2", "3"], mode),
        "NumGroupTherParticipants": pa.array(np.where(group, 4 + visits.day % 9, 0), mask=~group),
        "NumGroupTherFacilitators": pa.array(np.where(group, 2, 0), mask=~group),
        "PsychMed": words(["01", "02", "03"], np.where(medication, (rng.random(n) < 0.06) * 1, 2)),
        "IAPTLTCServiceInd": words(["N", "Y"], (spells.people.long_term[visits.referral] == 0).astype(np.int64)),
        "SiteIDOfTreat": number("SITE", service * 10 + visits.referral % 3),
        "InterpreterPresentInd": words(["4", "1"], (rng.random(n) < 0.02).astype(np.int64)),
        "Unique_MonthID": pa.array(month),
        "UniqueSubmissionID": submission(month, service, REFRESH),
    }


def _activities(
    p: Parameters,
    world: World,
    visits: Visits,
    keys: Table,
    contact_id: pa.Array,
    active: IntArray,
    again: IntArray,
    act_of_visit: IntArray,
    month: IntArray,
    service: IntArray,
    at: Offsets,
    rng: np.random.Generator,
) -> tuple[Table, int]:
    """IDS202: one activity of each contact; some have a second, of the same therapist or of another."""
    therapy = [*(a.snomed for a in ARMS), EMPLOYMENT_SUPPORT]
    treated = active[visits.attended[active] & (visits.session[active] >= 0)]
    u = rng.random(len(treated))
    same = treated[u < p["contact.two_activities"]]
    joint = treated[(u >= p["contact.two_activities"]) & (u < p["contact.two_activities"] + p["therapist.second"])]

    def table(rows: IntArray, ids: IntArray, arm: IntArray, who: IntArray) -> Table:
        return {
            "CareActId": number("A", ids),
            "CareContactId": contact_id.take(pa.array(rows)),
            **pick({k: keys[k] for k in ("PathwayID", "OrgID_Provider")}, rows),
            "CarePersLocalId": local_id(world, who),
            "CodeProcAndProcStatus": words(therapy, arm),
            "ClinContactDurOfCareAct": pa.array(20 + ids % 40),
            "Unique_MonthID": pa.array(month[rows]),
            "UniqueSubmissionID": submission(month[rows], service[rows], REFRESH),
        }

    arm = np.where(visits.kind[active] == ADVISER, len(ARMS), visits.arm[active])
    arm = np.where((rng.random(len(active)) < 0.02) & (arm < len(ARMS)), -1, arm)
    first = table(active, act_of_visit[active], arm, visits.therapist[active])
    further = np.concatenate([same, joint])
    ids = at.activity + len(active) + np.arange(len(further))
    other = np.where(HIGH[visits.arm[same]], len(ARMS) - 1, 4)  # "other" of the same intensity
    arms = np.concatenate([np.where(rng.random(len(same)) < 0.6, visits.arm[same], other), visits.arm[joint]])
    partner = world.pick(service[joint], visits.arm[joint], rng.random(len(joint)))
    more = table(further, ids, arms, np.concatenate([visits.therapist[same], partner]))
    rows = np.flatnonzero(np.isin(active, again))
    old = pick(first, rows)
    old["UniqueSubmissionID"] = submission(month[active[rows]], service[active[rows]], PRIMARY)
    return join([old, first, more]), len(further)


def _logs(
    world: World, visits: Visits, keys: Table, month: IntArray, service: IntArray, rng: np.random.Generator
) -> Table:
    """IDS205: online sessions; the end date is the day of the session."""
    rows = np.flatnonzero(visits.online)
    days = visits.day[rows]
    return {
        **pick(keys, rows),
        "StartDateIntEnabledTherLog": dates(days - 3),
        "EndDateIntEnabledTherLog": dates(days),
        "IntEnabledTherProg": words(PROGRAMMES, rng.integers(0, len(PROGRAMMES), len(rows))),
        "DurationIntEnabledTher": pa.array(rng.integers(10, 60, len(rows))),
        "CarePersLocalId": local_id(world, visits.therapist[rows]),
        "IntegratedSoftwareInd": words(["N", "Y"], rng.integers(0, 2, len(rows))),
        "Unique_MonthID": pa.array(month[rows]),
        "UniqueSubmissionID": submission(month[rows], service[rows], REFRESH),
    }
