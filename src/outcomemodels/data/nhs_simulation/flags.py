"""The simulator's own verdict on every referral, from what it did, by code that shares nothing with the outcome rules.

Thresholds stand here a second time on purpose: a reader and the rules are checked against these flags.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import END_CODES, MEASURE, PROBLEMS
from outcomemodels.data.nhs_simulation.records import DISPOSITIONS, Descriptors
from outcomemodels.data.nhs_simulation.scores import Scores
from outcomemodels.data.nhs_simulation.spells import Spells
from outcomemodels.data.nhs_simulation.visits import ASSESSMENT, COMBINED, REVIEW, TREATMENT, Ending, Visits

IntArray = NDArray[np.int64]
Columns = dict[str, NDArray[Any]]

# hundredths of a point, so that the mean score of the Mobility Inventory is compared exactly:
# least score at caseness, least fall that is reliable
_CASE = {"gad7": 800, "pcl5": 3200, "spin": 1900, "pdss": 800, "mi_alone": 231, "oci": 4000, "hai": 1800}
_RELIABLE = {"gad7": 400, "pcl5": 1000, "spin": 1000, "pdss": 600, "mi_alone": 73, "oci": 3200, "hai": 400}
_PHQ9_CASE, _PHQ9_RELIABLE = 1000, 600


def judge(
    spells: Spells,
    visits: Visits,
    ending: Ending,
    scores: Scores,
    descriptors: Descriptors,
    disposition: IntArray,
    end_code: list[str],
) -> Columns:
    """Flags of every referral, columns of dims (referral,).

    Returns
    -------
    dict of str to ndarray
        ``treatment_contacts`` (online sessions included), ``internet_sessions``, ``finished``, ``paired``,
        ``anxiety_measure``, first, last and number of scores, ``at_caseness``, ``recovered``, ``reliable``,
        ``reliable_recovery`` as yes/no/not_applicable/not_assessed, ``disposition`` (what happened),
        ``disposition_by_contacts``, ``disposition_by_end_code``, ``pathway``, waits in days (-1 none).
    """
    n = spells.n
    treating = np.isin(visits.kind, (TREATMENT, COMBINED, REVIEW)) & visits.attended
    contacts = np.bincount(visits.referral[treating], minlength=n)
    online = np.bincount(visits.referral[visits.online], minlength=n)
    any_seen = visits.attended & np.isin(visits.kind, (ASSESSMENT, TREATMENT, COMBINED, REVIEW))
    seen = np.bincount(visits.referral[any_seen], minlength=n) > 0
    finished = ~ending.open & (contacts >= 2)

    out: Columns = {"treatment_contacts": contacts, "internet_sessions": online, "finished": finished}
    pairs = {name: _ends(scores, name, n) for name in ("phq9", *_CASE)}
    out |= _verdicts(pairs, descriptors, n)
    for name in ("phq9", "gad7"):
        first, last, count = pairs[name]
        out |= {f"{name}_first": first / 100, f"{name}_last": np.where(count >= 2, last, np.nan) / 100}
        out[f"{name}_count"] = count
    by_contacts = np.select(
        [~seen, contacts == 0, ending.open & (contacts >= 1), contacts == 1],
        ["not_seen", "assessed_only", "in_treatment", "treated_once"],
        "finished",
    )
    by_contacts = np.where(ending.open & (contacts == 0), "waiting", by_contacts)
    out["disposition"] = np.array(DISPOSITIONS, dtype=object)[disposition]
    out["disposition_by_contacts"] = by_contacts.astype(object)
    out["disposition_by_end_code"] = np.array([END_CODES.get(c, "open") for c in end_code], dtype=object)
    out["end_code"] = np.array(end_code, dtype=object)
    out["problem_recorded"] = np.array([*(q.label for q in PROBLEMS), "Unspecified problem"], dtype=object)[
        descriptors.last
    ]
    first_treatment, first_seen = _first_day(visits, treating, n), _first_day(visits, any_seen, n)
    none = np.iinfo(np.int64).max
    out["wait_to_assessment"] = np.where(first_seen < none, first_seen - spells.day, -1)
    out["wait_to_treatment"] = np.where(first_treatment < none, first_treatment - spells.day, -1)
    return out


def _first_day(visits: Visits, rows: NDArray[np.bool_], n: int) -> IntArray:
    out = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(out, visits.referral[rows], visits.day[rows])
    return out


def _ends(scores: Scores, name: str, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64], IntArray]:
    """First and last score in hundredths (NaN none), and how many, dims (referral,)."""
    rows = np.flatnonzero((scores.measure == MEASURE[name]) & scores.outcome)
    rows = rows[np.lexsort((scores.day[rows], scores.referral[rows]))]
    who, value = scores.referral[rows], np.rint(scores.value[rows] * 100)
    first, last = np.full(n, np.nan), np.full(n, np.nan)
    first[who[::-1]] = value[::-1]  # written backwards, so that the earliest stays
    last[who] = value
    return first, last, np.bincount(who, minlength=n)


def _verdicts(
    pairs: dict[str, tuple[NDArray[np.float64], NDArray[np.float64], IntArray]], descriptors: Descriptors, n: int
) -> Columns:
    used = np.full(n, "", dtype=object)
    start_on = np.full(n, "", dtype=object)
    has = {name: count >= 2 for name, (_, _, count) in pairs.items()}
    own = np.array([*(q.measure for q in PROBLEMS), ""], dtype=object)[descriptors.last]
    used[has["gad7"]] = "gad7"
    start_on[pairs["gad7"][2] >= 1] = "gad7"
    for name in _CASE:
        used[(own == name) & has[name]] = name
        start_on[(own == name) & (pairs[name][2] >= 1)] = name
    start_on = np.where(used != "", used, start_on)
    paired = has["phq9"] & (used != "")
    first9, last9, _ = pairs["phq9"]
    case9, still9 = first9 >= _PHQ9_CASE, last9 >= _PHQ9_CASE
    fall9 = first9 - last9
    better = np.where(fall9 >= _PHQ9_RELIABLE, 1, 0)
    worse = np.where(-fall9 >= _PHQ9_RELIABLE, 1, 0)
    case7, still7 = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for name, limit in _CASE.items():
        rows = start_on == name
        first, last = pairs[name][0][rows], pairs[name][1][rows]
        case7[rows], still7[rows] = first >= limit, last >= limit
        better[rows] += first - last >= _RELIABLE[name]
        worse[rows] += last - first >= _RELIABLE[name]
    case = case9 | case7
    known = case | (np.isfinite(first9) & (start_on != ""))
    recovered = paired & case & ~still9 & ~still7
    improved, deteriorated = paired & (better > 0) & (worse == 0), paired & (worse > 0) & (better == 0)
    not_case = known & ~case
    words = ["not_assessed", "not_applicable", "yes"]
    return {
        "paired": paired,
        "anxiety_measure": used,
        "at_caseness": np.select([~known, case], ["not_assessed", "yes"], "no").astype(object),
        "recovered": np.select([not_case, ~paired, recovered], [words[1], words[0], words[2]], "no").astype(object),
        "reliable": np.select(
            [~paired, improved, deteriorated], ["not_assessed", "improved", "deteriorated"], "none"
        ).astype(object),
        "reliable_recovery": np.select([not_case, recovered & improved], [words[1], words[2]], "no").astype(object),
    }
