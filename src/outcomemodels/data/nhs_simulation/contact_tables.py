"""Tables with rows by contact: IDS201, 202, 205, 606 and 607."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import ARMS, EMPLOYMENT_SUPPORT, MEASURES, PROGRAMMES
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.scores import Scores
from outcomemodels.data.nhs_simulation.spells import Spells
from outcomemodels.data.nhs_simulation.tables import (
    PRIMARY,
    REFRESH,
    Offsets,
    Table,
    dates,
    join,
    local_id,
    month_of,
    number,
    pick,
    provider,
    submission,
    words,
)
from outcomemodels.data.nhs_simulation.visits import COMBINED, Visits
from outcomemodels.data.nhs_simulation.visits import EMPLOYMENT as ADVISER
from outcomemodels.data.nhs_simulation.world import HIGH, World

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


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
