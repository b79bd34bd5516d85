"""Which terms enter: from the facets present, from names, or from a formula. Decides; builds no arrays.

The automatic rule (Paul's columns as batches, Gelman 2005, doi 10.1214/009053604000001048):

* fixed columns: the start score of the same measure, numbers and small labelled fields of the client facet,
  further treatment fields (a concurrent drug), and weeks when the rows are scores in time; fields that only arise
  during treatment (occasion "during" or later) never enter on their own account;
* batches: treatment, problem, therapist, every setting field, labelled time fields and assessor, when they have
  at least two levels; client when the rows are scores in time;
* crossings treatment:problem, therapist:treatment, setting:treatment, and for cells the full crossing, when
  observed in more than one combination per level; of courses only the first setting field is crossed (records have
  five or more, and every one crossed with everything makes thousands of effects that no course bears on), and the
  setting with the problem only where it is the only one;
* slopes of the start score and of client numbers by treatment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from outcomemodels.design.formula import BarTerm, FixedTerm, parse_formula
from outcomemodels.design.parts import Batch, Factor, Number
from outcomemodels.errors import SpecError
from outcomemodels.schema import Facet, Grain
from outcomemodels.spec import ModelSpec

MAX_LEVELS = 12
"""Labelled client fields with more levels than this do not enter as fixed columns on their own account."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Fixed terms (products of fields; empty is the intercept) and batches by field names."""

    fixed: tuple[tuple[str, ...], ...]
    bars: tuple[BarTerm, ...]


def choose_terms(
    spec: ModelSpec,
    factors: Mapping[str, Factor],
    numbers: Mapping[str, Number],
    *,
    baseline: tuple[str, ...],
    grain: Grain,
    repeated: bool,
    client: str,
    late: frozenset[str] = frozenset(),
) -> Terms:
    """Resolve the terms of a spec against the fields there are.

    Parameters
    ----------
    baseline : tuple of str
        Start scores of the outcome's measure.
    repeated : bool
        Whether the rows are scores in time, several a client.
    client : str
        Name of the client factor, or "".
    late : frozenset of str
        Fields known only once treatment runs: they are part of what treatment does, not of whom it meets.
    """
    if spec.formula:
        terms = _from_formula(spec.formula)
    else:
        early = {n: f for n, f in factors.items() if n not in late or f.facet not in (Facet.TREATMENT, Facet.SETTING)}
        fixed = _fixed(spec, early, numbers, baseline, repeated=repeated)
        named = spec.batches
        bars = (
            tuple(_bar(name) for name in named)
            if named is not None
            else _auto_bars(early, fixed, numbers, grain=grain, repeated=repeated, client=client)
        )
        terms = Terms(((), *((name,) for name in fixed)), bars)
    _check(terms, factors, numbers)
    return terms


def _from_formula(text: str) -> Terms:
    parsed = parse_formula(text)
    return Terms(tuple(t.fields for t in parsed.fixed if isinstance(t, FixedTerm)), parsed.bars)


def _bar(name: str) -> BarTerm:
    """Read a batch by name: ``therapist``, ``treatment:problem``, ``age|treatment``, ``1 + weeks|client``."""
    what, bar, by = name.rpartition("|")
    factors = tuple(p.strip() for p in by.split(":"))
    if not bar:
        return BarTerm(((),), factors, False)
    parts = [p.strip() for p in what.split("+")]
    columns = tuple(() if p == "1" else tuple(q.strip() for q in p.split(":")) for p in parts)
    return BarTerm(columns, factors, len(columns) > 1)


def _fixed(
    spec: ModelSpec,
    factors: Mapping[str, Factor],
    numbers: Mapping[str, Number],
    baseline: tuple[str, ...],
    *,
    repeated: bool,
) -> tuple[str, ...]:
    if spec.covariates is not None:
        return spec.covariates
    out = [b for b in baseline if b in numbers]
    if repeated and "weeks" in numbers:
        out.append("weeks")
    main = main_factor(factors, Facet.TREATMENT)
    for name, number in numbers.items():
        if number.facet is Facet.CLIENT and name not in out:
            out.append(name)
    for name, factor in factors.items():
        extra_treatment = (
            factor.facet is Facet.TREATMENT
            and main is not None
            and name != main.name
            and not _determined(factor, main)
            and not _determined(main, factor)
        )
        is_client = factor.facet is Facet.CLIENT
        if (is_client or extra_treatment) and 2 <= _used(factor) <= MAX_LEVELS and name not in out:
            out.append(name)
    return tuple(out)


def main_factor(factors: Mapping[str, Factor], facet: Facet) -> Factor | None:
    """First labelled field of a facet, the one questions are put about."""
    return next((f for f in factors.values() if f.facet is facet), None)


def setting_factors(factors: Mapping[str, Factor]) -> tuple[Factor, ...]:
    """Setting factors with two or more levels, without those that merely rename an earlier one."""
    kept: list[Factor] = []
    for factor in factors.values():
        if factor.facet is not Facet.SETTING or _used(factor) < 2:
            continue
        if any(_determined(factor, k) and _determined(k, factor) for k in kept):
            continue
        kept.append(factor)
    return tuple(kept)


def _auto_bars(
    factors: Mapping[str, Factor],
    fixed: tuple[str, ...],
    numbers: Mapping[str, Number],
    *,
    grain: Grain,
    repeated: bool,
    client: str,
) -> tuple[BarTerm, ...]:
    treatment = main_factor(factors, Facet.TREATMENT)
    problem = main_factor(factors, Facet.PROBLEM)
    therapist = main_factor(factors, Facet.THERAPIST)
    settings = setting_factors(factors)
    times = tuple(f for f in factors.values() if f.facet is Facet.TIME and _used(f) >= 2)
    assessor = main_factor(factors, Facet.ASSESSOR)
    crossing = settings if grain is Grain.CELL else settings[:1]
    singles = [treatment, problem, therapist, *settings, *times, assessor]
    out = [_plain(f) for f in singles if f is not None and _used(f) >= 2]
    if treatment is not None and _used(treatment) >= 2:
        partners = [problem, therapist, *crossing, *(times if grain is Grain.CELL else ())]
        out += [_plain(treatment, p) for p in partners if p is not None and _crossed(treatment, p)]
        for name in fixed:
            if name in numbers and numbers[name].facet is not Facet.TIME:
                out.append(BarTerm(((name,),), (treatment.name,), False))
    if problem is not None and (grain is Grain.CELL or len(settings) == 1):
        out += [_plain(s, problem) for s in crossing if _crossed(problem, s)]
    if grain is Grain.CELL:
        every = [f for f in (treatment, problem, *settings, *times) if f is not None and _used(f) >= 2]
        if len(every) > 2:
            out.append(_plain(*every))
    if repeated and client:
        out.append(BarTerm(((),), (client,), False))
    return tuple(dict.fromkeys(out))


def _plain(*factors: Factor) -> BarTerm:
    return BarTerm(((),), tuple(f.name for f in factors), False)


def _used(factor: Factor) -> int:
    return len(np.unique(factor.codes))


def _pairs(a: Factor, b: Factor) -> int:
    return len(np.unique(a.codes.astype(np.int64) * (len(b.levels) + 1) + b.codes))


def _determined(a: Factor, b: Factor) -> bool:
    """Whether ``a`` is a function of ``b``."""
    return _pairs(a, b) == _used(b)


def _crossed(a: Factor, b: Factor) -> bool:
    """Whether a crossing of the two says more than either alone."""
    return _used(a) >= 2 and _used(b) >= 2 and _pairs(a, b) > max(_used(a), _used(b))


def _check(terms: Terms, factors: Mapping[str, Factor], numbers: Mapping[str, Number]) -> None:
    names = {n for t in terms.fixed for n in t} | {n for b in terms.bars for w in b.what for n in w}
    known = {*factors, *numbers}
    for name in sorted(names - known):
        raise _absent(name, known, "a field")
    for bar in terms.bars:
        for name in bar.by:
            if name not in factors:
                raise _absent(name, set(factors), "a labelled field")
        for what in bar.what:
            if len(what) > 1 or any(name not in numbers for name in what):
                raise SpecError(
                    f"slopes of {':'.join(what)!r} by {':'.join(bar.by)!r} are not slopes of one number",
                    column=":".join(what),
                    accepted="numeric fields: " + (", ".join(numbers) or "none"),
                    mend=f"cross the labelled field with the factor instead: {':'.join((*bar.by, *what))!r} as a batch",
                )


def _absent(name: str, known: set[str], what: str) -> SpecError:
    import difflib

    near = difflib.get_close_matches(name, sorted(known), n=3)
    return SpecError(
        f"{name!r} is not {what} of these data",
        column=name,
        accepted=", ".join(sorted(known)),
        mend=f"did you mean {near[0]!r}?" if near else "add the field to the schema",
    )


def batch_of(bar: BarTerm) -> Batch:
    """Batch of a bar term; products of fields are named with a colon."""
    return Batch(bar.by, tuple(":".join(w) if w else "1" for w in bar.what), bar.correlated)
