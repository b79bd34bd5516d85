"""Gates one and two: whether the comparison exists in the data, and whether anything links its two sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.asked import Target
from outcomemodels.auditing.association import crosstab
from outcomemodels.auditing.counting import is_vague, spoken
from outcomemodels.auditing.courses import Courses, one_to_one, used
from outcomemodels.auditing.gates import Answerable, Gate, Ground, code, rows_of
from outcomemodels.auditing.graph import connected_components, disjoint_chains
from outcomemodels.auditing.precision import estimable
from outcomemodels.schema import Facet, Field

MIN_UNITS = 2
MIN_CHAINS = 2

GRAIN = {"cell": "published cells carry", "contrast": "trial contrasts carry", "episode": "these records carry"}


def identifiable(courses: Courses, target: Target) -> Gate:
    """Everything named occurs, and the two treatments are two."""
    problem = _missing(courses, target)
    return Gate(
        name="identifiable",
        passed=not problem,
        sentence=problem or f"{target.a} and {target.b} both occur, and all that is named is recorded",
        rule="both treatments occur under names that say what they are, and everything the question names is recorded",
        otherwise=Answerable.NO,
    )


def _missing(courses: Courses, target: Target) -> str:
    no = f"{GRAIN[courses.data.grain.value]} no {{0}}: the question {{1}} cannot be put to them"
    if not courses.outcome or not courses.usable.any():
        return no.format("outcome", "'with what result'")
    if courses.treatment is None:
        return no.format("treatment", "'which treatment'")
    for label in (target.a, target.b):
        if not label:
            return "there is no second treatment to compare with"
        if not (rows_of(courses, courses.treatment.name, label) & courses.usable).any():
            return f"no course of {label} has the outcome {courses.outcome}"
        if is_vague(label):
            return f"{label!r} is not one treatment, so nothing can be said of it as one"
    for word, field, wanted, asked in (
        ("problem", courses.problem, target.problem, "'for which problem'"),
        ("therapist", courses.therapist, target.therapist, "'by whom'"),
    ):
        if wanted is None:
            continue
        if field is None:
            return no.format(word, asked)
        if code(courses, field.name, wanted) < 0:
            return f"{word} {wanted!r} does not occur in {field.name}"
    names = {f.name for f in courses.data.schema.of_table("main")}
    for name, label in target.settings.items():
        if name not in names:
            return no.format("setting", "'where'")
        if code(courses, name, label) < 0:
            return f"setting {label!r} does not occur in {name}"
    for name in target.client:
        if name not in names:
            return no.format(f"field {name!r}", f"'for a client of this {name}'")
    return ""


def connected(ground: Ground, target: Target) -> Gate:
    """Problems, settings, periods and therapists link the two treatments, by more than one chain."""
    courses = ground.courses
    assert courses.treatment is not None
    t = courses.codes[courses.treatment.name]
    a, b = (code(courses, courses.treatment.name, label) for label in (target.a, target.b))
    faults = [
        *_apart(courses, target, t, a, b),
        *_undetermined(ground, target, a, b),
        *_persons(courses, target, a, b),
    ]
    worst = max(faults, key=lambda f: f[0].rank, default=None)
    chains = _fewest_chains(courses, a, b)
    rule = f"at least {MIN_CHAINS} chains without a common link join the treatments, unless clients were randomised"
    if worst is None:
        joined = f"at least {chains:.0f} separate chains join the two"
        how = "clients were randomised" if courses.randomised else joined
        found = None if courses.randomised else chains
        return Gate(name="connected", passed=True, sentence=how, rule=rule, found=found, needed=float(MIN_CHAINS),
                    units="chains", details={"chains": chains})  # fmt: skip
    return Gate(
        name="connected", passed=False, sentence=worst[1], rule=rule, found=worst[2], needed=float(MIN_CHAINS),
        units="chains", otherwise=worst[0], details={"chains": chains},
    )  # fmt: skip


Fault = tuple[Answerable, str, float]


def _table(courses: Courses, field: Field, rows: NDArray[np.bool_] | None = None) -> np.ndarray:
    if rows is None:
        return courses.with_treatment(field)
    assert courses.treatment is not None
    shape = (len(courses.labels(courses.treatment)), len(courses.labels(field)))
    t, g = (courses.codes[f.name][rows] for f in (courses.treatment, field))
    return crosstab(t, g, courses.n[rows], shape=shape)


def _apart(courses: Courses, target: Target, t: NDArray[np.int32], a: int, b: int) -> list[Fault]:
    """Factors that no chain crosses."""
    out: list[Fault] = []
    for field in (courses.problem, *courses.settings, *courses.times):
        if field is None:
            continue
        table = _table(courses, field)
        if _joined(table, a, b):
            continue
        noun = {Facet.PROBLEM: "problem", Facet.SETTING: "setting", Facet.TIME: "period"}.get(field.facet, "group")
        if courses.randomised and field.facet is Facet.SETTING and bool(((table > 0).sum(axis=0) <= 1).all()):
            units = min(int((table[i] > 0).sum()) for i in (a, b))
            if units >= MIN_UNITS:
                continue
        same = f"; {field.name} and treatment go one to one" if one_to_one(t, courses.codes[field.name]) else ""
        out.append(
            (Answerable.NO, f"no {noun} ({field.name}) gave both {target.a} and {target.b}, and no chain of them links "
             f"the two{same}", 0.0)
        )  # fmt: skip
    return out


def _joined(table: np.ndarray, a: int, b: int) -> bool:
    t, g = np.nonzero(table)
    if not ((t == a).any() and (t == b).any()):
        return True  # nothing recorded of this factor on one side: it links nothing and breaks nothing
    found = connected_components(t.astype(np.int32), g.astype(np.int32)).component_of_treatment
    return bool(found[a] == found[b] >= 0)


def _undetermined(ground: Ground, target: Target, a: int, b: int) -> list[Fault]:
    courses = ground.courses
    fixed = [f for f in (courses.problem, *courses.settings, *courses.times) if f is not None]
    if courses.randomised or len(fixed) < 2 or courses.treatment is None:
        return []
    names = tuple(f.name for f in fixed if used(courses.codes[f.name]) >= 2)
    if len(names) < 2 or estimable(ground.cells, names, courses.treatment.name, a, b):
        return []
    together = " and ".join(names)
    return [(Answerable.NO, f"{together} together leave the difference of {target.a} and {target.b} undetermined", 0.0)]


def _persons(courses: Courses, target: Target, a: int, b: int) -> list[Fault]:
    """Therapists and settings that bridge, and what it means when few or none do."""
    if courses.randomised:
        return []
    field = courses.therapist
    if field is None and not courses.settings:
        return [(Answerable.EXTRAPOLATION, "neither who delivered nor where is recorded: the difference between the "
                 "treatments includes both", 0.0)]  # fmt: skip
    out: list[Fault] = []
    if field is not None:
        table = _table(courses, field)
        units = min(int((table[i] > 0).sum()) for i in (a, b))
        if units == 0:
            out.append((Answerable.EXTRAPOLATION, f"{field.name} is not recorded where one of the two was given", 0.0))
        elif not _joined(table, a, b):
            enough = bool(courses.settings) and units >= MIN_UNITS
            out.append(
                (Answerable.EXTRAPOLATION if enough else Answerable.NO,
                 f"no {field.name} gave both {target.a} and {target.b}, and no chain links them: the difference "
                 "includes who delivers", 0.0)
            )  # fmt: skip
        elif disjoint_chains(table, a, b) < MIN_CHAINS:
            out.append(
                (Answerable.EXTRAPOLATION, f"one {field.name} alone holds {target.a} and {target.b} together", 1.0)
            )
    for setting in courses.settings:
        table = _table(courses, setting)
        if _joined(table, a, b) and (table > 0).any(axis=0).sum() > 1 and disjoint_chains(table, a, b) < MIN_CHAINS:
            alone = f"one {setting.name} alone holds {target.a} and {target.b} together"
            out.append((Answerable.EXTRAPOLATION, alone, 1.0))
    return out


def _fewest_chains(courses: Courses, a: int, b: int) -> float:
    fields = [f for f in (courses.therapist, *courses.settings) if f is not None]
    return float(min((disjoint_chains(_table(courses, f), a, b) for f in fields), default=0))


def linked_within(courses: Courses, target: Target) -> str:
    """What breaks when only courses of the named problem are looked at; "" where nothing does."""
    if courses.randomised or courses.treatment is None or courses.problem is None or target.problem is None:
        return ""
    a, b = (code(courses, courses.treatment.name, label) for label in (target.a, target.b))
    mine = rows_of(courses, courses.problem.name, target.problem)
    for field in (*courses.settings, *courses.times, courses.therapist):
        if field is None:
            continue
        if not _joined(_table(courses, field, mine), a, b):
            return (
                f"for {spoken(courses.problem, target.problem)} alone no {field.name} links {target.a} and {target.b}"
            )
    return ""
