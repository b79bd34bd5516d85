"""PaulDataset + ModelSpec -> Design. The only place rows are dropped, and every drop is counted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.design.carrier import Design
from outcomemodels.design.observe import Accepts, Observed, observe, scale_of, target_of
from outcomemodels.design.parts import (
    Column,
    Factor,
    Number,
)
from outcomemodels.design.response import FloatArray, IntArray, OutcomeKind
from outcomemodels.design.terms import Terms, batch_of, choose_terms
from outcomemodels.errors import DataError, SpecError
from outcomemodels.schema import Facet, Field, Kind, Occasion, Statistic
from outcomemodels.spec import ModelSpec

LATE = (Occasion.DURING, Occasion.END, Occasion.FOLLOW_UP)
NOT_RECORDED = "not recorded"
"""Label given to missing values of labelled fields; it is a level like any other, not a guess."""


def build_design(data: PaulDataset, spec: ModelSpec, *, accepts: Accepts = ()) -> Design:
    """Resolve a spec against a dataset.

    Rows without the outcome (with several: without all of them), and rows without a number that enters, are dropped
    and counted by reason. Missing labels become the level "not recorded".

    Parameters
    ----------
    data : PaulDataset
    spec : ModelSpec
    accepts : tuple of OutcomeKind, or mapping of response to OutcomeKind
        What the model takes; an outcome that can be read as one of these is.

    Raises
    ------
    SpecError
        If the outcome or a term is not in the data.
    DataError
        If no row has the outcome.
    """
    if spec.outcomes:
        kinds = accepts if isinstance(accepts, Mapping) else {}
        several = {name: observe(data, spec, field, _one(kinds, name)) for name, field in spec.outcomes}
        seen = next(iter(several.values()))
        _refuse_long(several)
    else:
        several = {}
        seen = observe(data, spec, spec.outcome, () if isinstance(accepts, Mapping) else accepts)
    rows, field, repeated = seen.rows, seen.field, seen.repeated
    main_row = data.codes_of_episode()[rows] if repeated else rows
    factors = _factors(data, rows, main_row, repeated=repeated)
    numbers = _numbers(data, {n for o in (seen, *several.values()) for n in o.fields}, rows, main_row, repeated)
    client = _client_factor(data, factors)
    terms = choose_terms(
        spec,
        factors,
        numbers,
        baseline=_baseline(data, field, spec.outcome),
        grain=data.grain,
        repeated=repeated,
        client=client,
        late=frozenset(f.name for f in data.schema.of_table("main") if f.occasion in LATE),
    )
    if spec.noise_by and spec.noise_by not in factors:
        raise SpecError(f"noise_by={spec.noise_by!r} is not a labelled field", accepted=", ".join(factors))
    present = np.isfinite(seen.response.y)
    dropped = {}
    if several:
        present = np.any([np.isfinite(o.response.y) for o in several.values()], axis=0)
    dropped[f"{' and '.join(o.name for o in several.values()) or spec.outcome} missing"] = int((~present).sum())
    for name in _numbers_used(terms, numbers):
        lost = present & ~np.isfinite(numbers[name].values)
        if lost.any():
            dropped[f"{name} missing"] = int(lost.sum())
        present &= ~lost
    if not present.any():
        raise DataError(
            f"no row has both {spec.outcome!r} and the numbers that enter",
            column=spec.outcome,
            rows=[f"{reason}: {count}" for reason, count in dropped.items()],
            mend="drop the covariate that is missing, or choose another outcome",
        )
    keep = np.flatnonzero(present).astype(np.int32)
    response = seen.response.at(keep)
    factors = {n: _kept_factor(f, keep) for n, f in factors.items()}
    numbers = {n: _kept_number(v, keep) for n, v in numbers.items()}
    return Design(
        outcome=spec.outcome,
        family=seen.family,
        units=seen.units,
        direction=seen.direction,
        grain=data.grain,
        assignment=data.schema.assignment,
        unit_of_analysis="assessment" if repeated else data.grain.value,
        response=response,
        scale=scale_of(response, seen.family),
        factors=factors,
        numbers=numbers,
        columns=_columns(terms, factors, numbers),
        batches=tuple(batch_of(b) for b in terms.bars),
        noise_by=spec.noise_by,
        row=main_row[keep].astype(np.int32),
        dropped={k: v for k, v in dropped.items() if v},
        kind=seen.kind,
        levels=seen.levels,
        targets={name: target_of(name, o, keep) for name, o in several.items()},
    )


def _one(kinds: Mapping[str, OutcomeKind], name: str) -> tuple[OutcomeKind, ...]:
    return (kinds[name],) if name in kinds else ()


def _refuse_long(several: Mapping[str, Observed]) -> None:
    for name, observed in several.items():
        if observed.repeated:
            raise SpecError(
                f"response {name!r} is a measure of the assessment table, and several responses are of one row each",
                column=observed.name,
                accepted="outcomes of the main table",
                mend="derive one value a course (its last score, its slope) into the main table",
            )


# -- predictors ----------------------------------------------------------------------------------------------


def _factors(data: PaulDataset, rows: IntArray, main_row: IntArray, *, repeated: bool) -> dict[str, Factor]:
    out: dict[str, Factor] = {}
    for field in data.schema.of_table("main"):
        if field.kind.is_labelled and field.facet not in (Facet.OUTCOME, Facet.FUNCTIONING, Facet.COST):
            codes = data.codes(field.name, "main")[main_row]
            out[field.name] = _factor(field, codes, data)
    if repeated:
        for field in data.schema.of_table("assessment"):
            if field.kind.is_labelled and field.name not in out and field.name != "measure":
                out[field.name] = _factor(field, data.codes(field.name, "assessment")[rows], data)
    return out


def _factor(field: Field, codes: IntArray, data: PaulDataset) -> Factor:
    levels = [str(v) for v in data.labels(field.name)]
    if (codes < 0).any():
        if NOT_RECORDED not in levels:
            levels.append(NOT_RECORDED)
        codes = np.where(codes < 0, levels.index(NOT_RECORDED), codes)
    return Factor(field.name, field.facet, tuple(levels), codes.astype(np.int32))


def _numbers(
    data: PaulDataset, modelled: set[str], rows: IntArray, main_row: IntArray, repeated: bool
) -> dict[str, Number]:
    outcomes = set(data.outcomes) | modelled
    out: dict[str, Number] = {}
    for field in data.schema.of_table("main"):
        if field.kind not in (Kind.CONTINUOUS, Kind.COUNT) or field.name in outcomes or field.of in outcomes:
            continue
        out[field.name] = _number(field, np.asarray(data.values(field.name, "main"), dtype=float)[main_row])
    if repeated:
        for field in data.schema.of_table("assessment"):
            if field.kind in (Kind.CONTINUOUS, Kind.COUNT) and field.name != "score":
                values = np.asarray(data.values(field.name, "assessment"), dtype=float)[rows]
                out[field.name] = _number(field, values)
    return out


def _number(field: Field, values: FloatArray) -> Number:
    return Number(field.name, field.facet, field.units, values, 0.0, 1.0)


def _client_factor(data: PaulDataset, factors: dict[str, Factor]) -> str:
    keys = [f.name for f in data.schema.of_table("main") if f.kind is Kind.IDENTIFIER and f.name in factors]
    clients = [k for k in keys if data.schema[k].facet is Facet.CLIENT]
    return clients[0] if clients else ""


def _baseline(data: PaulDataset, field: Field, outcome: str) -> tuple[str, ...]:
    names = {n for n in (field.measure, outcome) if n}
    return tuple(
        f.name
        for f in data.schema.of_table("main")
        if f.occasion == "start" and f.statistic in (Statistic.VALUE, Statistic.MEAN) and f.measure in names
    )


def _numbers_used(terms: Terms, numbers: dict[str, Number]) -> list[str]:
    names = [n for t in terms.fixed for n in t] + [n for b in terms.bars for w in b.what for n in w]
    return [n for n in dict.fromkeys(names) if n in numbers]


def _kept_factor(factor: Factor, keep: IntArray) -> Factor:
    """Rows kept, and only the levels they use, in declared order."""
    codes = factor.codes[keep]
    used = np.unique(codes)
    recode = np.full(len(factor.levels), -1, dtype=np.int32)
    recode[used] = np.arange(len(used), dtype=np.int32)
    return Factor(factor.name, factor.facet, tuple(factor.levels[c] for c in used), recode[codes])


def _kept_number(number: Number, keep: IntArray) -> Number:
    values = number.values[keep]
    seen = values[np.isfinite(values)]
    centre = float(seen.mean()) if len(seen) else 0.0
    spread = float(seen.std()) if len(seen) else 0.0
    return Number(number.name, number.facet, number.units, values, centre, spread if spread > 0 else 1.0)


# -- columns ---------------------------------------------------------------------------------------------------


def _columns(terms: Terms, factors: dict[str, Factor], numbers: dict[str, Number]) -> tuple[Column, ...]:
    levels = {name: factor.levels for name, factor in factors.items()}
    centred = () in terms.fixed
    parts = column_parts(terms, levels)
    return tuple(
        _column(p, factors, numbers, centred=centred) if p else Column("intercept", (), 0.0, 1.0) for p in parts
    )


def column_parts(terms: Terms, levels: Mapping[str, tuple[str, ...]]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Parts of each fixed column, the intercept (no parts) first.

    Labelled fields are coded against their first level where the term without them is present (marginality).
    """
    present = {frozenset(t) for t in terms.fixed}
    out: list[tuple[tuple[str, str], ...]] = [()] if frozenset() in present else []
    for term in terms.fixed:
        if not term:
            continue
        choices: list[list[tuple[str, str]]] = []
        for name in term:
            if name in levels:
                rest = frozenset(n for n in term if n != name)
                choices.append([(name, v) for v in (levels[name][1:] if rest in present else levels[name])])
            else:
                choices.append([(name, "")])
        out += [tuple(parts) for parts in product(*choices)]
    return tuple(out)


def _column(
    parts: tuple[tuple[str, str], ...],
    factors: dict[str, Factor],
    numbers: dict[str, Number],
    *,
    centred: bool,
) -> Column:
    values: FloatArray = np.ones(1)
    for name, level in parts:
        part = factors[name].codes == factors[name].levels.index(level) if level else numbers[name].values
        values = values * part
    spread = float(values.std())
    name = ":".join(f"{n}[{level}]" if level else n for n, level in parts)
    return Column(name, parts, float(values.mean()) if centred else 0.0, spread if spread > 0 else 1.0)
