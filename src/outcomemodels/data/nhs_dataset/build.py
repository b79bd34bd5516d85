"""Records to a PaulDataset: columns for the validating door, and a note for every field that stayed empty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.columns import from_columns, with_assessments
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.nhs_dataset.clients import YEAR
from outcomemodels.data.nhs_dataset.codes import NO_DAY, code_lists, therapies
from outcomemodels.data.nhs_dataset.contacts import days_between
from outcomemodels.data.nhs_dataset.dispositions import OUTCOMES, STATES
from outcomemodels.data.nhs_dataset.fields import (
    CHANGE,
    CHRONICITY,
    VERDICT,
    YES_NO,
    assessment_fields,
    client_fields,
    identity_fields,
    outcome_fields,
    score_fields,
    treatment_fields,
)
from outcomemodels.data.nhs_dataset.problems import BASES as PROBLEM_BASES
from outcomemodels.data.nhs_dataset.problems import UNSPECIFIED
from outcomemodels.data.nhs_dataset.records import Records
from outcomemodels.data.nhs_dataset.therapists import GIVES, QUALIFICATION
from outcomemodels.data.nhs_dataset.treatment import BASES, PATHWAYS
from outcomemodels.data.raw import Raw, text_column
from outcomemodels.outcomes.instruments import InstrumentSet
from outcomemodels.schema import Assignment, Field, Grain, Schema

Columns = dict[str, Any]


def dataset_of(x: Records, *, instruments: InstrumentSet, title: str, notes: tuple[str, ...]) -> PaulDataset:
    """Make the dataset; fields without a single value leave it, with a note."""
    measures = tuple(x.pairs)
    columns = {**_identity(x), **_client(x), **_treatment(x), **_outcome(x), **_scores(x, measures)}
    fields = [
        *identity_fields(), *client_fields(x.clients.gender_list), *treatment_fields(), *outcome_fields(x.rule.version)
    ]  # fmt: skip
    for name in measures:
        known = instruments[name]
        fields += score_fields(name, known.title or name, known.low, known.high, known.direction)
    fields = [_with_years(f, columns) for f in fields]
    empty = [f.name for f in fields if not f.key and _is_empty(columns[f.name])]
    if empty:
        notes = (*notes, f"nothing recorded of: {', '.join(empty)}")
    kept = [f for f in fields if f.name not in empty]
    schema = Schema(
        name="nhs_records",
        grain=Grain.EPISODE,
        fields=tuple(kept),
        assignment=Assignment.ROUTINE,
        title=title,
        source="IAPT / NHS Talking Therapies data set, record level",
        notes=notes,
    )
    for name in empty:
        del columns[name]
    made = from_columns(schema, columns, table="records", consume=True)
    if not len(x.long["referral"]):
        return made
    return with_assessments(made, assessment_fields(measures), x.long, x.long["referral"])


def _with_years(field: Field, columns: Columns) -> Field:
    if field.name != "year":
        return field
    held: Raw = columns["year"]
    return replace(field, levels=tuple(sorted(held.texts)))


def _is_empty(column: Any) -> bool:
    if isinstance(column, Raw):
        return bool(column.null.all())
    return bool(np.isnat(column).all() if column.dtype.kind == "M" else np.isnan(column.astype(float)).all())


def _labelled(codes: NDArray[Any], labels: tuple[str, ...]) -> Raw:
    """Codes and their labels as a text column; labels that no row has are left out."""
    used = np.zeros(len(labels) + 1, dtype=bool)
    used[codes] = True
    used[-1] = False
    renumber = np.where(used, np.cumsum(used) - 1, -1).astype(np.int32)
    kept = [label for label, is_used in zip(labels, used[:-1].tolist(), strict=True) if is_used]
    return text_column(renumber[np.where(codes < 0, len(labels), codes)], kept)


def _listed(codes: NDArray[Any], name: str) -> Raw:
    """Codes of an official list as its labels, where several codes can share one."""
    labels = list(code_lists()[name].labels.values())
    distinct = list(dict.fromkeys(labels))
    table = np.array([*(distinct.index(label) for label in labels), -1], dtype=np.int32)
    return _labelled(table[codes], tuple(distinct))


def _texts(values: Any) -> Raw:
    held = values.dictionary_encode()
    distinct = held.dictionary.to_pylist()
    blank = np.array([not t.strip() for t in distinct] + [True])
    codes = held.indices.to_numpy(zero_copy_only=False)
    return text_column(np.where(blank[codes], -1, codes), distinct)


def _dates(days: NDArray[np.int32]) -> NDArray[np.datetime64]:
    out = days.astype("datetime64[D]")
    out[days == NO_DAY] = np.datetime64("NaT", "D")
    return out.astype("datetime64[us]")


def _identity(x: Records) -> Columns:
    r, c = x.referrals, x.course
    month = r.received.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) - 3
    start = month // 12 + 1970
    years = np.unique(start)
    return {
        "course": text_column(np.arange(x.n, dtype=np.int32), r.course.to_pylist()),
        "client": _texts(r.person),
        "provider": _labelled(r.provider, r.providers),
        "commissioner": _labelled(r.commissioner, r.commissioners),
        "referral_source": _listed(r.referral_source, "SourceOfReferralIAPT"),
        "data_set_version": _labelled(r.version_21.astype(np.int32), ("2.0", "2.1")),
        "medium": _listed(x.medium, "ConsMechanism"),
        "therapy_mode": _listed(x.mode, "CareContPatientTherMode"),
        "received": _dates(r.received),
        "year": _labelled(np.searchsorted(years, start), tuple(f"{y}-{(y + 1) % 100:02d}" for y in years.tolist())),
        "discharged": _dates(r.discharged),
        "wait_to_assessment": days_between(r.received, c.first_seen),
        "wait_to_treatment": days_between(r.received, c.first),
        "first_to_second": days_between(c.first, c.second),
        "paused_days": x.further.paused,
    }


def _client(x: Records) -> Columns:
    k, p, r = x.clients, x.problems, x.referrals
    onset = days_between(r.onset, r.received) / YEAR
    known = (onset >= 0) & (onset <= 120)
    problem = text_column(p.code, list(p.codes))
    labels = (*p.labels(), UNSPECIFIED)
    return {
        "age": k.age,
        "gender": _listed(k.gender, k.gender_list),
        "ethnicity": _listed(k.ethnicity, "EthnicCategory"),
        "employment": _listed(k.employment, "EmployStatus"),
        "medication": _listed(k.medication, "PsychMed"),
        "deprivation": k.deprivation,
        "long_term_condition": _labelled(k.long_term, YES_NO),
        "disability": _labelled(k.disability, YES_NO),
        "chronicity": _labelled(np.where(known, np.digitize(onset, [0.5, 2, 5]), -1), CHRONICITY),
        "previous_episode": _listed(r.previous, "PrevDiagCondInd"),
        "previous_referrals": _previous(x),
        "problem": text_column(np.where(p.code < 0, len(p.codes), p.code), list(labels)),
        "problem_code": problem,
        "problem_basis": _labelled(np.where(p.basis < 0, len(PROBLEM_BASES), p.basis),
                                   (*PROBLEM_BASES, "none recorded")),
        "problem_changed": _labelled(np.where(p.code < 0, -1, p.changed.astype(np.int32)), YES_NO),
        "comorbid": _labelled(np.where(p.code < 0, -1, p.comorbid.astype(np.int32)), YES_NO),
    }  # fmt: skip


def _previous(x: Records) -> NDArray[np.float64]:
    r = x.referrals
    order = np.lexsort((np.arange(x.n), r.received, r.person_key))
    key = r.person_key[order]
    start = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: x.n])
    size = np.diff(np.append(start, x.n))
    out = np.full(x.n, np.nan)
    out[order] = np.arange(x.n) - np.repeat(start, size)
    return np.where(r.person_key == 0, np.nan, out)


def _treatment(x: Records) -> Columns:
    t, c, m = x.treatment, x.course, x.therapists
    second, second_share = m.ranked(1, x.n)
    none = t.therapy < 0
    return {
        "treatment": _labelled(t.therapy, therapies().labels),
        "treatment_share": t.share,
        "treatment_basis": _labelled(np.where((t.basis < 0) & (c.sessions > 0), len(BASES), t.basis),
                                     (*BASES, "none coded")),
        "treatment_types": np.where(none, np.nan, t.types),
        "pathway": _labelled(t.pathway, PATHWAYS),
        "sessions": c.sessions,
        "online_sessions": c.online,
        "low_intensity_contacts": np.where(none, np.nan, t.low),
        "high_intensity_contacts": np.where(none, np.nan, t.high),
        "missed_contacts": c.missed,
        "treatment_minutes": np.where(c.minutes <= 100_000, c.minutes, np.nan),
        "therapist": _labelled(x.main_therapist, m.labels),
        "therapist_share": m.ranked(0, x.n)[1],
        "therapist_2": _labelled(second, m.labels),
        "therapist_2_share": second_share,
        "therapists": m.number(x.n),
        "therapist_gives": _labelled(np.append(m.gives, -1)[x.main_therapist], GIVES),
        "qualification": _labelled(x.qualification, QUALIFICATION),
    }  # fmt: skip


def _outcome(x: Records) -> Columns:
    o, d = x.outcome, x.dispositions
    verdict = np.array([2, 0, 1], dtype=np.int32)  # NOT_APPLICABLE, NO, YES at -1, 0, 1

    def said(codes: NDArray[np.int8]) -> Raw:
        return _labelled(np.where(codes == -9, 3, verdict[np.maximum(codes, -1) + 1]), VERDICT)

    change = np.where(o.reliable == -9, 3, np.maximum(o.reliable, -1) + 1)
    return {
        "state": _labelled(d.state, STATES),
        "disposition": _labelled(d.outcome, OUTCOMES),
        "end_code": _listed(x.referrals.end_code, "EndCode"),
        "onward_referral": _labelled(x.further.onward, YES_NO),
        "end_code_agrees": _labelled(d.agrees, YES_NO),
        "finished": _labelled(o.finished.astype(np.int32), YES_NO),
        "paired": _labelled(o.paired.astype(np.int32), YES_NO),
        "anxiety_measure": _labelled(o.anxiety_measure, o.anxiety_measures),
        "at_caseness": said(o.at_caseness),
        "recovered": said(o.recovered),
        "reliable_change": _labelled(change, CHANGE),
        "reliable_recovery": said(o.reliable_recovery),
    }


def _scores(x: Records, measures: tuple[str, ...]) -> Columns:
    out: Columns = {}
    for name in measures:
        pair = x.pairs[name]
        out |= {f"{name}_start": pair.first, f"{name}_end": pair.last}
    return out
