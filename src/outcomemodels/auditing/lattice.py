"""The lattice of questions, from "does treatment matter at all" down to "which, for whom, by whom, where".

Every node is judged for its best-supplied case: the two treatments, the problem, the therapist, the kind of client and
the setting with most courses under them. What cannot be answered there can be answered nowhere in these data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.asked import Asked, Target, targets_of
from outcomemodels.auditing.counting import is_vague, spoken
from outcomemodels.auditing.courses import Courses
from outcomemodels.auditing.gates import Answerable, Ground, rows_of
from outcomemodels.auditing.supporting import near
from outcomemodels.auditing.verdict import Comparison, judge
from outcomemodels.schema import Facet, Field, Kind

PARTS = ("problem", "therapist", "client", "setting")
WORDS = {
    "problem": "for this problem",
    "therapist": "by this therapist",
    "client": "for this client",
    "setting": "in this setting",
}
TOP = ("at all",)
MOST_TREATMENTS = 8
"""Treatments tried against the most frequent one for the top node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatticeNode:
    """One question of the lattice.

    Parameters
    ----------
    parts : tuple of str
        What is named beside the treatment; ("at all",) at the top, () for treatment against treatment.
    case : mapping of part to label
        The case it was judged for.
    answerable : Answerable
    gate : str
        The gate that decides; "" where all pass.
    why : str
    """

    parts: tuple[str, ...]
    case: Mapping[str, str]
    answerable: Answerable
    gate: str
    why: str

    @property
    def label(self) -> str:
        """The question in few words."""
        if self.parts == TOP:
            return "Does treatment matter at all?"
        if not self.parts:
            return "Which treatment?"
        return "Which treatment " + ", ".join(WORDS[part] for part in self.parts) + "?"

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "parts": list(self.parts),
            "label": self.label,
            "case": dict(self.case),
            "answerable": self.answerable.value,
            "gate": self.gate,
            "why": self.why,
        }


def lattice_of(ground: Ground, asked: Asked | None = None) -> tuple[LatticeNode, ...]:
    """Judge every combination of problem, therapist, client and setting, and the top.

    Parameters
    ----------
    ground : Ground
    asked : Asked, optional
        Fixes the treatments, and whatever else it names; the rest is the best-supplied case.
    """
    courses = ground.courses
    a, b = _pair(courses, asked)
    best = _best_cases(courses, a, b, asked)
    nodes = [_top(ground, a, b)]
    for size in range(len(PARTS) + 1):
        for parts in combinations(PARTS, size):
            nodes.append(_node(ground, parts, a, b, best))
    return tuple(nodes)


def _node(ground: Ground, parts: tuple[str, ...], a: str, b: str, best: Mapping[str, Mapping[str, Any]]) -> LatticeNode:
    lacking = [part for part in parts if part not in best]
    case = {"treatment": f"{a} against {b}", **{p: _words(p, best[p], ground.courses) for p in parts if p in best}}
    if lacking:
        grain = ground.courses.data.grain.value
        rows = {"cell": "published cells", "contrast": "trial contrasts"}.get(grain, "these records")
        why = f"{rows} carry no {' and no '.join(lacking)}: it cannot be put to them"
        return LatticeNode(parts=parts, case=case, answerable=Answerable.NO, gate="identifiable", why=why)
    named: dict[str, Any] = {}
    for part in parts:
        named |= best[part]
    return _as_node(parts, case, judge(ground, Target(a=a, b=b, **named)))


def _as_node(parts: tuple[str, ...], case: Mapping[str, str], found: Comparison) -> LatticeNode:
    decides = found.deciding
    return LatticeNode(
        parts=parts,
        case=case,
        answerable=found.answerable,
        gate="" if decides is None else decides.name,
        why="all gates pass" if decides is None else decides.sentence,
    )


def _top(ground: Ground, a: str, b: str) -> LatticeNode:
    """Answerable as soon as any treatment can be compared with the most frequent one."""
    others = [t for t in _by_courses(ground.courses) if t != b][:MOST_TREATMENTS] or [a]
    found = judge(ground, Target(a=others[0], b=b))
    for other in others[1:]:
        if found.answerable is Answerable.YES:
            break
        found = min(found, judge(ground, Target(a=other, b=b)), key=lambda c: c.answerable.rank)
    return _as_node(TOP, {"treatment": f"{found.target.a} against {found.target.b}"}, found)


def _by_courses(courses: Courses) -> list[str]:
    """Treatments with any outcome, most courses first, vague ones last."""
    if courses.treatment is None:
        return []
    labels, codes = courses.labels(courses.treatment), courses.codes[courses.treatment.name]
    seen = courses.usable & (codes >= 0)
    count = np.bincount(codes[seen], weights=courses.n[seen], minlength=len(labels))
    order = sorted(np.flatnonzero(count), key=lambda i: (is_vague(labels[i]), -count[i]))
    return [labels[i] for i in order]


def _pair(courses: Courses, asked: Asked | None) -> tuple[str, str]:
    """The treatments asked about, else the two most frequent that any setting gave both of."""
    if asked is not None and (asked.treatments or asked.reference):
        target = targets_of(asked, courses)[0]
        return target.a, target.b
    found = _by_courses(courses)
    if len(found) < 2:
        return ("", found[0]) if found else ("", "")
    reference = found[0]
    if courses.treatment is None or not courses.settings:
        return found[1], reference
    setting = courses.codes[courses.settings[0].name]
    with_reference = np.unique(setting[rows_of(courses, courses.treatment.name, reference) & courses.usable])
    for other in found[1:]:
        mine = np.unique(setting[rows_of(courses, courses.treatment.name, other) & courses.usable])
        if len(np.intersect1d(mine[mine >= 0], with_reference)):
            return other, reference
    return found[1], reference


def _best_cases(courses: Courses, a: str, b: str, asked: Asked | None) -> dict[str, dict[str, Any]]:
    """What a target needs to name each part; parts that the data do not have are left out."""
    if courses.treatment is None or not a:
        return {}
    first, second = (rows_of(courses, courses.treatment.name, label) & courses.usable for label in (a, b))
    named = None if asked is None else targets_of(asked, courses)[0]
    out: dict[str, dict[str, Any]] = {}
    if courses.problem is not None:
        label = named.problem if named is not None and named.problem else _best(courses, courses.problem, first, second)
        out |= {"problem": {"problem": label}} if label else {}
    if courses.therapist is not None:
        label = named.therapist if named and named.therapist else _best(courses, courses.therapist, first, second)
        out |= {"therapist": {"therapist": label}} if label else {}
    if named is not None and named.settings:
        out["setting"] = {"settings": named.settings}
    elif courses.settings:
        finest = max(courses.settings, key=lambda f: len(courses.labels(f)))
        label = _best(courses, finest, first, second)
        out |= {"setting": {"settings": {finest.name: label}}} if label else {}
    client = dict(named.client) if named is not None and named.client else _client(courses, first, second)
    if client:
        out["client"] = {"client": client}
    return out


def _best(courses: Courses, field: Field, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> str:
    """The level with most courses of the rarer treatment; a vague one only where there is no other."""
    codes, labels = courses.data.codes(field.name, "main"), courses.labels(field)
    seen = codes >= 0
    counts = np.stack(
        [
            np.bincount(codes[seen & arm], weights=courses.n[seen & arm], minlength=len(labels))
            for arm in (first, second)
        ]
    )
    order = sorted(range(len(labels)), key=lambda i: (is_vague(labels[i]), -counts[:, i].min(), -counts[:, i].sum()))
    return labels[order[0]] if labels and counts[:, order[0]].sum() > 0 else ""


def _client(courses: Courses, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> dict[str, Any]:
    """One thing known of the client: the best-supplied label, else a number one SD above the mean."""
    for field in courses.data.schema.of_table("main"):
        if field.facet is not Facet.CLIENT or field.kind is Kind.IDENTIFIER or field.of:
            continue
        if field.kind in (Kind.CATEGORICAL, Kind.ORDERED):
            label = _best(courses, field, first, second)
            if label:
                return {field.name: label}
        elif field.kind in (Kind.CONTINUOUS, Kind.COUNT):
            x = np.asarray(courses.data.values(field.name, "main"), dtype=float)
            value = float(np.nanmean(x) + np.nanstd(x))
            if np.isfinite(value) and near(courses, field.name, value).any():
                return {field.name: float(f"{value:.3g}")}
    return {}


def _words(part: str, named: Mapping[str, Any], courses: Courses) -> str:
    value = next(iter(named.values()))
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    field = {"problem": courses.problem, "therapist": courses.therapist}.get(part)
    return spoken(field, value)
