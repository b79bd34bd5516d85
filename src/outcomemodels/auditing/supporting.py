"""Gates three to six: overlap, precision, how the problem was established, and who was followed to the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.asked import Target
from outcomemodels.auditing.contrasts import Aim
from outcomemodels.auditing.counting import main_field, present, spoken
from outcomemodels.auditing.courses import Courses, client_numbers
from outcomemodels.auditing.denominators import COMPLETED
from outcomemodels.auditing.expecting import Expected, expected_of
from outcomemodels.auditing.gates import Answerable, Gate, Ground, code, rows_of
from outcomemodels.auditing.identifying import linked_within
from outcomemodels.auditing.levels import established_rows
from outcomemodels.auditing.overlap import Overlap, overlap_of
from outcomemodels.auditing.precision import FLAT, Z95, half_width
from outcomemodels.schema import Established, Facet, Grain, Kind

MIN_COURSES = 20
"""Fewest courses on either side."""

SUPPORT = 0.8
"""Least share of courses whose propensity both sides cover."""

WORTHWHILE = 0.3
"""Smallest worthwhile difference in SDs within groups where the question names none: about 2 points of the PHQ-9."""

WORTHWHILE_SHARE = 0.10
"""The same for a share of clients: ten in a hundred."""

KNOWN_BY = Established.CLINICIAN_DIAGNOSIS
VERIFIED = 0.8
INTERVIEWS = 97
"""Interviews that tell a share of wrong codes to within 10 points: 1.96² · 0.25 / 0.1²."""

FOLLOWED = 0.8


def scope(courses: Courses, target: Target) -> NDArray[np.bool_]:
    """Rows of everything the question names, whichever treatment, with or without the outcome."""
    mask = np.ones(courses.data.n, dtype=bool)
    if target.problem is not None and courses.problem is not None:
        mask &= rows_of(courses, courses.problem.name, target.problem)
    if target.therapist is not None and courses.therapist is not None:
        mask &= rows_of(courses, courses.therapist.name, target.therapist)
    for name, label in target.settings.items():
        mask &= rows_of(courses, name, label)
    for name, value in target.client.items():
        mask &= near(courses, name, value)
    return mask


def near(courses: Courses, name: str, value: str | float) -> NDArray[np.bool_]:
    """Clients like the one asked about: the same label, or within half an SD of the number."""
    if courses.data.schema[name].kind.is_labelled:
        return rows_of(courses, name, str(value))
    x = np.asarray(courses.data.values(name, "main"), dtype=float)
    spread = float(np.nanstd(x)) or 1.0
    return np.asarray(np.abs(np.nan_to_num(x, nan=np.inf) - float(value)) <= 0.5 * spread)


def arms(courses: Courses, target: Target) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows of either treatment, dims (row,)."""
    assert courses.treatment is not None
    return (
        rows_of(courses, courses.treatment.name, target.a),
        rows_of(courses, courses.treatment.name, target.b),
    )


def overlapping(ground: Ground, target: Target) -> Gate:
    """Both treatments were given to the kind of client asked about."""
    courses = ground.courses
    mine = scope(courses, target) & courses.usable
    a, b = arms(courses, target)
    counts = [float(courses.n[mine & arm].sum()) for arm in (a, b)]
    fewest = min(counts)
    rule = f"at least {MIN_COURSES} courses of each, {SUPPORT:.0%} of them in the range of both"
    said = f"{counts[0]:,.0f} courses of {target.a} and {counts[1]:,.0f} of {target.b}"
    details = {"courses_a": counts[0], "courses_b": counts[1]}
    if max(counts) == 0 or fewest < MIN_COURSES:
        nothing = max(counts) == 0
        return Gate(
            name="overlapping", passed=False, rule=rule, found=fewest, needed=float(MIN_COURSES), units="courses",
            details=details,
            sentence=said + (": nothing of the kind asked about" if nothing else f"; fewer than {MIN_COURSES}"),
            otherwise=Answerable.NO if nothing else Answerable.EXTRAPOLATION,
        )  # fmt: skip
    apart = linked_within(courses, target)
    if apart:
        return Gate(name="overlapping", passed=False, rule=rule, sentence=apart, details=details, found=0.0, needed=1.0,
                    units="links",
                    otherwise=Answerable.EXTRAPOLATION)  # fmt: skip
    if courses.randomised:
        return Gate(name="overlapping", passed=True, rule=rule, sentence=f"{said}, randomised", found=fewest,
                    needed=float(MIN_COURSES), units="courses", details=details)  # fmt: skip
    found = _propensity(courses, target, mine & (a | b), a)
    return _judged(found, rule, said, details)


def _judged(found: Overlap, rule: str, said: str, details: dict[str, float]) -> Gate:
    support, effective = found.common_support, min(found.effective)
    if support is None:
        return Gate(name="overlapping", passed=True, rule=rule, details=details, found=min(found.courses),
                    needed=float(MIN_COURSES), units="courses",
                    sentence=f"{said}; nothing is recorded to adjust for")  # fmt: skip
    details = {
        **details, "common_support": support, "effective_a": found.effective[0], "effective_b": found.effective[1],
        "largest_weight": found.largest_weight or 0.0,
    }  # fmt: skip
    said += (
        f"; {support:.0%} of them in the range of both by {', '.join(found.adjusted)}; after weighting worth "
        f"{found.effective[0]:,.0f} and {found.effective[1]:,.0f}"
    )
    narrow = support < SUPPORT
    passed = not narrow and effective >= MIN_COURSES
    return Gate(
        name="overlapping", passed=passed, rule=rule, sentence=said, details=details,
        found=support if passed or narrow else effective, needed=SUPPORT if passed or narrow else float(MIN_COURSES),
        units="share" if passed or narrow else "courses after weighting", otherwise=Answerable.EXTRAPOLATION,
    )  # fmt: skip


def _propensity(courses: Courses, target: Target, rows: NDArray[np.bool_], a: NDArray[np.bool_]) -> Overlap:
    numbers = {k: v[rows] for k, v in client_numbers(courses.data).items() if k not in target.client}
    if courses.start is not None:
        numbers = {"start": courses.start[rows], **numbers}
    groups = {f.name: courses.codes[f.name][rows] for f in courses.settings if f.name not in target.settings}
    if courses.problem is not None and target.problem is None:
        groups[courses.problem.name] = courses.codes[courses.problem.name][rows]
    for f in courses.data.schema.of_table("main"):
        few = f.kind in (Kind.CATEGORICAL, Kind.ORDERED) and f.facet is Facet.CLIENT and not f.of
        if few and len(courses.data.labels(f.name)) <= 12 and f.name not in target.client:
            groups[f.name] = courses.data.codes(f.name, "main")[rows]
    return overlap_of(a[rows], numbers, groups, courses.n[rows])


def worthwhile_of(ground: Ground, target: Target) -> float:
    """The question's own smallest worthwhile difference, or the stated default, in outcome units."""
    if target.worthwhile:
        return target.worthwhile
    return WORTHWHILE_SHARE if ground.courses.binomial else WORTHWHILE * ground.components.noise


def in_words(ground: Ground, target: Target) -> str:
    """The problem asked about as it stands in a sentence."""
    return spoken(ground.courses.problem, target.problem)


def aim_of(ground: Ground, target: Target) -> Aim:
    """Codes of what the question names."""
    courses = ground.courses
    assert courses.treatment is not None
    named: dict[str, int] = {}
    if target.problem is not None and courses.problem is not None:
        named[courses.problem.name] = code(courses, courses.problem.name, target.problem)
    if target.therapist is not None and courses.therapist is not None:
        named[courses.therapist.name] = code(courses, courses.therapist.name, target.therapist)
    for name, label in target.settings.items():
        if name in courses.codes:
            named[name] = code(courses, name, label)
    for field in courses.times:
        if isinstance(target.when.get(field.name), str):
            named[field.name] = code(courses, field.name, str(target.when[field.name]))
    a, b = (code(courses, courses.treatment.name, label) for label in (target.a, target.b))
    return Aim(treatment=courses.treatment.name, a=a, b=b, named=named, new=(*target.new, "time"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Expected 95 % half-widths of one comparison, outcome units.

    ``alone`` from courses of the kind asked about and ``pooled`` with borrowing from other treatments and problems,
    both for the average over therapists and settings that are not named.
    """

    alone: float
    pooled: float


def widths(ground: Ground, target: Target) -> Widths:
    """Half-widths of one comparison in closed form."""
    aim = aim_of(ground, target)
    modified = Z95 * _client_variance(ground, target) ** 0.5
    own = ground.free if target.problem is None else ground.alone
    return Widths(
        alone=float(np.hypot(half_width(own, aim), modified)),
        pooled=float(np.hypot(half_width(ground.pooled, aim), modified)),
    )


def fitted_width(ground: Ground, target: Target) -> Expected:
    """What a fitted answer will show, for one new therapist in one new setting where none is named."""
    return expected_of(ground, aim_of(ground, target), _client_variance(ground, target))


def average_width(ground: Ground, target: Target) -> Expected:
    """The same with therapists, settings and problems that are not named averaged over."""
    return expected_of(ground, replace(aim_of(ground, target), new=()), _client_variance(ground, target))


def _client_variance(ground: Ground, target: Target) -> float:
    """What a client's own characteristics add: the variance of the difference in slope, or in the label's courses."""
    courses, out = ground.courses, 0.0
    mine = courses.usable
    for name, value in target.client.items():
        labelled = courses.data.schema[name].kind.is_labelled
        counts = [float(courses.n[mine & arm & (near(courses, name, value) if labelled else True)].sum())
                  for arm in arms(courses, target)]  # fmt: skip
        z2 = 1.0
        if not labelled:
            x = np.asarray(courses.data.values(name, "main"), dtype=float)
            z2 = ((float(value) - float(np.nanmean(x))) / (float(np.nanstd(x)) or 1.0)) ** 2
        out += z2 * ground.components.noise**2 * sum(1 / max(c, 1 / FLAT**2) for c in counts)
    return out


def precise(ground: Ground, target: Target) -> Gate:
    """The expected interval of the average difference is narrow enough to see the smallest worthwhile one."""
    needed = worthwhile_of(ground, target)
    w = widths(ground, target)
    units = ground.courses.units
    said = f"expected half-width of the 95% interval, in closed form, {w.alone:.2g} {units}; smallest worthwhile "
    said += f"difference {needed:.2g}"
    if w.pooled < 0.99 * w.alone:
        said += f"; {w.pooled:.2g} when borrowing from other treatments and problems"
    single = fitted_width(ground, target)
    who = " and ".join(r for r in target.new if r != "problem") or "case"
    of = f" for one new {who}" if single.half_width > 1.1 * w.pooled else ""
    between = f"{single.low:.2g} to {single.high:.2g}: " if single.high > 1.15 * single.low else ""
    said += f"; a fitted answer{of} will show about {single.half_width:.2g} ({between}{single.how})"
    return Gate(
        name="precise enough",
        passed=w.alone <= needed,
        rule="half-width of the average difference no larger than the smallest worthwhile difference",
        found=w.alone,
        needed=needed,
        units=units,
        sentence=said,
        otherwise=Answerable.EXTRAPOLATION if w.alone > needed >= w.pooled else Answerable.NO,
        details={
            "half_width": w.alone,
            "half_width_pooled": w.pooled,
            "half_width_single": single.half_width,
            "half_width_single_low": single.low,
            "half_width_single_high": single.high,
        },
    )


def verified(ground: Ground, target: Target) -> Gate:
    """The problem asked about was established by more than a service's code."""
    courses = ground.courses
    rule = f"{VERIFIED:.0%} of courses diagnosed by a clinician or better, or {INTERVIEWS} of them by interview"
    if target.problem is None or courses.problem is None:
        return Gate(name="verified", passed=True, rule=rule, sentence="no problem is asked about")
    a, b = arms(courses, target)
    mine = scope(courses, target) & courses.usable & (a | b)
    level, n = established_rows(courses.data, courses.problem)[mine], courses.n[mine]
    whole = float(n.sum())
    known = float(n[level >= KNOWN_BY].sum()) / whole if whole else 0.0
    interviews = float(n[level >= Established.STRUCTURED_INTERVIEW].sum())
    passed = known >= VERIFIED or interviews >= INTERVIEWS
    top = int(np.bincount(level[level >= 0], weights=n[level >= 0], minlength=1).argmax()) if (level >= 0).any() else 0
    return Gate(
        name="verified", passed=passed, rule=rule, found=known, needed=VERIFIED, units="share",
        otherwise=Answerable.EXTRAPOLATION,
        sentence=f"{in_words(ground, target)}: {known:.0%} diagnosed by a clinician or better, {interviews:,.0f} by "
        f"interview; most by {Established(top).label.replace('_', ' ')}",
        details={"interviews": interviews, "courses": whole},
    )  # fmt: skip


def followed(ground: Ground, target: Target) -> Gate:
    """Those who began are those whose outcome is known."""
    courses = ground.courses
    rule = f"outcome known for at least {FOLLOWED:.0%} of those who began either treatment"
    late = _too_late(courses, target)
    if late:
        return Gate(name="followed up", passed=False, rule=rule, sentence=late, otherwise=Answerable.NO)
    only = _only_completers(courses)
    a, b = arms(courses, target)
    mine = scope(courses, target)
    shares: list[float] = []
    details: dict[str, float] = {}
    for side, arm in (("a", a), ("b", b)):
        began = float(courses.weight[mine & arm].sum())
        known = float(np.minimum(courses.n, courses.weight)[mine & arm].sum())
        shares.append(known / began if began else 1.0)
        details |= {f"began_{side}": began, f"known_{side}": known}
    lowest = min(shares)
    said = f"outcome known for {shares[0]:.0%} of {target.a} and {shares[1]:.0%} of {target.b}"
    return Gate(
        name="followed up", passed=lowest >= FOLLOWED and not only, rule=rule, found=lowest, needed=FOLLOWED,
        units="share", otherwise=Answerable.EXTRAPOLATION, details=details,
        sentence=said + (f"; {only}" if only else ""),
    )  # fmt: skip


def _only_completers(courses: Courses) -> str:
    if courses.data.grain is Grain.CELL and not courses.randomised:
        return "the published cells hold finished courses only, and not how many began"
    field = main_field(courses.data, Facet.DISPOSITION)
    if field is None or not present(courses.data, field).any():
        return ""
    codes = courses.data.codes(field.name, "main")
    there = [courses.labels(field)[i].lower() for i in np.unique(codes[codes >= 0])]
    if all(any(word in label for word in COMPLETED) for label in there):
        return f"{field.name} is {', '.join(there)} throughout: those who left early are not in the file"
    return ""


def _too_late(courses: Courses, target: Target) -> str:
    weeks = target.when.get("weeks")
    if weeks is None or isinstance(weeks, str) or not courses.data.n_assessments:
        return ""
    scored = np.isfinite(np.asarray(courses.data.values("score", "assessment"), dtype=float))
    last = float(np.nanmax(np.asarray(courses.data.values("weeks", "assessment"), dtype=float)[scored], initial=0.0))
    return f"no score was taken after week {last:g}; week {weeks:g} is asked about" if weeks > 1.1 * last else ""
